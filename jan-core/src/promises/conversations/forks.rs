//! Forks: the point at which a branch forks from its parent, and the items of both afterwards.

use futures_util::future::join_all;

use super::*;
use crate::conversation::ItemRef;

pub async fn all(store: &Stores) {
    a_fork_contains_its_parents_items_up_to_the_fork(store).await;
    a_fork_and_its_parent_get_separate_items(store).await;
    a_fork_is_created_together_with_its_items(store).await;
    a_fork_may_take_over_its_parents_name(store).await;
    a_fork_starts_from_the_active_branch_by_default(store).await;
    a_fork_of_a_fork_contains_all_earlier_items(store).await;
    an_existing_name_is_refused_and_nothing_is_changed(store).await;
    a_fork_from_an_item_that_is_not_on_the_parent_is_not_found(store).await;
    of_simultaneous_forks_with_one_name_one_succeeds(store).await;
}

pub async fn a_fork_contains_its_parents_items_up_to_the_fork(store: &Stores) {
    let me = new_owner();
    let (id, main) = create_with_messages(store, &me, 4).await;
    let after = |n: usize| ForkPoint::After(main[n].clone());
    let before = |n: usize| ForkPoint::Before(main[n].clone());
    let points = [
        ("end", ForkPoint::End, 4_usize),
        ("after the last", after(3), 4),
        ("after the first", after(0), 1),
        ("before the last", before(3), 3),
        ("before the first", before(0), 0),
    ];
    for (name, point, shared) in points {
        let description = Some(ODD.to_owned());
        let new = Fork { description: description.clone(), ..fork(name, point) };
        let (branch, items) = store.branches.fork(&me, &id, new).await.unwrap();
        let expected = Branch {
            name: name.to_owned(),
            description,
            parent_branch: Some(MAIN.to_owned()),
            forked_at: Some(NOON + 2),
            forked_from_item_id: shared.checked_sub(1).map(|last| main[last].clone()),
            item_count: shared as u64,
            created_at: NOON + 2,
            updated_at: NOON + 2,
            is_active: false,
        };
        assert_eq!((&branch, items), (&expected, Vec::new()));
        assert_eq!(branch_named(store, &me, &id, name).await, expected);
        let shows = items_of(store, &me, &id, Some(name)).await;
        assert_eq!(ids(&shows), main[..shared]);
        assert_eq!(places(&shows), (1..=shared as i64).collect::<Vec<_>>());
    }
}

pub async fn a_fork_and_its_parent_get_separate_items(store: &Stores) {
    let me = new_owner();
    let (id, main) = create_with_messages(store, &me, 3).await;
    store.branches.fork(&me, &id, fork("other", ForkPoint::After(main[1].clone()))).await.unwrap();
    let on_main = add_messages(store, &me, &id, MAIN, 2).await;
    let on_other = add_messages(store, &me, &id, "other", 3).await;
    let (on_main, on_other) = ([&main[..], &on_main].concat(), [&main[..2], &on_other].concat());
    for (branch, expected) in [(MAIN, on_main), ("other", on_other)] {
        let shows = items_of(store, &me, &id, Some(branch)).await;
        assert_eq!(ids(&shows), expected);
        assert_eq!(places(&shows), [1, 2, 3, 4, 5]);
        assert!(shows.iter().all(|item| item.branch == branch));
        assert_eq!(branch_named(store, &me, &id, branch).await.item_count, 5);
    }
}

pub async fn a_fork_is_created_together_with_its_items(store: &Stores) {
    let me = new_owner();
    let (id, main) = create_with_messages(store, &me, 3).await;
    let first = messages(2);
    let new = Fork { items: first.clone(), ..fork("edited", ForkPoint::Before(main[2].clone())) };
    let (branch, items) = store.branches.fork(&me, &id, new).await.unwrap();
    assert_eq!((branch.item_count, branch.forked_from_item_id.as_ref()), (4, Some(&main[1])));
    let expected: Vec<_> = (3..)
        .zip(first)
        .map(|(place, item)| Item { branch: "edited".to_owned(), sequence_number: place, ..item })
        .collect();
    assert_eq!(items, expected);
    assert_eq!(items_of(store, &me, &id, Some("edited")).await[2..], expected);
    assert_eq!(item_ids(store, &me, &id, MAIN).await, main);
}

pub async fn a_fork_may_take_over_its_parents_name(store: &Stores) {
    let me = new_owner();
    let (id, main) = create_with_messages(store, &me, 3).await;
    store.branches.fork(&me, &id, fork("child", ForkPoint::After(main[0].clone()))).await.unwrap();
    let take_over = |backup: &str| Naming::TakeOver { backup: backup.to_owned() };
    let point = ForkPoint::Before(main[2].clone());
    let new = Fork { naming: take_over("backup"), items: messages(1), ..fork("", point) };
    let (branch, items) = store.branches.fork(&me, &id, new).await.unwrap();

    assert_eq!((branch.name.as_str(), branch.is_active, branch.item_count), (MAIN, true, 3));
    assert_eq!(branch.parent_branch.as_deref(), Some("backup"));
    assert_eq!(branch_named(store, &me, &id, MAIN).await, branch);
    let backup = branch_named(store, &me, &id, "backup").await;
    assert_eq!((backup.is_active, backup.parent_branch, backup.item_count), (false, None, 3));
    assert_eq!(item_ids(store, &me, &id, "backup").await, main);
    let mut expected = [&main[..2], &ids(&items)].concat();
    assert_eq!(item_ids(store, &me, &id, MAIN).await, expected);
    // An item that is found by its id has the current name of its branch.
    for (item, branch) in [(&main[2], "backup"), (&items[0].id, MAIN)] {
        assert_eq!(store.conversations.item(&me, &id, ItemRef::Id(item)).await.unwrap().branch, branch);
    }
    // The child belongs to its parent under the new name, and its items are unchanged.
    let child = branch_named(store, &me, &id, "child").await;
    assert_eq!(child.parent_branch.as_deref(), Some("backup"));
    assert_eq!(item_ids(store, &me, &id, "child").await, main[..1]);
    // New items are added to the new branch.
    expected.extend(ids(&store.conversations.append(&me, &id, append(messages(1))).await.unwrap()));
    assert_eq!(item_ids(store, &me, &id, MAIN).await, expected);
    assert_eq!(item_ids(store, &me, &id, "backup").await, main);
    // A second fork takes the name from the first one.
    let point = ForkPoint::After(expected[2].clone());
    let again = Fork { naming: take_over("backup 2"), ..fork("", point) };
    store.branches.fork(&me, &id, again).await.unwrap();
    assert_eq!(item_ids(store, &me, &id, MAIN).await, expected[..3]);
    assert_eq!(item_ids(store, &me, &id, "backup 2").await, expected);
    assert_eq!(item_ids(store, &me, &id, "backup").await, main);
}

pub async fn a_fork_starts_from_the_active_branch_by_default(store: &Stores) {
    let me = new_owner();
    let (id, main) = create_with_messages(store, &me, 1).await;
    store.branches.fork(&me, &id, fork("other", ForkPoint::End)).await.unwrap();
    let own = add_messages(store, &me, &id, "other", 1).await;
    store.branches.activate(&me, &id, "other", NOON + 3).await.unwrap();
    let new = Fork { parent: None, ..fork("third", ForkPoint::End) };
    let (branch, _) = store.branches.fork(&me, &id, new).await.unwrap();
    assert_eq!(branch.parent_branch.as_deref(), Some("other"));
    assert_eq!(item_ids(store, &me, &id, "third").await, [main, own].concat());
    assert!(branch_named(store, &me, &id, "other").await.is_active);
}

pub async fn a_fork_of_a_fork_contains_all_earlier_items(store: &Stores) {
    let me = new_owner();
    let (id, main) = create_with_messages(store, &me, 4).await;
    store.branches.fork(&me, &id, fork("child", ForkPoint::After(main[2].clone()))).await.unwrap();
    let childs = add_messages(store, &me, &id, "child", 2).await;
    let of_child = async |name: &str, point| {
        let new = Fork { parent: Some("child".to_owned()), ..fork(name, point) };
        let (branch, _) = store.branches.fork(&me, &id, new).await.unwrap();
        assert_eq!(branch.parent_branch.as_deref(), Some("child"));
        add_messages(store, &me, &id, name, 2).await
    };
    let late = of_child("late", ForkPoint::After(childs[0].clone())).await;
    assert_eq!(item_ids(store, &me, &id, "late").await, [&main[..3], &childs[..1], &late].concat());
    // A fork is also possible at an item that the parent shares with its own parent.
    let early = of_child("early", ForkPoint::Before(main[1].clone())).await;
    assert_eq!(item_ids(store, &me, &id, "early").await, [&main[..1], &early].concat());
    let edge = of_child("edge", ForkPoint::Before(childs[0].clone())).await;
    assert_eq!(item_ids(store, &me, &id, "edge").await, [&main[..3], &edge].concat());
    for (name, count) in [("late", 6), ("early", 3), ("edge", 5), ("child", 5), (MAIN, 4)] {
        assert_eq!(branch_named(store, &me, &id, name).await.item_count, count, "{name}");
    }
    // A page includes items of all three branches.
    let middle = page(3, Order::Desc, Some(&late[0]));
    let middle = store.conversations.items(&me, &id, Some("late"), &middle).await.unwrap();
    assert_eq!(ids(&middle.items), [&childs[0], &main[2], &main[1]].map(Clone::clone));
    assert!(middle.has_more);
}

pub async fn an_existing_name_is_refused_and_nothing_is_changed(store: &Stores) {
    let me = new_owner();
    let (id, _) = create_with_messages(store, &me, 2).await;
    store.branches.fork(&me, &id, fork("other", ForkPoint::End)).await.unwrap();
    let before =
        (store.conversations.get(&me, &id).await.unwrap(), store.branches.branches(&me, &id).await.unwrap());
    let take_over = |backup: &str| Naming::TakeOver { backup: backup.to_owned() };
    let taken =
        [Naming::New("other".to_owned()), Naming::New(MAIN.to_owned()), take_over("other"), take_over(MAIN)];
    for naming in taken {
        let new = Fork { naming, items: messages(2), at: NOON + 50, ..fork("", ForkPoint::End) };
        refused(store.branches.fork(&me, &id, new).await, ErrorKind::Conflict);
        let now = (
            store.conversations.get(&me, &id).await.unwrap(),
            store.branches.branches(&me, &id).await.unwrap(),
        );
        assert_eq!(now, before);
    }
}

pub async fn a_fork_from_an_item_that_is_not_on_the_parent_is_not_found(store: &Stores) {
    let me = new_owner();
    let (id, main) = create_with_messages(store, &me, 3).await;
    store.branches.fork(&me, &id, fork("other", ForkPoint::After(main[0].clone()))).await.unwrap();
    let own = add_messages(store, &me, &id, "other", 1).await;
    store.conversations.delete_item(&me, &id, &main[1], NOON + 3).await.unwrap();
    let (_, elsewhere) = create_with_messages(store, &me, 1).await;
    for item in ["msg_nobody", own[0].as_str(), main[1].as_str(), elsewhere[0].as_str()] {
        is_not_found(store.branches.fork(&me, &id, fork("new", ForkPoint::After(item.to_owned()))).await);
        is_not_found(store.branches.fork(&me, &id, fork("new", ForkPoint::Before(item.to_owned()))).await);
    }
    let orphan = Fork { parent: Some("nowhere".to_owned()), ..fork("new", ForkPoint::End) };
    is_not_found(store.branches.fork(&me, &id, orphan).await);
    let hidden = ForkPoint::After(main[2].clone());
    let hidden = Fork { parent: Some("other".to_owned()), ..fork("new", hidden) };
    is_not_found(store.branches.fork(&me, &id, hidden).await);
    assert_eq!(store.branches.branches(&me, &id).await.unwrap().len(), 2);
}

pub async fn of_simultaneous_forks_with_one_name_one_succeeds(store: &Stores) {
    let me = new_owner();
    let (id, _) = create_with_messages(store, &me, 1).await;
    let forks = (0..10).map(|_| store.branches.fork(&me, &id, fork("wanted", ForkPoint::End)));
    let (made, others): (Vec<_>, Vec<_>) = join_all(forks).await.into_iter().partition(Result::is_ok);
    assert_eq!(made.len(), 1);
    for other in others {
        refused(other, ErrorKind::Conflict);
    }
    assert_eq!(store.branches.branches(&me, &id).await.unwrap().len(), 2);
}
