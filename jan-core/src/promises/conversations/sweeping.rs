//! Sweeps remove deleted data for good, and nothing else. Whether a deleted object is still stored is tested by using
//! it as a cursor.

use super::*;
use crate::conversation::{Filter, Selection};

/// A time long before the deletions of all other suites.
const EARLY: Millis = 1_000;

pub async fn all(store: &Stores) {
    only_data_deleted_before_the_given_time_is_swept(store).await;
    a_sweep_removes_at_most_its_limit(store).await;
    sweeping_items_does_not_move_the_others(store).await;
    items_shared_with_a_swept_branch_stay(store).await;
}

async fn sweep_all(store: &Stores, before: Millis) {
    while store.archive.sweep(before, 100).await.unwrap() > 0 {}
}

/// Whether a deleted conversation is still stored.
async fn is_kept(store: &Stores, me: &UserId, id: &str) -> bool {
    match store.conversations.list(me, &Filter::default(), &page(1, Order::Asc, Some(id))).await {
        Ok(_) => true,
        unknown => {
            is_unknown_cursor(unknown);
            false
        }
    }
}

/// Whether a deleted item is still stored.
async fn item_is_kept(store: &Stores, me: &UserId, id: &str, item: &str) -> bool {
    match store.conversations.items(me, id, None, &page(1, Order::Asc, Some(item))).await {
        Ok(_) => true,
        unknown => {
            is_unknown_cursor(unknown);
            false
        }
    }
}

async fn deleted(store: &Stores, me: &UserId, at: Millis) -> String {
    let (id, _) = create_with_messages(store, me, 2).await;
    let which = Selection::Ids(vec![id.clone()]);
    assert_eq!(store.conversations.delete(me, &which, at).await.unwrap(), std::slice::from_ref(&id));
    id
}

pub async fn only_data_deleted_before_the_given_time_is_swept(store: &Stores) {
    let (me, other) = (new_owner(), new_owner());
    let (alive, items) = create_with_messages(store, &me, 2).await;
    store.conversations.delete_item(&me, &alive, &items[0], EARLY - 1).await.unwrap();
    let (before, then) = (deleted(store, &me, EARLY - 1).await, deleted(store, &me, EARLY).await);
    let (theirs, later) = (deleted(store, &other, EARLY - 1).await, deleted(store, &me, NOON).await);

    sweep_all(store, EARLY).await;
    assert!(!is_kept(store, &me, &before).await && !is_kept(store, &other, &theirs).await);
    assert!(is_kept(store, &me, &then).await && is_kept(store, &me, &later).await);
    assert!(!item_is_kept(store, &me, &alive, &items[0]).await);
    assert_eq!(item_ids(store, &me, &alive, MAIN).await, items[1..]);
    sweep_all(store, EARLY + 1).await;
    assert!(!is_kept(store, &me, &then).await && is_kept(store, &me, &later).await);
}

pub async fn a_sweep_removes_at_most_its_limit(store: &Stores) {
    let me = new_owner();
    sweep_all(store, EARLY).await;
    let (alive, items) = create_with_messages(store, &me, 6).await;
    let mut conversations = Vec::new();
    for item in &items[..5] {
        store.conversations.delete_item(&me, &alive, item, EARLY - 1).await.unwrap();
        conversations.push(deleted(store, &me, EARLY - 1).await);
    }
    for left in [3, 1, 0] {
        assert!(store.archive.sweep(EARLY, 2).await.unwrap() > 0);
        let mut kept = (0, 0);
        for (conversation, item) in conversations.iter().zip(&items) {
            kept.0 += usize::from(is_kept(store, &me, conversation).await);
            kept.1 += usize::from(item_is_kept(store, &me, &alive, item).await);
        }
        assert_eq!(kept, (left, left));
    }
    assert_eq!(store.archive.sweep(EARLY, 2).await.unwrap(), 0);
}

pub async fn sweeping_items_does_not_move_the_others(store: &Stores) {
    let me = new_owner();
    let (id, main) = create_with_messages(store, &me, 4).await;
    store.branches.fork(&me, &id, fork("other", ForkPoint::After(main[2].clone()))).await.unwrap();
    let own = add_messages(store, &me, &id, "other", 1).await;
    for item in [&main[0], &main[2]] {
        store.conversations.delete_item(&me, &id, item, EARLY - 1).await.unwrap();
    }
    sweep_all(store, EARLY).await;
    let on_main = items_of(store, &me, &id, Some(MAIN)).await;
    assert_eq!((ids(&on_main), places(&on_main)), (vec![main[1].clone(), main[3].clone()], vec![2, 4]));
    let on_other = items_of(store, &me, &id, Some("other")).await;
    assert_eq!((ids(&on_other), places(&on_other)), (vec![main[1].clone(), own[0].clone()], vec![2, 4]));
}

pub async fn items_shared_with_a_swept_branch_stay(store: &Stores) {
    let me = new_owner();
    let (id, main) = create_with_messages(store, &me, 1).await;
    store.branches.fork(&me, &id, fork("parent", ForkPoint::End)).await.unwrap();
    let parents = add_messages(store, &me, &id, "parent", 2).await;
    let point = ForkPoint::After(parents[0].clone());
    let child = Fork { parent: Some("parent".to_owned()), ..fork("child", point) };
    store.branches.fork(&me, &id, child).await.unwrap();
    store.branches.delete_branch(&me, &id, "parent", EARLY - 1).await.unwrap();
    sweep_all(store, EARLY).await;
    assert_eq!(item_ids(store, &me, &id, "child").await, [&main[..], &parents[..1]].concat());
    let own = add_messages(store, &me, &id, "child", 1).await;
    assert_eq!(item_ids(store, &me, &id, "child").await, [&main[..], &parents[..1], &own].concat());
}
