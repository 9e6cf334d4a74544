//! Tests of typed records, on top of any store.

use futures_util::future::join_all;

use super::*;
use crate::record::{Records, TypedRecord};

pub async fn all(store: &Arc<dyn RecordStore>) {
    changes_at_the_same_time_are_all_kept(store).await;
    a_change_that_is_refused_changes_nothing(store).await;
}

/// Many simultaneous changes of one record all take effect.
pub async fn changes_at_the_same_time_are_all_kept(store: &Arc<dyn RecordStore>) {
    let me = new_owner();
    let counters = Records::<u64>::new("counter", store.clone());
    let id = id::short("rec_");
    counters.insert(&me, &TypedRecord::new(id.clone(), NOON, 0)).await.unwrap();
    let count = |counter: &mut TypedRecord<u64>| {
        counter.body += 1;
        Ok(())
    };
    let changes = join_all((0..50).map(|_| counters.update(&me, &id, count))).await;
    let mut given: Vec<_> = changes.into_iter().map(|change| change.unwrap().body).collect();
    given.sort_unstable();
    assert_eq!(given, (1..=50).collect::<Vec<_>>());
    assert_eq!(counters.get(&me, &id).await.unwrap().unwrap().body, 50);
}

pub async fn a_change_that_is_refused_changes_nothing(store: &Arc<dyn RecordStore>) {
    let me = new_owner();
    let texts = Records::<String>::new("text", store.clone());
    let id = id::short("rec_");
    let new = TypedRecord::new(id.clone(), NOON, "before".to_owned()).key("key");
    texts.insert(&me, &new).await.unwrap();
    let change = |text: &mut TypedRecord<String>| {
        text.body = "after".to_owned();
        Err(crate::Error::new(ErrorKind::Forbidden, "No."))
    };
    refused(texts.update(&me, &id, change).await, ErrorKind::Forbidden);
    assert_eq!(texts.get(&me, &id).await.unwrap().as_ref(), Some(&new));
    assert_eq!(texts.find(&me, "key").await.unwrap(), Some(new));
    refused(texts.update(&me, "rec_nobody", |_| Ok(())).await, ErrorKind::NotFound);
}
