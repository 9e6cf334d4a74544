//! Conversations are created, changed and deleted.

use super::*;
use crate::conversation::{Change, Filter, ItemRef, Metadata, Selection};

pub async fn all(store: &Stores) {
    a_conversation_is_read_back_unchanged(store).await;
    the_first_items_are_on_main(store).await;
    a_change_sets_only_the_fields_that_it_names(store).await;
    every_write_sets_the_time_of_the_last_change(store).await;
    a_selection_is_deleted_and_its_ids_are_returned(store).await;
    a_deleted_conversation_is_not_found(store).await;
    a_deleted_conversation_still_works_as_a_cursor(store).await;
    all_conversations_can_be_removed_from_a_project(store).await;
}

pub async fn a_conversation_is_read_back_unchanged(store: &Stores) {
    let me = new_owner();
    let full = Conversation {
        id: id::short("conv_"),
        title: Some(ODD.to_owned()),
        title_locked: true,
        metadata: Metadata::from([(ODD.to_owned(), ODD.to_owned()), (String::new(), String::new())]),
        referrer: Some(ODD.to_owned()),
        project_id: Some(ODD.to_owned()),
        created_at: NOON,
        updated_at: NOON + 1,
    };
    let empty = Conversation { title: Some(String::new()), ..conversation() };
    for kept in [full, empty, conversation()] {
        assert_eq!(store.conversations.create(&me, kept.clone(), Vec::new()).await.unwrap(), []);
        assert_eq!(store.conversations.get(&me, &kept.id).await.unwrap(), kept);
        assert_eq!(items_of(store, &me, &kept.id, None).await, []);
    }
}

pub async fn the_first_items_are_on_main(store: &Stores) {
    let (me, new, first) = (new_owner(), conversation(), messages(3));
    let items = store.conversations.create(&me, new.clone(), first.clone()).await.unwrap();
    let expected: Vec<_> = (1..)
        .zip(first)
        .map(|(place, item)| Item { branch: MAIN.to_owned(), sequence_number: place, ..item })
        .collect();
    assert_eq!(items, expected);
    assert_eq!(items_of(store, &me, &new.id, None).await, expected);
    assert_eq!(items_of(store, &me, &new.id, Some(MAIN)).await, expected);
}

pub async fn a_change_sets_only_the_fields_that_it_names(store: &Stores) {
    let me = new_owner();
    let mut now = Conversation {
        title: Some("a".to_owned()),
        metadata: Metadata::from([("k".to_owned(), "v".to_owned())]),
        referrer: Some("app".to_owned()),
        project_id: Some("proj_1".to_owned()),
        ..conversation()
    };
    store.conversations.create(&me, now.clone(), Vec::new()).await.unwrap();
    let mut at = NOON;
    let mut changed = async |change: Change, expect: &dyn Fn(&mut Conversation)| {
        at += 10;
        expect(&mut now);
        now.updated_at = at;
        let given = store.conversations.update(&me, &now.id, Change { at, ..change }).await.unwrap();
        assert_eq!(given, now);
        assert_eq!(store.conversations.get(&me, &now.id).await.unwrap(), now);
    };
    changed(Change::default(), &|_| ()).await;
    let metadata = Metadata::from([("new".to_owned(), ODD.to_owned())]);
    let change = Change { metadata: Some(metadata.clone()), ..Change::default() };
    changed(change, &|c| c.metadata = metadata.clone()).await;
    let change = Change { title: Some((Some(ODD.to_owned()), true)), ..Change::default() };
    changed(change, &|c| (c.title, c.title_locked) = (Some(ODD.to_owned()), true)).await;
    let change = Change { referrer: Some(Some("web".to_owned())), ..Change::default() };
    changed(change, &|c| c.referrer = Some("web".to_owned())).await;
    let change = Change { project_id: Some(Some("proj_2".to_owned())), ..Change::default() };
    changed(change, &|c| c.project_id = Some("proj_2".to_owned())).await;
    let nothing = Change {
        title: Some((None, false)),
        metadata: Some(Metadata::new()),
        referrer: Some(None),
        project_id: Some(None),
        ..Change::default()
    };
    changed(nothing, &|c| *c = Conversation { id: c.id.clone(), ..conversation() }).await;
    is_not_found(store.conversations.update(&me, "conv_nobody", Change::default()).await);
}

pub async fn every_write_sets_the_time_of_the_last_change(store: &Stores) {
    let me = new_owner();
    let (id, items) = create_with_messages(store, &me, 3).await;
    let at = |n: Millis| NOON + 100 * n;
    let is_last_written =
        async |at| assert_eq!(store.conversations.get(&me, &id).await.unwrap().updated_at, at);

    store.conversations.append(&me, &id, Append { at: at(1), ..append(messages(1)) }).await.unwrap();
    is_last_written(at(1)).await;
    assert_eq!(branch_named(store, &me, &id, MAIN).await.updated_at, at(1));
    let done = JsonObject::parse(r#"{"status":"completed"}"#.into()).unwrap();
    store.conversations.merge_item(&me, &id, ItemRef::Id(&items[0]), done, at(2)).await.unwrap();
    is_last_written(at(2)).await;
    store.conversations.delete_item(&me, &id, &items[1], at(3)).await.unwrap();
    is_last_written(at(3)).await;
    store.branches.fork(&me, &id, Fork { at: at(4), ..fork("other", ForkPoint::End) }).await.unwrap();
    is_last_written(at(4)).await;
    store.branches.activate(&me, &id, "other", at(5)).await.unwrap();
    is_last_written(at(5)).await;
    store.branches.activate(&me, &id, MAIN, at(6)).await.unwrap();
    store.branches.delete_branch(&me, &id, "other", at(7)).await.unwrap();
    is_last_written(at(7)).await;
    assert_eq!(store.conversations.get(&me, &id).await.unwrap().created_at, NOON);
}

pub async fn a_selection_is_deleted_and_its_ids_are_returned(store: &Stores) {
    let (me, other) = (new_owner(), new_owner());
    let mut mine = Vec::new();
    for project in [None, None, Some("p"), Some("p"), Some("q")] {
        let new = Conversation { project_id: project.map(str::to_owned), ..conversation() };
        mine.push(new.id.clone());
        store.conversations.create(&me, new, messages(1)).await.unwrap();
    }
    let theirs = Conversation { project_id: Some("p".to_owned()), ..conversation() };
    store.conversations.create(&other, theirs.clone(), Vec::new()).await.unwrap();
    let delete =
        async |which: Selection| sorted(store.conversations.delete(&me, &which, NOON + 1).await.unwrap());

    let named = [&mine[0], &theirs.id, "conv_nobody", &mine[0]].map(str::to_owned);
    assert_eq!(delete(Selection::Ids(named.to_vec())).await, [mine[0].clone()]);
    assert_eq!(delete(Selection::Ids(vec![mine[0].clone()])).await, [""; 0]);
    assert_eq!(delete(Selection::Ids(Vec::new())).await, [""; 0]);
    assert_eq!(delete(Selection::Project("p".to_owned())).await, sorted(mine[2..4].to_vec()));
    assert_eq!(delete(Selection::Project("p".to_owned())).await, [""; 0]);
    assert_eq!(delete(Selection::All).await, sorted(vec![mine[1].clone(), mine[4].clone()]));
    assert_eq!(delete(Selection::All).await, [""; 0]);
    assert_eq!(store.conversations.get(&other, &theirs.id).await.unwrap(), theirs);
}

pub async fn a_deleted_conversation_is_not_found(store: &Stores) {
    let me = new_owner();
    let (id, items) = create_with_messages(store, &me, 2).await;
    store.conversations.delete(&me, &Selection::Ids(vec![id.clone()]), NOON + 1).await.unwrap();
    owners::finds_nothing(store, &me, &id, &items[0]).await;
    assert_eq!(
        store.conversations.list(&me, &Filter::default(), &PageRequest::default()).await.unwrap().items,
        []
    );
}

pub async fn a_deleted_conversation_still_works_as_a_cursor(store: &Stores) {
    let me = new_owner();
    let mut conversations = Vec::new();
    for n in 0..4 {
        let new = Conversation { updated_at: NOON + n, ..conversation() };
        conversations.push(new.id.clone());
        store.conversations.create(&me, new, Vec::new()).await.unwrap();
    }
    store
        .conversations
        .delete(&me, &Selection::Ids(vec![conversations[1].clone()]), NOON + 50)
        .await
        .unwrap();
    for (order, rest) in [(Order::Asc, vec![2, 3]), (Order::Desc, vec![0])] {
        let page = page(10, order, Some(&conversations[1]));
        let found = store.conversations.list(&me, &Filter::default(), &page).await.unwrap().items;
        let found: Vec<_> = found.into_iter().map(|conversation| conversation.id).collect();
        assert_eq!(found, rest.iter().map(|n| conversations[*n].clone()).collect::<Vec<_>>());
    }

    let (id, items) = create_with_messages(store, &me, 4).await;
    store.conversations.delete_item(&me, &id, &items[1], NOON + 1).await.unwrap();
    for (order, rest) in [(Order::Asc, vec![2, 3]), (Order::Desc, vec![0])] {
        let found =
            store.conversations.items(&me, &id, None, &page(10, order, Some(&items[1]))).await.unwrap().items;
        assert_eq!(ids(&found), rest.iter().map(|n| items[*n].clone()).collect::<Vec<_>>());
    }
    is_unknown_cursor(
        store.conversations.items(&me, &id, None, &page(10, Order::Asc, Some("msg_nobody"))).await,
    );
}

pub async fn all_conversations_can_be_removed_from_a_project(store: &Stores) {
    let (me, other) = (new_owner(), new_owner());
    let project = Some("proj".to_owned());
    let mine =
        [conversation(), conversation()].map(|new| Conversation { project_id: project.clone(), ..new });
    let deleted = Conversation { project_id: project.clone(), ..conversation() };
    let elsewhere = Conversation { project_id: Some("another".to_owned()), ..conversation() };
    for new in mine.iter().chain([&deleted, &elsewhere]) {
        store.conversations.create(&me, new.clone(), Vec::new()).await.unwrap();
    }
    let theirs = Conversation { project_id: project, ..conversation() };
    store.conversations.create(&other, theirs.clone(), Vec::new()).await.unwrap();
    store.conversations.delete(&me, &Selection::Ids(vec![deleted.id]), NOON + 1).await.unwrap();

    assert_eq!(store.conversations.leave_project(&me, "proj").await.unwrap(), 2);
    assert_eq!(store.conversations.leave_project(&me, "proj").await.unwrap(), 0);
    for left in mine {
        assert_eq!(
            store.conversations.get(&me, &left.id).await.unwrap(),
            Conversation { project_id: None, ..left }
        );
    }
    assert_eq!(store.conversations.get(&me, &elsewhere.id).await.unwrap(), elsewhere);
    assert_eq!(store.conversations.get(&other, &theirs.id).await.unwrap(), theirs);
}
