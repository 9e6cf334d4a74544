//! What a request adds to its conversation, found when the request comes and again when the turn is written: meanwhile
//! the client may have added the same message as an item, or somebody else may have answered.

use std::collections::HashSet;

use jan_core::chat::Message;
use jan_core::conversation::{ForkPoint, Item, Recent, Tip};
use jan_core::{Result, UserId};

use super::Keeper;
use super::keep::Destination;
use crate::conversations::{HistoryMessage, add_members, compare, from_message, replay};
use crate::layers::media::only_before;

/// The most items of a conversation that one turn looks at, the newest.
const MAX_HISTORY: usize = 1000;

/// What a request adds, and where.
#[derive(Default)]
pub(super) struct Plan {
    /// What the model is told: what was said before and what is new.
    pub(super) talk: Vec<HistoryMessage>,
    /// What is new, as it is kept.
    pub(super) fresh: Vec<Item>,
    /// Media that only what was said before names. It may be gone.
    pub(super) old_media: HashSet<String>,
    /// What the active branch ended with.
    pub(super) tip: Tip,
    /// The item behind which an old question's new answer goes, and whether that question has an answer already.
    pub(super) again: Option<(String, bool)>,
}

impl Plan {
    /// The plan for messages that are all new.
    pub(super) fn of_new(said: Vec<Message>, now: i64) -> Result<Self> {
        let fresh = fresh(&said, now)?;
        let talk = said.into_iter().map(HistoryMessage::from).collect();
        Ok(Self { talk, fresh, tip: Tip::Empty, ..Self::default() })
    }
}

fn fresh(messages: &[Message], now: i64) -> Result<Vec<Item>> {
    let items: Vec<Vec<Item>> =
        messages.iter().map(|message| from_message(message, now)).collect::<Result<_>>()?;
    Ok(items.into_iter().flatten().collect())
}

impl Keeper {
    /// Compares what is said with what the active branch shows now.
    pub(super) async fn plan(&self, owner: &UserId, id: &str, said: &[Message]) -> Result<Plan> {
        let recent = self.recent(owner, id).await?;
        self.plan_after(&recent, said)
    }

    /// Compares what is said with what the active branch shows.
    pub(super) fn plan_after(&self, recent: &Recent, said: &[Message]) -> Result<Plan> {
        let mut told = replay(&recent.items);
        let found = compare(&told, recent.whole, said);
        for (stored, sent) in &found.known {
            if let (Some(stored), Some(sent)) = (told.get_mut(*stored), said.get(*sent)) {
                add_members(stored, sent);
            }
        }
        let again = found.again.and_then(|again| {
            told.truncate(again.after + 1);
            Some((told.last()?.item.clone()?, again.is_answered))
        });
        let new: Vec<Message> = found.new.iter().filter_map(|at| said.get(*at).cloned()).collect();
        let fresh = fresh(&new, self.clock.millis())?;
        let new: Vec<HistoryMessage> = new.into_iter().map(HistoryMessage::from).collect();
        let old_media = only_before(&told, &new);
        told.extend(new);
        Ok(Plan { talk: told, fresh, old_media, tip: recent.tip(), again })
    }

    /// Where a plan's turn goes.
    pub(super) fn destination(&self, again: Option<String>) -> Destination {
        again.map_or(Destination::End, |item| {
            let fork =
                self.conversations.take_over(ForkPoint::After(item), "Kept when a question was asked again.");
            Destination::Fork(Box::new(fork))
        })
    }

    /// The conversation and what its active branch shows: its newest [`MAX_HISTORY`] items.
    pub(crate) async fn recent(&self, owner: &UserId, id: &str) -> Result<Recent> {
        self.conversations.store().conversations.recent(owner, id, MAX_HISTORY).await
    }
}
