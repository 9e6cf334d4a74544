//! The test suite of the stores of conversations. There is one file for each group of operations; this file has the
//! shared helpers.

pub mod archive;
pub mod branches;
pub mod forks;
pub mod items;
pub mod kept;
pub mod lists;
pub mod owners;
pub mod recent;
pub mod sweeping;
pub mod tips;
pub mod together;

use super::{NOON, ODD, Stores, is_not_found, is_unknown_cursor, new_owner, page, pages, refused, sorted};
use crate::conversation::{Append, Branch, Conversation, Fork, ForkPoint, Item, MAIN, Naming, Tip};
use crate::page::{MAX_LIMIT, Order, PageRequest};
use crate::record::Millis;
use crate::{ErrorKind, JsonObject, UserId, id};

/// Runs the whole suite on stores of one database.
pub async fn conversations(stores: Stores) {
    let store = &stores;
    kept::all(store).await;
    lists::all(store).await;
    owners::all(store).await;
    items::all(store).await;
    recent::all(store).await;
    branches::all(store).await;
    forks::all(store).await;
    tips::all(store).await;
    archive::all(store).await;
    sweeping::all(store).await;
    together::all(store).await;
    for seed in 0..pages::SEEDS {
        pages::of_conversations(store, seed).await;
        pages::of_items(store, seed).await;
    }
}

/// A new conversation without title, metadata and items.
pub(super) fn conversation() -> Conversation {
    Conversation { id: id::short("conv_"), created_at: NOON, updated_at: NOON, ..Conversation::default() }
}

/// An item with this body.
pub(super) fn item(body: &str) -> Item {
    Item::new(id::short("msg_"), NOON, JsonObject::parse(body.to_owned().into()).unwrap())
}

/// Messages whose texts are 1, 2, 3, …
pub(super) fn messages(count: usize) -> Vec<Item> {
    let message = |n| {
        item(&format!(
            r#"{{"type":"message","role":"user","content":[{{"type":"input_text","text":"{n}"}}]}}"#
        ))
    };
    (1..=count).map(message).collect()
}

/// Creates a conversation of `me` with messages; returns its id and theirs.
pub(super) async fn create_with_messages(store: &Stores, me: &UserId, count: usize) -> (String, Vec<String>) {
    let new = conversation();
    let id = new.id.clone();
    let items = store.conversations.create(me, new, messages(count)).await.unwrap();
    (id, ids(&items))
}

pub(super) fn ids(items: &[Item]) -> Vec<String> {
    items.iter().map(|item| item.id.clone()).collect()
}

pub(super) fn places(items: &[Item]) -> Vec<i64> {
    items.iter().map(|item| item.sequence_number).collect()
}

/// Items to be added to the active branch.
pub(super) fn append(items: Vec<Item>) -> Append {
    Append { items, at: NOON + 1, ..Append::default() }
}

/// Items to be added to a branch.
pub(super) fn append_to(branch: &str, items: Vec<Item>) -> Append {
    Append { branch: Some(branch.to_owned()), ..append(items) }
}

/// Adds messages to a branch and returns their ids.
pub(super) async fn add_messages(
    store: &Stores,
    me: &UserId,
    id: &str,
    branch: &str,
    count: usize,
) -> Vec<String> {
    ids(&store.conversations.append(me, id, append_to(branch, messages(count))).await.unwrap())
}

/// A fork of MAIN with this name and without items.
pub(super) fn fork(name: &str, point: ForkPoint) -> Fork {
    Fork {
        parent: Some(MAIN.to_owned()),
        point,
        naming: Naming::New(name.to_owned()),
        description: None,
        items: Vec::new(),
        tip: Tip::Any,
        at: NOON + 2,
    }
}

/// All items of a branch, from the first to the last.
pub(super) async fn items_of(store: &Stores, me: &UserId, id: &str, branch: Option<&str>) -> Vec<Item> {
    let mut all = Vec::new();
    let mut page = PageRequest { limit: MAX_LIMIT, after: None, order: Order::Asc };
    loop {
        let next = store.conversations.items(me, id, branch, &page).await.unwrap();
        page.after = next.items.last().map(|item| item.id.clone());
        all.extend(next.items);
        if !next.has_more {
            return all;
        }
    }
}

/// The ids of all items of a branch.
pub(super) async fn item_ids(store: &Stores, me: &UserId, id: &str, branch: &str) -> Vec<String> {
    ids(&items_of(store, me, id, Some(branch)).await)
}

pub(super) async fn branch_named(store: &Stores, me: &UserId, id: &str, name: &str) -> Branch {
    let branches = store.branches.branches(me, id).await.unwrap();
    branches.into_iter().find(|branch| branch.name == name).expect("the branch is listed")
}
