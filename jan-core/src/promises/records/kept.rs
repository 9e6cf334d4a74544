//! Kept, found, replaced: by its owner, by nobody else.

use super::*;

pub async fn all(store: &dyn RecordStore) {
    a_record_comes_back_as_it_was_kept(store).await;
    records_are_kept_all_or_none(store).await;
    an_id_is_taken_for_everybody_and_for_one_kind(store).await;
    a_key_is_taken_for_one_owner_and_one_kind(store).await;
    somebody_elses_record_is_not_there(store).await;
    a_record_is_replaced_once_per_version(store).await;
    a_key_that_is_taken_is_not_given_again(store).await;
}

pub async fn a_record_comes_back_as_it_was_kept(store: &dyn RecordStore) {
    let me = somebody();
    let odd = Record {
        id: format!("{ODD}{}", id::short("")),
        key: Some(ODD.to_owned()),
        group: Some(ODD.to_owned()),
        expires_at: Some(NOON + 5),
        version: 7,
        body: serde_json::to_string(ODD).unwrap(),
        ..record("odd' kind")
    };
    let numbers = Record { body: r#"{ "a" : 1e400, "b":1.10, "c":"\u0000" }"#.to_owned(), ..record("plain") };
    let long = Record { body: format!("\"{}\"", "😀 long ".repeat(40_000)), ..record("plain") };
    let empty = Record { key: Some(String::new()), group: Some(String::new()), ..record("plain") };
    for new in [odd, numbers, long, empty] {
        let new = kept(store, &me, new).await;
        assert!(is_kept(store, &me, &new).await);
        let listed = store.list(&me, &new.kind, new.group.as_deref(), &page(100, Order::Asc, None)).await;
        assert!(listed.unwrap().items.contains(&new));
        if let Some(key) = &new.key {
            assert_eq!(store.find(&me, &new.kind, key).await.unwrap(), Some(new.clone()));
        }
    }
    assert_eq!(store.get(&me, "plain", "rec_nobody").await.unwrap(), None);
    assert_eq!(store.find(&me, "plain", "%").await.unwrap(), None);
}

pub async fn records_are_kept_all_or_none(store: &dyn RecordStore) {
    let me = somebody();
    store.insert(&me, Vec::new()).await.unwrap();
    let there = kept(store, &me, named("kind", "there")).await;
    let twin = record("kind");
    let taken_id = Record { id: there.id.clone(), ..record("kind") };
    let refusals = [
        vec![record("kind"), taken_id],
        vec![record("kind"), named("kind", "there")],
        vec![twin.clone(), record("kind"), twin],
        vec![named("kind", "twin"), named("kind", "twin")],
    ];
    for new in refusals {
        refused(store.insert(&me, new.clone()).await, ErrorKind::Conflict);
        let all = store.list(&me, "kind", None, &page(100, Order::Asc, None)).await.unwrap();
        assert_eq!(all.items, std::slice::from_ref(&there));
    }
    let new = vec![record("kind"), named("kind", "new"), record("other")];
    store.insert(&me, new.clone()).await.unwrap();
    for record in &new {
        assert!(is_kept(store, &me, record).await);
    }
}

pub async fn an_id_is_taken_for_everybody_and_for_one_kind(store: &dyn RecordStore) {
    let (me, other) = (somebody(), somebody());
    let mine = kept(store, &me, record("kind")).await;
    for owner in [&me, &other] {
        let same = Record { body: "1".to_owned(), ..mine.clone() };
        refused(store.insert(owner, vec![same]).await, ErrorKind::Conflict);
    }
    let elsewhere = kept(store, &other, Record { kind: "another".to_owned(), ..mine.clone() }).await;
    assert!(is_kept(store, &me, &mine).await && is_kept(store, &other, &elsewhere).await);
}

pub async fn a_key_is_taken_for_one_owner_and_one_kind(store: &dyn RecordStore) {
    let (me, other) = (somebody(), somebody());
    let mine = kept(store, &me, named("kind", "name")).await;
    refused(store.insert(&me, vec![named("kind", "name")]).await, ErrorKind::Conflict);
    let theirs = kept(store, &other, named("kind", "name")).await;
    let another = kept(store, &me, named("another", "name")).await;
    let upper = kept(store, &me, named("kind", "Name")).await;
    for (owner, record, key) in
        [(&me, &mine, "name"), (&other, &theirs, "name"), (&me, &another, "name"), (&me, &upper, "Name")]
    {
        assert_eq!(store.find(owner, &record.kind, key).await.unwrap().as_ref(), Some(record));
    }
    // Having no key is no key: many have none.
    for _ in 0..3 {
        kept(store, &me, record("kind")).await;
    }
}

pub async fn somebody_elses_record_is_not_there(store: &dyn RecordStore) {
    let (owner, thief) = (somebody(), somebody());
    let new = Record { group: Some("group".to_owned()), ..named("kind", "name") };
    let theirs = kept(store, &owner, new).await;
    for _ in 0..2 {
        assert_eq!(store.get(&thief, "kind", &theirs.id).await.unwrap(), None);
        assert_eq!(store.find(&thief, "kind", "name").await.unwrap(), None);
        for group in [None, Some("group")] {
            let list = store.list(&thief, "kind", group, &page(5, Order::Asc, None)).await.unwrap();
            assert!(list.items.is_empty() && !list.has_more);
        }
        is_unknown_cursor(store.list(&thief, "kind", None, &page(5, Order::Asc, Some(&theirs.id))).await);
        assert!(!store.replace(&thief, Record { body: "1".to_owned(), ..theirs.clone() }).await.unwrap());
        assert!(!store.delete(&thief, "kind", &theirs.id).await.unwrap());
        assert!(is_kept(store, &owner, &theirs).await);
        // The same for a thief who has something of their own.
        kept(store, &thief, record("something else")).await;
    }
    assert_eq!(store.delete_owner(&thief).await.unwrap(), 2);
    assert!(is_kept(store, &owner, &theirs).await);
}

pub async fn a_record_is_replaced_once_per_version(store: &dyn RecordStore) {
    let me = somebody();
    let first = kept(store, &me, named("kind", "before")).await;
    let bystander = kept(store, &me, record("kind")).await;
    let changed = Record {
        key: Some("after".to_owned()),
        group: Some("group".to_owned()),
        expires_at: Some(NOON + 9),
        body: "[1]".to_owned(),
        ..first.clone()
    };
    // When it was made is no matter of change.
    assert!(store.replace(&me, Record { created_at: 1, ..changed.clone() }).await.unwrap());
    let second = Record { version: 1, ..changed.clone() };
    assert!(is_kept(store, &me, &second).await);
    assert_eq!(store.find(&me, "kind", "before").await.unwrap(), None);
    assert_eq!(store.find(&me, "kind", "after").await.unwrap().as_ref(), Some(&second));
    for version in [0, 2, -1] {
        let stale = Record { version, body: "\"lost\"".to_owned(), ..second.clone() };
        assert!(!store.replace(&me, stale).await.unwrap());
    }
    assert!(is_kept(store, &me, &second).await);
    let bare = Record { key: None, group: None, expires_at: None, ..second };
    assert!(store.replace(&me, bare.clone()).await.unwrap());
    assert!(is_kept(store, &me, &Record { version: 2, ..bare }).await);
    assert!(!store.replace(&me, record("kind")).await.unwrap());
    assert!(!store.replace(&somebody(), record("kind")).await.unwrap());
    assert!(is_kept(store, &me, &bystander).await);
}

pub async fn a_key_that_is_taken_is_not_given_again(store: &dyn RecordStore) {
    let me = somebody();
    let mine = kept(store, &me, named("kind", "mine")).await;
    let taken = kept(store, &me, named("kind", "taken")).await;
    kept(store, &me, named("another", "free")).await;
    let key = |key: &str| Record { key: Some(key.to_owned()), ..mine.clone() };
    refused(store.replace(&me, key("taken")).await, ErrorKind::Conflict);
    assert!(is_kept(store, &me, &mine).await && is_kept(store, &me, &taken).await);
    // Who comes too late learns that first.
    assert!(!store.replace(&me, Record { version: 1, ..key("taken") }).await.unwrap());
    assert!(!store.replace(&me, named("kind", "taken")).await.unwrap());
    // Its own key it may keep, and one of another kind it may have.
    assert!(store.replace(&me, mine.clone()).await.unwrap());
    assert!(store.replace(&me, Record { version: 1, ..key("free") }).await.unwrap());
}
