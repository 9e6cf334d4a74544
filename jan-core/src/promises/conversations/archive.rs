//! Archived conversations are restored unchanged, completely or not at all.

use super::*;
use crate::conversation::{Archived, PlacedItem, Selection};

pub async fn all(store: &Stores) {
    an_archive_restores_everything(store).await;
    an_existing_conversation_is_not_overwritten(store).await;
    an_inconsistent_archive_is_refused(store).await;
}

/// A conversation with a fork that took its parent's name, a deleted branch that another one shares items with, and a
/// deleted item.
async fn grown(store: &Stores, me: &UserId) -> String {
    let (id, items) = create_with_messages(store, me, 3).await;
    store.branches.fork(me, &id, fork("lower", ForkPoint::After(items[1].clone()))).await.unwrap();
    add_messages(store, me, &id, "lower", 2).await;
    let upper = Fork { parent: Some("lower".to_owned()), ..fork("upper", ForkPoint::End) };
    store.branches.fork(me, &id, upper).await.unwrap();
    store.branches.delete_branch(me, &id, "lower", NOON + 3).await.unwrap();
    let naming = Naming::TakeOver { backup: "old".to_owned() };
    let edited = Fork { naming, items: messages(1), ..fork("", ForkPoint::Before(items[2].clone())) };
    store.branches.fork(me, &id, edited).await.unwrap();
    store.conversations.delete_item(me, &id, &items[0], NOON + 4).await.unwrap();
    id
}

/// The whole archive of a conversation, read in small pages.
async fn archive(store: &Stores, me: &UserId, id: &str) -> (Archived, Vec<PlacedItem>) {
    let (mut items, mut after) = (Vec::new(), (0, 0));
    loop {
        let page = store.archive.placed(me, id, after, 2).await.unwrap();
        assert!(page.len() <= 2);
        let Some(last) = page.last() else { break };
        after = (last.branch, last.place);
        items.extend(page);
    }
    (store.archive.archived(me, id).await.unwrap(), items)
}

/// Everything that the owner can read of a conversation.
async fn seen(store: &Stores, me: &UserId, id: &str) -> (Conversation, Vec<Branch>, Vec<Vec<Item>>) {
    let branches = store.branches.branches(me, id).await.unwrap();
    let mut lines = Vec::new();
    for branch in &branches {
        lines.push(items_of(store, me, id, Some(&branch.name)).await);
    }
    (store.conversations.get(me, id).await.unwrap(), branches, lines)
}

pub async fn an_archive_restores_everything(store: &Stores) {
    let me = new_owner();
    let id = grown(store, &me).await;
    let before = seen(store, &me, &id).await;
    let (archived, items) = archive(store, &me, &id).await;
    assert_eq!((archived.branches.len(), items.len()), (4, 5));

    store.archive.delete_owner(&me).await.unwrap();
    store.archive.restore(&me, archived, items).await.unwrap();
    assert_eq!(seen(store, &me, &id).await, before);
    let next = store.conversations.append(&me, &id, append_to("upper", messages(1))).await.unwrap();
    assert_eq!(places(&next), [5], "the next item continues the numbering");
}

pub async fn an_existing_conversation_is_not_overwritten(store: &Stores) {
    let (me, other) = (new_owner(), new_owner());
    let id = grown(store, &me).await;
    let before = seen(store, &me, &id).await;
    let (archived, items) = archive(store, &me, &id).await;
    for owner in [&me, &other] {
        refused(store.archive.restore(owner, archived.clone(), items.clone()).await, ErrorKind::Conflict);
    }
    // The same items in a conversation with another id: only the last item's id exists already.
    let conversation = Conversation { id: id::short("conv_"), ..archived.conversation.clone() };
    let mut fresh = items.clone();
    let kept = fresh.len() - 1;
    fresh.iter_mut().take(kept).for_each(|item| item.id = id::short("msg_"));
    let stolen = Archived { conversation: conversation.clone(), ..archived.clone() };
    refused(store.archive.restore(&other, stolen, fresh).await, ErrorKind::Conflict);
    is_not_found(store.conversations.get(&other, &conversation.id).await);
    assert_eq!(seen(store, &me, &id).await, before);

    // Deleted, but not yet swept.
    store.conversations.delete(&me, &Selection::All, NOON + 5).await.unwrap();
    refused(store.archive.restore(&me, archived, items).await, ErrorKind::Conflict);
}

pub async fn an_inconsistent_archive_is_refused(store: &Stores) {
    let me = new_owner();
    let id = grown(store, &me).await;
    let (archived, items) = archive(store, &me, &id).await;
    store.archive.delete_owner(&me).await.unwrap();
    let wrong = |change: fn(&mut Archived, &mut Vec<PlacedItem>)| {
        let (mut archived, mut items) = (archived.clone(), items.clone());
        change(&mut archived, &mut items);
        (archived, items)
    };
    for (archived, items) in [
        wrong(|archived, _| archived.active = 99),
        wrong(|archived, _| archived.branches.clear()),
        wrong(|archived, _| archived.branches[1].number = 1),
        wrong(|archived, _| archived.branches.iter_mut().for_each(|branch| branch.name = MAIN.to_owned())),
        wrong(|archived, _| {
            archived.branches[0].root = Some(crate::conversation::Root { parent: 1, fork: 0 })
        }),
        wrong(|_, items| items[0].branch = 99),
        wrong(|_, items| items[0].place = 0),
        wrong(|_, items| items[1].place = items[0].place),
        wrong(|_, items| items[1].id = items[0].id.clone()),
    ] {
        refused(store.archive.restore(&me, archived, items).await, ErrorKind::Invalid);
        is_not_found(store.conversations.get(&me, &id).await);
    }
}
