//! Branches: listed, made active, deleted.

use super::*;

pub async fn all(store: &Stores) {
    every_conversation_begins_with_main(store).await;
    branches_are_listed_in_the_order_of_their_creation(store).await;
    exactly_one_branch_is_active_and_it_can_be_chosen(store).await;
    the_active_branch_and_main_cannot_be_deleted(store).await;
    a_deleted_branch_is_not_found_and_its_name_is_free(store).await;
    children_of_a_deleted_branch_still_contain_its_items(store).await;
}

pub async fn every_conversation_begins_with_main(store: &Stores) {
    let me = new_owner();
    for count in [0, 3] {
        let (id, _) = create_with_messages(store, &me, count).await;
        let main = Branch {
            name: MAIN.to_owned(),
            description: None,
            parent_branch: None,
            forked_at: None,
            forked_from_item_id: None,
            item_count: count as u64,
            created_at: NOON,
            updated_at: NOON,
            is_active: true,
        };
        assert_eq!(store.branches.branches(&me, &id).await.unwrap(), [main]);
    }
}

pub async fn branches_are_listed_in_the_order_of_their_creation(store: &Stores) {
    let me = new_owner();
    let (id, _) = create_with_messages(store, &me, 1).await;
    for name in ["z", "a", ODD] {
        store.branches.fork(&me, &id, fork(name, ForkPoint::End)).await.unwrap();
    }
    let names = store.branches.branches(&me, &id).await.unwrap().into_iter().map(|branch| branch.name);
    assert_eq!(names.collect::<Vec<_>>(), [MAIN, "z", "a", ODD]);
}

async fn active(store: &Stores, me: &UserId, id: &str) -> Vec<String> {
    let branches = store.branches.branches(me, id).await.unwrap();
    branches.into_iter().filter(|branch| branch.is_active).map(|branch| branch.name).collect()
}

pub async fn exactly_one_branch_is_active_and_it_can_be_chosen(store: &Stores) {
    let me = new_owner();
    let (id, main) = create_with_messages(store, &me, 2).await;
    store.branches.fork(&me, &id, fork("other", ForkPoint::After(main[0].clone()))).await.unwrap();
    assert_eq!(active(store, &me, &id).await, [MAIN]);
    assert_eq!(ids(&items_of(store, &me, &id, None).await), main);
    for _ in 0..2 {
        store.branches.activate(&me, &id, "other", NOON + 3).await.unwrap();
        assert_eq!(active(store, &me, &id).await, ["other"]);
        assert_eq!(ids(&items_of(store, &me, &id, None).await), main[..1]);
    }
    is_not_found(store.branches.activate(&me, &id, "nowhere", NOON + 4).await);
    assert_eq!(active(store, &me, &id).await, ["other"]);
    store.branches.activate(&me, &id, MAIN, NOON + 5).await.unwrap();
    assert_eq!(active(store, &me, &id).await, [MAIN]);
}

pub async fn the_active_branch_and_main_cannot_be_deleted(store: &Stores) {
    let me = new_owner();
    let (id, main) = create_with_messages(store, &me, 1).await;
    store.branches.fork(&me, &id, fork("other", ForkPoint::End)).await.unwrap();
    refused(store.branches.delete_branch(&me, &id, MAIN, NOON + 3).await, ErrorKind::Invalid);
    store.branches.activate(&me, &id, "other", NOON + 3).await.unwrap();
    refused(store.branches.delete_branch(&me, &id, MAIN, NOON + 4).await, ErrorKind::Invalid);
    refused(store.branches.delete_branch(&me, &id, "other", NOON + 4).await, ErrorKind::Invalid);
    is_not_found(store.branches.delete_branch(&me, &id, "nowhere", NOON + 4).await);
    assert_eq!(store.branches.branches(&me, &id).await.unwrap().len(), 2);
    assert_eq!(item_ids(store, &me, &id, MAIN).await, main);
}

pub async fn a_deleted_branch_is_not_found_and_its_name_is_free(store: &Stores) {
    let me = new_owner();
    let (id, main) = create_with_messages(store, &me, 2).await;
    for _ in 0..2 {
        let point = ForkPoint::After(main[0].clone());
        store.branches.fork(&me, &id, fork("other", point)).await.unwrap();
        let own = add_messages(store, &me, &id, "other", 2).await;
        assert_eq!(item_ids(store, &me, &id, "other").await, [&main[..1], &own].concat());
        store.branches.delete_branch(&me, &id, "other", NOON + 3).await.unwrap();

        let all = PageRequest::default();
        is_not_found(store.conversations.items(&me, &id, Some("other"), &all).await);
        is_not_found(store.conversations.append(&me, &id, append_to("other", messages(1))).await);
        is_not_found(store.branches.activate(&me, &id, "other", NOON + 4).await);
        is_not_found(store.branches.delete_branch(&me, &id, "other", NOON + 4).await);
        let child = Fork { parent: Some("other".to_owned()), ..fork("child", ForkPoint::End) };
        is_not_found(store.branches.fork(&me, &id, child).await);
        let names = store.branches.branches(&me, &id).await.unwrap().into_iter().map(|branch| branch.name);
        assert_eq!(names.collect::<Vec<_>>(), [MAIN]);
        assert_eq!(item_ids(store, &me, &id, MAIN).await, main);
    }
}

pub async fn children_of_a_deleted_branch_still_contain_its_items(store: &Stores) {
    let me = new_owner();
    let (id, main) = create_with_messages(store, &me, 2).await;
    store.branches.fork(&me, &id, fork("parent", ForkPoint::End)).await.unwrap();
    let parents = add_messages(store, &me, &id, "parent", 3).await;
    let point = ForkPoint::After(parents[1].clone());
    let child = Fork { parent: Some("parent".to_owned()), ..fork("child", point) };
    store.branches.fork(&me, &id, child).await.unwrap();
    let own = add_messages(store, &me, &id, "child", 1).await;
    store.branches.delete_branch(&me, &id, "parent", NOON + 3).await.unwrap();

    let expected = [&main[..], &parents[..2], &own].concat();
    assert_eq!(item_ids(store, &me, &id, "child").await, expected);
    assert_eq!(branch_named(store, &me, &id, "child").await.item_count, 5);
    let more = add_messages(store, &me, &id, "child", 1).await;
    assert_eq!(item_ids(store, &me, &id, "child").await, [expected, more].concat());
    // Its items can be forked from, even those of a deleted branch.
    let point = ForkPoint::Before(parents[1].clone());
    let grandchild = Fork { parent: Some("child".to_owned()), ..fork("grandchild", point) };
    store.branches.fork(&me, &id, grandchild).await.unwrap();
    assert_eq!(item_ids(store, &me, &id, "grandchild").await, [&main[..], &parents[..1]].concat());
}
