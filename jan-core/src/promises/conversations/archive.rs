//! What was archived comes back as it was, whole or not at all.

use super::*;
use crate::conversation::{Archived, PlacedItem, Selection};

pub async fn all(store: &Stores) {
    an_archive_gives_everything_back(store).await;
    what_is_there_already_is_not_overwritten(store).await;
    what_does_not_fit_is_refused(store).await;
}

/// A conversation with a branch that took over, one that was deleted under another's feet, and a deleted item.
async fn grown(store: &Stores, me: &UserId) -> String {
    let (id, items) = begun(store, me, 3).await;
    store.branches.fork(me, &id, fork("lower", ForkPoint::After(items[1].clone()))).await.unwrap();
    say(store, me, &id, "lower", 2).await;
    let upper = Fork { parent: Some("lower".to_owned()), ..fork("upper", ForkPoint::End) };
    store.branches.fork(me, &id, upper).await.unwrap();
    store.branches.delete_branch(me, &id, "lower", NOON + 3).await.unwrap();
    let naming = Naming::TakeOver { backup: "old".to_owned() };
    let edited = Fork { naming, items: messages(1), ..fork("", ForkPoint::Before(items[2].clone())) };
    store.branches.fork(me, &id, edited).await.unwrap();
    store.conversations.delete_item(me, &id, &items[0], NOON + 4).await.unwrap();
    id
}

/// All that is archived, read in small pages.
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

/// Everything that its owner sees of a conversation.
async fn seen(store: &Stores, me: &UserId, id: &str) -> (Conversation, Vec<Branch>, Vec<Vec<Item>>) {
    let branches = store.branches.branches(me, id).await.unwrap();
    let mut lines = Vec::new();
    for branch in &branches {
        lines.push(shown(store, me, id, Some(&branch.name)).await);
    }
    (store.conversations.get(me, id).await.unwrap(), branches, lines)
}

pub async fn an_archive_gives_everything_back(store: &Stores) {
    let me = somebody();
    let id = grown(store, &me).await;
    let before = seen(store, &me, &id).await;
    let (archived, items) = archive(store, &me, &id).await;
    assert_eq!((archived.branches.len(), items.len()), (4, 5));

    store.archive.delete_owner(&me).await.unwrap();
    store.archive.restore(&me, archived, items).await.unwrap();
    assert_eq!(seen(store, &me, &id).await, before);
    let next = store.conversations.append(&me, &id, append_to("upper", messages(1))).await.unwrap();
    assert_eq!(places(&next), [5], "life goes on where it stopped");
}

pub async fn what_is_there_already_is_not_overwritten(store: &Stores) {
    let (me, other) = (somebody(), somebody());
    let id = grown(store, &me).await;
    let before = seen(store, &me, &id).await;
    let (archived, items) = archive(store, &me, &id).await;
    for owner in [&me, &other] {
        refused(store.archive.restore(owner, archived.clone(), items.clone()).await, ErrorKind::Conflict);
    }
    // The same items under another id: the last one is the first that is taken.
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

pub async fn what_does_not_fit_is_refused(store: &Stores) {
    let me = somebody();
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
