//! Reading page by page while others write: what is there from the first page to the last is seen once, and nothing is
//! seen twice. Who writes what between two pages is thrown with dice, the same for the same seed.

use std::collections::BTreeSet;

use super::conversations::{append_to, begun, conversation, fork, messages};
use super::records::record;
use super::{NOON, Stores, page, somebody};
use crate::UserId;
use crate::conversation::{Conversation, Filter, ForkPoint, MAIN, Selection};
use crate::page::{Order, PageRequest};
use crate::record::{Record, RecordStore};

/// How many games the suites play.
pub const SEEDS: u64 = 40;
/// After so many pages the others are done, so that the reader comes to an end.
const BUSY_PAGES: usize = 30;

/// A list of records.
pub async fn of_records(store: &dyn RecordStore, seed: u64) {
    let me = somebody();
    // A record is deleted for good: a reader who stands on it starts anew. So nobody deletes that one.
    read_while_others_write(&RecordList { store, me }, Dice(seed), false).await;
}

/// A list of conversations.
pub async fn of_conversations(store: &Stores, seed: u64) {
    let me = somebody();
    read_while_others_write(&ConversationList { store, me }, Dice(seed), true).await;
}

/// The items of a fork, while its parent is written to as well.
pub async fn of_items(store: &Stores, seed: u64) {
    let me = somebody();
    let (id, main) = begun(store, &me, 12).await;
    let point = ForkPoint::After(main[seed as usize % main.len()].clone());
    store.branches.fork(&me, &id, fork("read", point)).await.unwrap();
    read_while_others_write(&ItemList { store, me, id }, Dice(seed), true).await;
}

/// A list that can be read and written.
trait List {
    /// Adds something: its id if it is added to what is read.
    async fn add(&self, dice: &mut Dice) -> Option<String>;
    async fn remove(&self, id: &str);
    /// The ids of a page, and whether more follow.
    async fn page(&self, page: &PageRequest) -> (Vec<String>, bool);
}

async fn read_while_others_write(list: &impl List, mut dice: Dice, cursors_may_go: bool) {
    for _ in 0..dice.below(25) {
        list.add(&mut dice).await;
    }
    for order in [Order::Asc, Order::Desc] {
        let mut there: BTreeSet<_> = list.page(&page(100, order, None)).await.0.into_iter().collect();
        let mut stayed = there.clone();
        let mut seen: Vec<String> = Vec::new();
        let limit = 1 + dice.below(7) as u32;
        for pages in 0.. {
            let request = page(limit, order, seen.last().map(String::as_str));
            let (ids, has_more) = list.page(&request).await;
            assert!(ids.len() <= limit as usize && (!has_more || ids.len() == limit as usize));
            assert!(ids.iter().all(|id| there.contains(id)), "what is read is there");
            seen.extend(ids);
            if !has_more {
                break;
            }
            for _ in 0..dice.below(if pages < BUSY_PAGES { 4 } else { 1 }) {
                if dice.below(2) == 0 {
                    there.extend(list.add(&mut dice).await);
                    continue;
                }
                let Some(id) = there.iter().nth(dice.below(there.len() as u64) as usize).cloned() else {
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
    async fn add(&self, dice: &mut Dice) -> Option<String> {
        // Few different times, so that ids decide often.
        let new = Record { created_at: NOON + dice.below(5) as i64, ..record("paged") };
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
    async fn add(&self, dice: &mut Dice) -> Option<String> {
        let new = Conversation { updated_at: NOON + dice.below(5) as i64, ..conversation() };
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
    async fn add(&self, dice: &mut Dice) -> Option<String> {
        let branch = ["read", MAIN][dice.below(2) as usize];
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

/// Numbers as good as random, the same for the same seed (SplitMix64).
struct Dice(u64);

impl Dice {
    /// A number below `bound`, 0 when that is 0.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)).checked_rem(bound).unwrap_or(0)
    }
}
