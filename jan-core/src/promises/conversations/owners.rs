//! Ownership: a conversation of another owner is not found, whichever way it is accessed.

use super::*;
use crate::conversation::{Change, Filter, ItemRef, Selection};

pub async fn all(store: &Stores) {
    a_conversation_of_another_owner_is_not_found(store).await;
    an_item_of_another_owner_cannot_be_accessed_indirectly(store).await;
    deleting_an_owner_removes_all_of_their_data_and_no_other(store).await;
}

/// Asserts that no method finds a conversation with this id for `me`.
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

/// A conversation with a call, a second branch and a project, so that every way to access it can be tried.
async fn full_conversation(store: &Stores, owner: &UserId) -> (Conversation, Vec<Item>) {
    let new = Conversation { project_id: Some("proj".to_owned()), ..conversation() };
    let call = item(r#"{"type":"function_call","call_id":"call_1","name":"f","arguments":"{}"}"#);
    store.conversations.create(owner, new.clone(), vec![call]).await.unwrap();
    store.branches.fork(owner, &new.id, fork("other", ForkPoint::End)).await.unwrap();
    let now = store.conversations.get(owner, &new.id).await.unwrap();
    (now, items_of(store, owner, &new.id, None).await)
}

pub async fn a_conversation_of_another_owner_is_not_found(store: &Stores) {
    let (owner, other_owner) = (new_owner(), new_owner());
    let (kept, items) = full_conversation(store, &owner).await;
    let branches = store.branches.branches(&owner, &kept.id).await.unwrap();

    finds_nothing(store, &other_owner, &kept.id, &items[0].id).await;
    let list =
        store.conversations.list(&other_owner, &Filter::default(), &PageRequest::default()).await.unwrap();
    assert!(list.items.is_empty() && !list.has_more);
    for which in
        [Selection::Ids(vec![kept.id.clone()]), Selection::Project("proj".to_owned()), Selection::All]
    {
        assert_eq!(store.conversations.delete(&other_owner, &which, NOON + 9).await.unwrap(), [""; 0]);
    }
    assert_eq!(store.conversations.leave_project(&other_owner, "proj").await.unwrap(), 0);
    assert_eq!(store.archive.delete_owner(&other_owner).await.unwrap(), 0);

    assert_eq!(store.conversations.get(&owner, &kept.id).await.unwrap(), kept);
    assert_eq!(items_of(store, &owner, &kept.id, None).await, items);
    assert_eq!(store.branches.branches(&owner, &kept.id).await.unwrap(), branches);
}

pub async fn an_item_of_another_owner_cannot_be_accessed_indirectly(store: &Stores) {
    let (owner, other_owner) = (new_owner(), new_owner());
    let (kept, items) = full_conversation(store, &owner).await;
    let (own, _) = create_with_messages(store, &other_owner, 1).await;
    let theirs = &items[0].id;

    is_not_found(store.conversations.item(&other_owner, &own, ItemRef::Id(theirs)).await);
    is_not_found(store.conversations.item(&other_owner, &own, ItemRef::Call("call_1")).await);
    let members = JsonObject::parse(r#"{"status":"stolen"}"#.into()).unwrap();
    is_not_found(
        store.conversations.merge_item(&other_owner, &own, ItemRef::Id(theirs), members, NOON + 9).await,
    );
    is_not_found(store.conversations.delete_item(&other_owner, &own, theirs, NOON + 9).await);
    is_not_found(
        store.branches.fork(&other_owner, &own, fork("mine", ForkPoint::After(theirs.clone()))).await,
    );
    is_unknown_cursor(
        store.conversations.items(&other_owner, &own, None, &page(5, Order::Asc, Some(theirs))).await,
    );
    // An own item with the same id may be refused or stored, but it must not give access to the other item.
    let same_id = Item { id: theirs.clone(), ..item(r#"{"type":"message"}"#) };
    if let Ok(appended) = store.conversations.append(&other_owner, &own, append(vec![same_id.clone()])).await
    {
        assert!(appended.iter().all(|item| item.body == same_id.body));
    }
    assert_eq!(items_of(store, &owner, &kept.id, None).await, items);
}

pub async fn deleting_an_owner_removes_all_of_their_data_and_no_other(store: &Stores) {
    let (me, other) = (new_owner(), new_owner());
    let mut mine = Vec::new();
    for _ in 0..3 {
        let (kept, items) = full_conversation(store, &me).await;
        mine.push((kept.id, items[0].id.clone()));
    }
    let (theirs, items) = full_conversation(store, &other).await;
    assert_eq!(store.archive.delete_owner(&me).await.unwrap(), 3);
    assert_eq!(store.archive.delete_owner(&me).await.unwrap(), 0);
    for (id, item) in &mine {
        finds_nothing(store, &me, id, item).await;
    }
    // The data is removed for good: it does not even work as a cursor.
    let after = page(5, Order::Asc, Some(&mine[0].0));
    is_unknown_cursor(store.conversations.list(&me, &Filter::default(), &after).await);
    assert_eq!(store.conversations.get(&other, &theirs.id).await.unwrap(), theirs);
    assert_eq!(items_of(store, &other, &theirs.id, None).await, items);
}
