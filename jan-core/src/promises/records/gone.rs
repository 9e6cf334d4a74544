//! Deleted, swept, gone with its owner: for good, and only what was meant.

use super::*;

/// What expires here expires long before everything that other suites keep.
const EARLY: Millis = 1_000;

pub async fn all(store: &dyn RecordStore) {
    what_is_deleted_is_gone_and_its_names_are_free(store).await;
    an_owner_goes_with_everything_and_alone(store).await;
    only_what_expired_before_is_swept(store).await;
    a_sweep_takes_no_more_than_its_limit(store).await;
}

pub async fn what_is_deleted_is_gone_and_its_names_are_free(store: &dyn RecordStore) {
    let me = somebody();
    let gone = kept(store, &me, named("kind", "name")).await;
    let stays = kept(store, &me, Record { kind: "another".to_owned(), ..gone.clone() }).await;
    assert!(store.delete(&me, "kind", &gone.id).await.unwrap());
    assert!(!store.delete(&me, "kind", &gone.id).await.unwrap());
    assert!(!is_kept(store, &me, &gone).await && is_kept(store, &me, &stays).await);
    assert_eq!(store.find(&me, "kind", "name").await.unwrap(), None);
    assert!(!store.replace(&me, gone.clone()).await.unwrap());
    assert!(is_kept(store, &me, &kept(store, &me, gone.clone()).await).await);
}

pub async fn an_owner_goes_with_everything_and_alone(store: &dyn RecordStore) {
    let (me, other) = (somebody(), somebody());
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

pub async fn only_what_expired_before_is_swept(store: &dyn RecordStore) {
    let (me, other) = (somebody(), somebody());
    let before = expiring(store, &me, EARLY - 1).await;
    let theirs = expiring(store, &other, EARLY - 1).await;
    let then = expiring(store, &me, EARLY).await;
    let never = kept(store, &me, record("kind")).await;
    // Until it is swept, what expired is there like everything else.
    assert!(is_kept(store, &me, &before).await);
    while store.sweep(EARLY, 100).await.unwrap() > 0 {}
    assert!(!is_kept(store, &me, &before).await && !is_kept(store, &other, &theirs).await);
    assert!(is_kept(store, &me, &then).await && is_kept(store, &me, &never).await);
    assert_eq!(store.sweep(EARLY, 100).await.unwrap(), 0);
    while store.sweep(EARLY + 1, 100).await.unwrap() > 0 {}
    assert!(!is_kept(store, &me, &then).await && is_kept(store, &me, &never).await);
}

pub async fn a_sweep_takes_no_more_than_its_limit(store: &dyn RecordStore) {
    let owners = [somebody(), somebody()];
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
