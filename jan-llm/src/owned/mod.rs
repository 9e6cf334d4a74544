//! The data that this crate stores for each owner, as [`OwnedData`]: conversations with their items and branches,
//! records (projects, shares, settings, usage, …), and public shares.

mod conversations;
mod public_shares;
mod records;

use std::collections::HashSet;
use std::sync::Arc;

use jan_core::account::OwnedData;

pub use conversations::ConversationData;
pub use public_shares::PublicShareData;
pub use records::RecordData;

use crate::store::Store;

/// The parts of this crate for [`jan_core::account::Account`], in the order in which they are to be erased. `records`
/// knows whether media has a part of its own. If so, add that part before these: the rows that name media bytes are
/// records, and erasing the records first would leave the bytes without a name.
pub fn parts(store: &Store, records: RecordData) -> [Arc<dyn OwnedData>; 3] {
    [
        // Conversations are erased before shares. A share that is created at the same time then finds no conversation,
        // and its creation deletes it again.
        Arc::new(ConversationData::new(store)),
        Arc::new(PublicShareData::new(store)),
        Arc::new(records),
    ]
}

/// Searches texts for media ids.
struct MediaSearch<'a> {
    ids: &'a [String],
    found: HashSet<String>,
}

impl<'a> MediaSearch<'a> {
    fn new(ids: &'a [String]) -> Self {
        Self { ids, found: HashSet::new() }
    }

    fn check(&mut self, text: &str) {
        let new = self.ids.iter().filter(|id| !self.found.contains(*id) && text.contains(id.as_str()));
        let new: Vec<String> = new.cloned().collect();
        self.found.extend(new);
    }

    /// Whether every id was found.
    fn is_complete(&self) -> bool {
        self.ids.iter().all(|id| self.found.contains(id))
    }
}

#[cfg(test)]
mod tests;
