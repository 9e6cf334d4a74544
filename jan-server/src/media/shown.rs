//! What still shows media: conversations, and whatever else their owner keeps that names it (a kept completion, say). It is
//! asked only of media that is past its time.

use std::collections::HashSet;

use async_trait::async_trait;
use jan_core::conversation::Filter;
use jan_core::media::{MediaUse, RECORDS};
use jan_core::page::{MAX_LIMIT, Order, PageRequest};
use jan_core::{ErrorKind, Result, UserId};
use jan_llm::Store;

/// Looks through all that an owner keeps.
pub(crate) struct Shown(pub(crate) Store);

/// What is looked for, and what of it was found.
struct Search<'a> {
    ids: &'a [String],
    found: HashSet<String>,
}

impl Search<'_> {
    fn look(&mut self, text: &str) {
        let new = self.ids.iter().filter(|id| !self.found.contains(*id) && text.contains(id.as_str()));
        let new: Vec<String> = new.cloned().collect();
        self.found.extend(new);
    }

    fn is_over(&self) -> bool {
        self.ids.iter().all(|id| self.found.contains(id))
    }
}

#[async_trait]
impl MediaUse for Shown {
    async fn in_use(&self, owner: &UserId, ids: &[String]) -> Result<HashSet<String>> {
        let mut search = Search { ids, found: HashSet::new() };
        self.conversations(owner, &mut search).await?;
        self.records(owner, &mut search).await?;
        Ok(search.found)
    }
}

impl Shown {
    async fn conversations(&self, owner: &UserId, search: &mut Search<'_>) -> Result<()> {
        let mut page = PageRequest { limit: MAX_LIMIT, after: None, order: Order::Asc };
        loop {
            let found = self.0.conversations.list(owner, &Filter::default(), &page).await?;
            for conversation in &found.items {
                self.items(owner, &conversation.id, search).await?;
                if search.is_over() {
                    return Ok(());
                }
            }
            page.after = found.items.last().map(|last| last.id.clone());
            if !found.has_more {
                return Ok(());
            }
        }
    }

    /// The items of one conversation, on all its branches.
    async fn items(&self, owner: &UserId, id: &str, search: &mut Search<'_>) -> Result<()> {
        let mut after = (0, 0);
        loop {
            let items = match self.0.archive.placed(owner, id, after, MAX_LIMIT).await {
                // Deleted in this moment.
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
                items => items?,
            };
            let Some(last) = items.last().map(|last| (last.branch, last.place)) else { return Ok(()) };
            after = last;
            for item in &items {
                search.look(&String::from_utf8_lossy(&item.body.to_bytes()));
            }
        }
    }

    async fn records(&self, owner: &UserId, search: &mut Search<'_>) -> Result<()> {
        let mut after: Option<(String, String)> = None;
        while !search.is_over() {
            let place = after.as_ref().map(|(kind, id)| (kind.as_str(), id.as_str()));
            let records = self.0.records.everything(owner, place, MAX_LIMIT).await?;
            let Some(last) = records.last() else { return Ok(()) };
            after = Some((last.kind.clone(), last.id.clone()));
            // What ends by itself shows nothing.
            let lasting =
                records.iter().filter(|record| record.kind != RECORDS && record.expires_at.is_none());
            lasting.for_each(|record| search.look(&record.body));
        }
        Ok(())
    }
}
