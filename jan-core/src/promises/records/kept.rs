//! Records are stored, found and replaced by their owner and by nobody else.

use super::*;

pub async fn all(store: &dyn RecordStore) {
    a_record_is_read_back_unchanged(store).await;
    records_are_inserted_all_or_none(store).await;
    an_id_is_unique_over_all_owners_within_one_kind(store).await;
    a_key_is_unique_for_one_owner_within_one_kind(store).await;
    a_record_of_another_owner_is_not_found(store).await;
    a_record_is_replaced_once_per_version(store).await;
    a_record_cannot_take_another_records_key(store).await;
}

pub async fn a_record_is_read_back_unchanged(store: &dyn RecordStore) {
    let me = new_owner();
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

pub async fn records_are_inserted_all_or_none(store: &dyn RecordStore) {
    let me = new_owner();
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

pub async fn an_id_is_unique_over_all_owners_within_one_kind(store: &dyn RecordStore) {
    let (me, other) = (new_owner(), new_owner());
    let mine = kept(store, &me, record("kind")).await;
    for owner in [&me, &other] {
        let same = Record { body: "1".to_owned(), ..mine.clone() };
        refused(store.insert(owner, vec![same]).await, ErrorKind::Conflict);
    }
    let of_another_kind = kept(store, &other, Record { kind: "another".to_owned(), ..mine.clone() }).await;
    assert!(is_kept(store, &me, &mine).await && is_kept(store, &other, &of_another_kind).await);
}

pub async fn a_key_is_unique_for_one_owner_within_one_kind(store: &dyn RecordStore) {
    let (me, other) = (new_owner(), new_owner());
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
    // Records without a key do not conflict with each other.
    for _ in 0..3 {
        kept(store, &me, record("kind")).await;
    }
}

pub async fn a_record_of_another_owner_is_not_found(store: &dyn RecordStore) {
    let (owner, other_owner) = (new_owner(), new_owner());
    let new = Record { group: Some("group".to_owned()), ..named("kind", "name") };
    let theirs = kept(store, &owner, new).await;
    for _ in 0..2 {
        assert_eq!(store.get(&other_owner, "kind", &theirs.id).await.unwrap(), None);
        assert_eq!(store.find(&other_owner, "kind", "name").await.unwrap(), None);
        for group in [None, Some("group")] {
            let list = store.list(&other_owner, "kind", group, &page(5, Order::Asc, None)).await.unwrap();
            assert!(list.items.is_empty() && !list.has_more);
        }
        is_unknown_cursor(
            store.list(&other_owner, "kind", None, &page(5, Order::Asc, Some(&theirs.id))).await,
        );
        assert!(
            !store.replace(&other_owner, Record { body: "1".to_owned(), ..theirs.clone() }).await.unwrap()
        );
        assert!(!store.delete(&other_owner, "kind", &theirs.id).await.unwrap());
        assert!(is_kept(store, &owner, &theirs).await);
        // The same holds for another owner who has a record of their own.
        kept(store, &other_owner, record("something else")).await;
    }
    assert_eq!(store.delete_owner(&other_owner).await.unwrap(), 2);
    assert!(is_kept(store, &owner, &theirs).await);
}

pub async fn a_record_is_replaced_once_per_version(store: &dyn RecordStore) {
    let me = new_owner();
    let first = kept(store, &me, named("kind", "before")).await;
    let bystander = kept(store, &me, record("kind")).await;
    let changed = Record {
        key: Some("after".to_owned()),
        group: Some("group".to_owned()),
        expires_at: Some(NOON + 9),
        body: "[1]".to_owned(),
        ..first.clone()
    };
    // The creation time does not change.
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
    assert!(!store.replace(&new_owner(), record("kind")).await.unwrap());
    assert!(is_kept(store, &me, &bystander).await);
}

pub async fn a_record_cannot_take_another_records_key(store: &dyn RecordStore) {
    let me = new_owner();
    let mine = kept(store, &me, named("kind", "mine")).await;
    let taken = kept(store, &me, named("kind", "taken")).await;
    kept(store, &me, named("another", "free")).await;
    let key = |key: &str| Record { key: Some(key.to_owned()), ..mine.clone() };
    refused(store.replace(&me, key("taken")).await, ErrorKind::Conflict);
    assert!(is_kept(store, &me, &mine).await && is_kept(store, &me, &taken).await);
    // An outdated version is reported before a key that exists already.
    assert!(!store.replace(&me, Record { version: 1, ..key("taken") }).await.unwrap());
    assert!(!store.replace(&me, named("kind", "taken")).await.unwrap());
    // A record may keep its own key, and may have a key that a record of another kind has.
    assert!(store.replace(&me, mine.clone()).await.unwrap());
    assert!(store.replace(&me, Record { version: 1, ..key("free") }).await.unwrap());
}
