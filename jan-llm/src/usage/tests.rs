//! No count is lost, and each owner's report has only their own usage.

use super::*;
use crate::store::{RecordStore, Store};
use async_trait::async_trait;
use jan_core::clock::MovedClock;
use jan_core::page::{Page, PageRequest};
use jan_core::record::{Millis, Record};
use jan_core::{Error, Result, Transaction, Transactional, UserId};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const NOON: u64 = 1_795_435_200; // 2026-11-23T12:00:00Z

fn meter(store: &Store) -> (Meter, MovedClock) {
    let clock = MovedClock::at(NOON);
    (Meter::new(store, Arc::new(clock.clone())), clock)
}

fn days(meter: &Meter) -> Days {
    Days::last(None, meter).unwrap()
}

async fn report_of(meter: &Meter, owner: &str, project: Option<&str>) -> Value {
    let report = meter.report(&UserId::new(owner), project, days(meter)).await.unwrap();
    serde_json::to_value(report).unwrap()
}

async fn adds_up(store: Store) {
    let ((meter, clock), me) = (meter(&store), UserId::new("me"));
    for (model, project) in [("a", None), ("org/b", Some("proj_1")), ("a", None), ("a", Some("proj_1"))] {
        meter.record(&me, model, project, &Usage::new(10, 5));
        meter.flush().await.unwrap();
    }
    meter.record(&UserId::new("you"), "a", None, &Usage::new(1000, 1000));
    clock.advance(Duration::from_secs(24 * 3600));
    meter.record(&me, "a", None, &Usage::new(1, 1));

    let report = report_of(&meter, "me", None).await;
    assert_eq!((&report["from"], &report["to"]), (&json!("2026-10-26"), &json!("2026-11-24")));
    assert_eq!((&report["total_tokens"], &report["requests"]), (&json!(62), &json!(5)));
    let a = json!({"model": "a", "prompt_tokens": 31, "completion_tokens": 16, "total_tokens": 47, "requests": 4});
    assert_eq!(report["models"][0], a);
    assert_eq!(report_of(&meter, "me", Some("proj_1")).await["requests"], 2);
    assert_eq!(report_of(&meter, "me", Some("proj_2")).await["requests"], 0);
    assert_eq!(report_of(&meter, "you", None).await["requests"], 1);

    let daily = serde_json::to_value(meter.daily(&me, days(&meter)).await.unwrap()).unwrap();
    let seen: Vec<_> = daily.as_array().unwrap().iter().map(|day| (&day["date"], &day["requests"])).collect();
    assert_eq!(seen, [(&json!("2026-11-23"), &json!(4)), (&json!("2026-11-24"), &json!(1))]);
    let first = Days::between(Some("2026-11-23"), Some("2026-11-23"), &meter).unwrap();
    assert_eq!(meter.daily(&me, first).await.unwrap().len(), 1);

    // Another process on the same store adds to the same rows.
    let (other, _) = self::meter(&store);
    other.record(&me, "a", None, &Usage::new(1, 1));
    other.flush().await.unwrap();
    assert_eq!(report_of(&meter, "me", None).await["requests"], 6);
    assert_eq!(store.records.list(&me, "usage", None, &PageRequest::default()).await.unwrap().items.len(), 4);
}

#[tokio::test]
async fn tokens_add_up_by_day_model_and_project() {
    adds_up(crate::store::memory_store()).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn tokens_add_up_in_a_file_in_the_same_way() {
    let folder = tempfile::tempdir().unwrap();
    adds_up(crate::store::sqlite_store(folder.path().join("jan.db")).await).await;
}

#[test]
fn an_error_names_the_invalid_day() {
    let (meter, _) = meter(&crate::store::memory_store());
    let param = |days: Result<Days>| days.unwrap_err().param().unwrap_or_default().to_owned();
    assert_eq!(param(Days::between(Some("yesterday"), None, &meter)), "from");
    assert_eq!(param(Days::between(None, Some("2026-02-30"), &meter)), "to");
    assert_eq!(param(Days::between(Some("2026-11-24"), Some("2026-11-23"), &meter)), "from");
    assert_eq!(param(Days::between(Some("2020-01-01"), None, &meter)), "from");
    for count in ["0", "367", "-1", "many"] {
        assert_eq!(param(Days::last(Some(count), &meter)), "days");
    }
    assert!(Days::between(Some("0001-01-01"), Some("0001-01-02"), &meter).is_ok());
}

/// A store whose inserts fail, or never return, while the test has set the flag.
struct Failing {
    inner: Arc<dyn RecordStore>,
    fails: AtomicBool,
    hangs: AtomicBool,
}

#[async_trait]
impl Transactional for Failing {
    async fn begin(&self) -> Result<Transaction> {
        self.inner.begin().await
    }
}

#[async_trait]
impl RecordStore for Failing {
    async fn insert_in(&self, tx: &mut Transaction, owner: &UserId, records: Vec<Record>) -> Result<()> {
        self.inner.insert_in(tx, owner, records).await
    }
    async fn get_in(
        &self,
        tx: &mut Transaction,
        owner: &UserId,
        kind: &str,
        id: &str,
    ) -> Result<Option<Record>> {
        self.inner.get_in(tx, owner, kind, id).await
    }
    async fn replace_in(&self, tx: &mut Transaction, owner: &UserId, record: Record) -> Result<bool> {
        self.inner.replace_in(tx, owner, record).await
    }
    async fn insert(&self, owner: &UserId, records: Vec<Record>) -> Result<()> {
        if self.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        if self.fails.load(Ordering::SeqCst) {
            return Err(Error::internal("the disk is full"));
        }
        self.inner.insert(owner, records).await
    }
    async fn get(&self, owner: &UserId, kind: &str, id: &str) -> Result<Option<Record>> {
        self.inner.get(owner, kind, id).await
    }
    async fn find(&self, owner: &UserId, kind: &str, key: &str) -> Result<Option<Record>> {
        self.inner.find(owner, kind, key).await
    }
    async fn list(
        &self,
        o: &UserId,
        kind: &str,
        group: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<Record>> {
        self.inner.list(o, kind, group, page).await
    }
    async fn count(&self, owner: &UserId, kind: &str, group: Option<&str>) -> Result<u64> {
        self.inner.count(owner, kind, group).await
    }
    async fn everything(
        &self,
        owner: &UserId,
        after: Option<(&str, &str)>,
        limit: u32,
    ) -> Result<Vec<Record>> {
        self.inner.everything(owner, after, limit).await
    }
    async fn delete(&self, owner: &UserId, kind: &str, id: &str) -> Result<bool> {
        self.inner.delete(owner, kind, id).await
    }
    async fn delete_owner(&self, owner: &UserId) -> Result<u64> {
        self.inner.delete_owner(owner).await
    }
    async fn sweep(&self, now: Millis, limit: u32) -> Result<u64> {
        self.inner.sweep(now, limit).await
    }
}

#[tokio::test]
async fn counts_that_could_not_be_written_are_not_lost() {
    let whole = crate::store::memory_store();
    let failing =
        Arc::new(Failing { inner: whole.records.clone(), fails: true.into(), hangs: AtomicBool::new(false) });
    let (meter, _) = meter(&Store { records: failing.clone(), ..whole });
    for owner in ["me", "you"] {
        meter.record(&UserId::new(owner), "a", None, &Usage::new(1, 1));
    }
    assert!(meter.flush().await.is_err());
    assert!(
        meter.report(&UserId::new("me"), None, days(&meter)).await.is_err(),
        "a report without the pending counts would be incomplete"
    );
    meter.record(&UserId::new("me"), "a", None, &Usage::new(1, 1));

    failing.fails.store(false, Ordering::SeqCst);
    failing.hangs.store(true, Ordering::SeqCst);
    let dropped = tokio::time::timeout(Duration::from_millis(20), meter.flush()).await;
    assert!(dropped.is_err(), "the flush was dropped in the middle");
    failing.hangs.store(false, Ordering::SeqCst);
    assert_eq!(report_of(&meter, "me", None).await["requests"], 2);
    assert_eq!(report_of(&meter, "you", None).await["requests"], 1);

    meter.record(&UserId::new("me"), "a", None, &Usage::new(1, 1));
    meter.forget(&UserId::new("me")).await;
    assert_eq!(report_of(&meter, "me", None).await["requests"], 2);
}

#[test]
fn counts_of_several_threads_add_up() {
    let (meter, me) = (meter(&crate::store::memory_store()).0, UserId::new("me"));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..1000).for_each(|_| meter.record(&me, "a", None, &Usage::new(2, 1))));
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(runtime.block_on(report_of(&meter, "me", None))["requests"], 4000);
}
