//! Deletion: of one record, of expired records, of all records of an owner. Nothing else is deleted.

use super::*;

/// A time long before the expiry of everything that other suites store.
const EARLY: Millis = 1_000;

pub async fn all(store: &dyn RecordStore) {
    a_deleted_record_is_not_found_and_its_id_and_key_are_free(store).await;
    deleting_an_owner_deletes_all_of_their_records_and_no_others(store).await;
    only_records_that_expired_before_the_given_time_are_swept(store).await;
    a_sweep_deletes_at_most_its_limit(store).await;
}

pub async fn a_deleted_record_is_not_found_and_its_id_and_key_are_free(store: &dyn RecordStore) {
    let me = new_owner();
    let gone = kept(store, &me, named("kind", "name")).await;
    let stays = kept(store, &me, Record { kind: "another".to_owned(), ..gone.clone() }).await;
    assert!(store.delete(&me, "kind", &gone.id).await.unwrap());
    assert!(!store.delete(&me, "kind", &gone.id).await.unwrap());
    assert!(!is_kept(store, &me, &gone).await && is_kept(store, &me, &stays).await);
    assert_eq!(store.find(&me, "kind", "name").await.unwrap(), None);
    assert!(!store.replace(&me, gone.clone()).await.unwrap());
    assert!(is_kept(store, &me, &kept(store, &me, gone.clone()).await).await);
}

pub async fn deleting_an_owner_deletes_all_of_their_records_and_no_others(store: &dyn RecordStore) {
    let (me, other) = (new_owner(), new_owner());
    let mine = [record("kind"), named("kind", "name"), record("another kind")];
    store.insert(&me, mine.to_vec()).await.unwrap();
    let theirs = kept(store, &other, named("kind", "name")).await;
    assert_eq!(store.delete_owner(&me).await.unwrap(), 3);
    assert_eq!(store.delete_owner(&me).await.unwrap(), 0);
    for gone in &mine {
        assert!(!is_kept(store, &me, gone).await);
    }
    assert!(is_kept(store, &other, &theirs).await);
}

async fn expiring(store: &dyn RecordStore, me: &UserId, at: Millis) -> Record {
    kept(store, me, Record { expires_at: Some(at), ..record("kind") }).await
}

pub async fn only_records_that_expired_before_the_given_time_are_swept(store: &dyn RecordStore) {
    let (me, other) = (new_owner(), new_owner());
    let before = expiring(store, &me, EARLY - 1).await;
    let theirs = expiring(store, &other, EARLY - 1).await;
    let then = expiring(store, &me, EARLY).await;
    let never = kept(store, &me, record("kind")).await;
    // Until it is swept, an expired record is read like any other.
    assert!(is_kept(store, &me, &before).await);
    while store.sweep(EARLY, 100).await.unwrap() > 0 {}
    assert!(!is_kept(store, &me, &before).await && !is_kept(store, &other, &theirs).await);
    assert!(is_kept(store, &me, &then).await && is_kept(store, &me, &never).await);
    assert_eq!(store.sweep(EARLY, 100).await.unwrap(), 0);
    while store.sweep(EARLY + 1, 100).await.unwrap() > 0 {}
    assert!(!is_kept(store, &me, &then).await && is_kept(store, &me, &never).await);
}

pub async fn a_sweep_deletes_at_most_its_limit(store: &dyn RecordStore) {
    let owners = [new_owner(), new_owner()];
    while store.sweep(EARLY, 100).await.unwrap() > 0 {}
    let mut all = Vec::new();
    for n in 0..5 {
        let owner = &owners[n % 2];
        all.push((owner, expiring(store, owner, EARLY - 1 - n as Millis).await));
    }
    assert_eq!(store.sweep(EARLY, 0).await.unwrap(), 0);
    for (swept, left) in [(2, 3), (2, 1), (1, 0), (0, 0)] {
        assert_eq!(store.sweep(EARLY, 2).await.unwrap(), swept);
        let mut kept = 0;
        for (owner, record) in &all {
            kept += usize::from(is_kept(store, owner, record).await);
        }
        assert_eq!(kept, left);
    }
}
