//! Whose it is: somebody else's conversation is not found, by whatever way it is reached.

use super::*;
use crate::conversation::{Change, Filter, ItemRef, Selection};

pub async fn all(store: &Stores) {
    somebody_elses_conversation_is_not_found(store).await;
    somebody_elses_item_is_reached_by_no_detour(store).await;
    an_owner_goes_with_everything_and_alone(store).await;
}

/// Every method that takes a conversation finds none of this id for `me`.
pub(super) async fn finds_nothing(store: &Stores, me: &UserId, id: &str, item: &str) {
    let members = || JsonObject::parse(r#"{"status":"stolen"}"#.into()).unwrap();
    let all = PageRequest::default();
    is_not_found(store.conversations.get(me, id).await);
    is_not_found(store.conversations.update(me, id, Change { at: NOON + 9, ..Change::default() }).await);
    is_not_found(store.conversations.append(me, id, append(messages(1))).await);
    is_not_found(store.conversations.append(me, id, append(Vec::new())).await);
    is_not_found(store.conversations.items(me, id, None, &all).await);
    is_not_found(store.conversations.items(me, id, Some(MAIN), &all).await);
    is_not_found(store.conversations.items(me, id, None, &page(5, Order::Asc, Some(item))).await);
    is_not_found(store.conversations.item(me, id, ItemRef::Id(item)).await);
    is_not_found(store.conversations.item(me, id, ItemRef::Call("call_1")).await);
    is_not_found(store.conversations.merge_item(me, id, ItemRef::Id(item), members(), NOON + 9).await);
    is_not_found(store.conversations.merge_item(me, id, ItemRef::Call("call_1"), members(), NOON + 9).await);
    is_not_found(store.conversations.delete_item(me, id, item, NOON + 9).await);
    is_not_found(store.branches.branches(me, id).await);
    is_not_found(store.archive.archived(me, id).await);
    is_not_found(store.archive.placed(me, id, (0, 0), 10).await);
    is_not_found(store.branches.fork(me, id, fork("mine", ForkPoint::End)).await);
    is_not_found(store.branches.fork(me, id, fork("mine", ForkPoint::Before(item.to_owned()))).await);
    is_not_found(store.branches.activate(me, id, MAIN, NOON + 9).await);
    is_not_found(store.branches.delete_branch(me, id, "other", NOON + 9).await);
}

/// A conversation with a call, a second branch and a project: all that could be stolen.
async fn a_treasure(store: &Stores, owner: &UserId) -> (Conversation, Vec<Item>) {
    let new = Conversation { project_id: Some("proj".to_owned()), ..conversation() };
    let call = item(r#"{"type":"function_call","call_id":"call_1","name":"f","arguments":"{}"}"#);
    store.conversations.create(owner, new.clone(), vec![call]).await.unwrap();
    store.branches.fork(owner, &new.id, fork("other", ForkPoint::End)).await.unwrap();
    let now = store.conversations.get(owner, &new.id).await.unwrap();
    (now, shown(store, owner, &new.id, None).await)
}

pub async fn somebody_elses_conversation_is_not_found(store: &Stores) {
    let (owner, thief) = (somebody(), somebody());
    let (kept, items) = a_treasure(store, &owner).await;
    let branches = store.branches.branches(&owner, &kept.id).await.unwrap();

    finds_nothing(store, &thief, &kept.id, &items[0].id).await;
    let list = store.conversations.list(&thief, &Filter::default(), &PageRequest::default()).await.unwrap();
    assert!(list.items.is_empty() && !list.has_more);
    for which in
        [Selection::Ids(vec![kept.id.clone()]), Selection::Project("proj".to_owned()), Selection::All]
    {
        assert_eq!(store.conversations.delete(&thief, &which, NOON + 9).await.unwrap(), [""; 0]);
    }
    assert_eq!(store.conversations.leave_project(&thief, "proj").await.unwrap(), 0);
    assert_eq!(store.archive.delete_owner(&thief).await.unwrap(), 0);

    assert_eq!(store.conversations.get(&owner, &kept.id).await.unwrap(), kept);
    assert_eq!(shown(store, &owner, &kept.id, None).await, items);
    assert_eq!(store.branches.branches(&owner, &kept.id).await.unwrap(), branches);
}

pub async fn somebody_elses_item_is_reached_by_no_detour(store: &Stores) {
    let (owner, thief) = (somebody(), somebody());
    let (kept, items) = a_treasure(store, &owner).await;
    let (own, _) = begun(store, &thief, 1).await;
    let theirs = &items[0].id;

    is_not_found(store.conversations.item(&thief, &own, ItemRef::Id(theirs)).await);
    is_not_found(store.conversations.item(&thief, &own, ItemRef::Call("call_1")).await);
    let members = JsonObject::parse(r#"{"status":"stolen"}"#.into()).unwrap();
    is_not_found(store.conversations.merge_item(&thief, &own, ItemRef::Id(theirs), members, NOON + 9).await);
    is_not_found(store.conversations.delete_item(&thief, &own, theirs, NOON + 9).await);
    is_not_found(store.branches.fork(&thief, &own, fork("mine", ForkPoint::After(theirs.clone()))).await);
    is_unknown_cursor(
        store.conversations.items(&thief, &own, None, &page(5, Order::Asc, Some(theirs))).await,
    );
    // Nor by giving an item of one's own the same id: it may be refused, it may be kept, it shows nothing.
    let same_id = Item { id: theirs.clone(), ..item(r#"{"type":"message"}"#) };
    if let Ok(appended) = store.conversations.append(&thief, &own, append(vec![same_id.clone()])).await {
        assert!(appended.iter().all(|item| item.body == same_id.body));
    }
    assert_eq!(shown(store, &owner, &kept.id, None).await, items);
}

pub async fn an_owner_goes_with_everything_and_alone(store: &Stores) {
    let (me, other) = (somebody(), somebody());
    let mut mine = Vec::new();
    for _ in 0..3 {
        let (kept, items) = a_treasure(store, &me).await;
        mine.push((kept.id, items[0].id.clone()));
    }
    let (theirs, items) = a_treasure(store, &other).await;
    assert_eq!(store.archive.delete_owner(&me).await.unwrap(), 3);
    assert_eq!(store.archive.delete_owner(&me).await.unwrap(), 0);
    for (id, item) in &mine {
        finds_nothing(store, &me, id, item).await;
    }
    // For good: not even a cursor is left.
    let after = page(5, Order::Asc, Some(&mine[0].0));
    is_unknown_cursor(store.conversations.list(&me, &Filter::default(), &after).await);
    assert_eq!(store.conversations.get(&other, &theirs.id).await.unwrap(), theirs);
    assert_eq!(shown(store, &other, &theirs.id, None).await, items);
}
