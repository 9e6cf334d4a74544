//! What this crate keeps of each owner, as [`OwnedData`]: conversations with their items and branches, every record
//! (projects, shares, settings, usage and whatever else is kept as one), and what the public sees of shares.

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

/// The parts that this crate keeps in `store`, in the order in which they are erased. `records` says what it knows of media,
/// whose part comes first where there is one: its rows are records, and name its bytes.
pub fn parts(store: &Store, records: RecordData) -> [Arc<dyn OwnedData>; 3] {
    [
        // What could be shared goes first: a share that is made at the same time finds nothing and takes itself back.
        Arc::new(ConversationData::new(store)),
        Arc::new(PublicShareData::new(store)),
        Arc::new(records),
    ]
}

/// Looks for ids of media in texts.
struct MediaSearch<'a> {
    ids: &'a [String],
    found: HashSet<String>,
}

impl<'a> MediaSearch<'a> {
    fn new(ids: &'a [String]) -> Self {
        Self { ids, found: HashSet::new() }
    }

    fn look(&mut self, text: &str) {
        let new = self.ids.iter().filter(|id| !self.found.contains(*id) && text.contains(id.as_str()));
        let new: Vec<String> = new.cloned().collect();
        self.found.extend(new);
    }

    /// Nothing is left to be found.
    fn is_over(&self) -> bool {
        self.ids.iter().all(|id| self.found.contains(id))
    }
}

#[cfg(test)]
mod tests;
