//! Tests of reading page by page while others write: an item that exists from the first page to the last is read
//! exactly once, and no item is read twice. A random number generator decides what is written between two pages; the
//! same seed gives the same writes.

use std::collections::BTreeSet;

use super::conversations::{append_to, conversation, create_with_messages, fork, messages};
use super::records::record;
use super::{NOON, Stores, new_owner, page};
use crate::UserId;
use crate::conversation::{Conversation, Filter, ForkPoint, MAIN, Selection};
use crate::page::{Order, PageRequest};
use crate::record::{Record, RecordStore};

/// The number of rounds that the suites run.
pub const SEEDS: u64 = 40;
/// After this number of pages the writers stop, so that the reader reaches the end.
const BUSY_PAGES: usize = 30;

/// A list of records.
pub async fn of_records(store: &dyn RecordStore, seed: u64) {
    let me = new_owner();
    // A deleted record no longer works as a cursor. So the record that the reader uses as its cursor is never deleted.
    read_while_others_write(&RecordList { store, me }, Random(seed), false).await;
}

/// A list of conversations.
pub async fn of_conversations(store: &Stores, seed: u64) {
    let me = new_owner();
    read_while_others_write(&ConversationList { store, me }, Random(seed), true).await;
}

/// The items of a fork, while its parent is written to as well.
pub async fn of_items(store: &Stores, seed: u64) {
    let me = new_owner();
    let (id, main) = create_with_messages(store, &me, 12).await;
    let point = ForkPoint::After(main[seed as usize % main.len()].clone());
    store.branches.fork(&me, &id, fork("read", point)).await.unwrap();
    read_while_others_write(&ItemList { store, me, id }, Random(seed), true).await;
}

/// A list that can be read and written.
trait List {
    /// Adds an item; returns its id if it belongs to the list that is read.
    async fn add(&self, random: &mut Random) -> Option<String>;
    async fn remove(&self, id: &str);
    /// The ids of a page, and whether more follow.
    async fn page(&self, page: &PageRequest) -> (Vec<String>, bool);
}

async fn read_while_others_write(list: &impl List, mut random: Random, cursors_may_go: bool) {
    for _ in 0..random.below(25) {
        list.add(&mut random).await;
    }
    for order in [Order::Asc, Order::Desc] {
        let mut there: BTreeSet<_> = list.page(&page(100, order, None)).await.0.into_iter().collect();
        let mut stayed = there.clone();
        let mut seen: Vec<String> = Vec::new();
        let limit = 1 + random.below(7) as u32;
        for pages in 0.. {
            let request = page(limit, order, seen.last().map(String::as_str));
            let (ids, has_more) = list.page(&request).await;
            assert!(ids.len() <= limit as usize && (!has_more || ids.len() == limit as usize));
            assert!(ids.iter().all(|id| there.contains(id)), "what is read is there");
            seen.extend(ids);
            if !has_more {
                break;
            }
            for _ in 0..random.below(if pages < BUSY_PAGES { 4 } else { 1 }) {
                if random.below(2) == 0 {
                    there.extend(list.add(&mut random).await);
                    continue;
                }
                let Some(id) = there.iter().nth(random.below(there.len() as u64) as usize).cloned() else {
                    continue;
                };
                if cursors_may_go || seen.last() != Some(&id) {
                    list.remove(&id).await;
                    there.remove(&id);
                    stayed.remove(&id);
                }
            }
        }
        let once: BTreeSet<_> = seen.iter().cloned().collect();
        assert_eq!(once.len(), seen.len(), "nothing is seen twice");
        assert!(once.is_superset(&stayed), "what stayed is seen");
    }
}

struct RecordList<'a> {
    store: &'a dyn RecordStore,
    me: UserId,
}

impl List for RecordList<'_> {
    async fn add(&self, random: &mut Random) -> Option<String> {
        // Only a few different times, so that the order often depends on the ids.
        let new = Record { created_at: NOON + random.below(5) as i64, ..record("paged") };
        let id = new.id.clone();
        self.store.insert(&self.me, vec![new]).await.unwrap();
        Some(id)
    }

    async fn remove(&self, id: &str) {
        assert!(self.store.delete(&self.me, "paged", id).await.unwrap());
    }

    async fn page(&self, page: &PageRequest) -> (Vec<String>, bool) {
        let page = self.store.list(&self.me, "paged", None, page).await.unwrap().map(|record| record.id);
        (page.items, page.has_more)
    }
}

struct ConversationList<'a> {
    store: &'a Stores,
    me: UserId,
}

impl List for ConversationList<'_> {
    async fn add(&self, random: &mut Random) -> Option<String> {
        let new = Conversation { updated_at: NOON + random.below(5) as i64, ..conversation() };
        let id = new.id.clone();
        self.store.conversations.create(&self.me, new, Vec::new()).await.unwrap();
        Some(id)
    }

    async fn remove(&self, id: &str) {
        let which = Selection::Ids(vec![id.to_owned()]);
        assert_eq!(self.store.conversations.delete(&self.me, &which, NOON + 9).await.unwrap(), [id]);
    }

    async fn page(&self, page: &PageRequest) -> (Vec<String>, bool) {
        let page = self.store.conversations.list(&self.me, &Filter::default(), page).await.unwrap();
        let page = page.map(|conversation| conversation.id);
        (page.items, page.has_more)
    }
}

struct ItemList<'a> {
    store: &'a Stores,
    me: UserId,
    id: String,
}

impl List for ItemList<'_> {
    async fn add(&self, random: &mut Random) -> Option<String> {
        let branch = ["read", MAIN][random.below(2) as usize];
        let kept = self
            .store
            .conversations
            .append(&self.me, &self.id, append_to(branch, messages(1)))
            .await
            .unwrap();
        (branch == "read").then(|| kept[0].id.clone())
    }

    async fn remove(&self, id: &str) {
        self.store.conversations.delete_item(&self.me, &self.id, id, NOON + 9).await.unwrap();
    }

    async fn page(&self, page: &PageRequest) -> (Vec<String>, bool) {
        let page = self
            .store
            .conversations
            .items(&self.me, &self.id, Some("read"), page)
            .await
            .unwrap()
            .map(|item| item.id);
        (page.items, page.has_more)
    }
}

/// A generator of pseudo-random numbers, the same for the same seed (SplitMix64).
struct Random(u64);

impl Random {
    /// A number below `bound`; 0 when `bound` is 0.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)).checked_rem(bound).unwrap_or(0)
    }
}
