//! Stores that fail on demand, and tests of what must hold after every possible failure.

use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use jan_core::media::BlobStore;
use jan_core::page::{Page, PageRequest};
use jan_core::record::{Millis, Record, RecordStore};
use jan_core::{BoxStream, Error, Result, Transaction, Transactional, UserId};

use super::*;
use crate::NewUpload;

/// Controls which write fails, counted over all stores of a setup, and records which blobs are stored.
#[derive(Clone, Default)]
pub(crate) struct Faults(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// How many more writes succeed, plus one; `None` when no write is to fail.
    remaining: Option<u64>,
    /// Whether a write has failed.
    failed_once: bool,
    /// Only one write fails; later ones succeed.
    once: bool,
    /// The failing write takes effect, and only its reply is lost.
    done: bool,
    stored: BTreeSet<String>,
    /// The state of a random number generator for pauses, which are the same for the same seed.
    random: u32,
}

impl Faults {
    /// Makes the write after `writes - 1` more writes fail.
    pub(crate) fn fail_at(&self, writes: u64, done: bool, once: bool) {
        let mut state = self.0.lock();
        (state.remaining, state.done, state.once) = (Some(writes), done, once);
    }

    /// Makes all writes succeed again, and returns whether any has failed.
    pub(crate) fn stop(&self) -> bool {
        let mut state = self.0.lock();
        state.remaining = None;
        state.failed_once
    }

    /// Sets the seed of the pauses, so that tasks interleave differently.
    pub(crate) fn shuffle(&self, seed: u32) {
        self.0.lock().random = seed;
    }

    /// Yields to other tasks a random number of times.
    async fn pause(&self) {
        let turns = {
            let mut state = self.0.lock();
            state.random = state.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.random >> 30
        };
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
    }

    pub(crate) fn stored(&self) -> BTreeSet<String> {
        self.0.lock().stored.clone()
    }

    /// Whether this write takes effect, and the error to return if it fails.
    fn write(&self) -> (bool, Option<Error>) {
        let mut state = self.0.lock();
        let failed = || Some(Error::unavailable("Out of order."));
        match state.remaining {
            None => (true, None),
            Some(0) => (false, failed()),
            Some(1) => {
                state.failed_once = true;
                state.remaining = (!state.once).then_some(0);
                (state.done, failed())
            }
            Some(remaining) => {
                state.remaining = Some(remaining - 1);
                (true, None)
            }
        }
    }

    async fn read(&self) -> Result<()> {
        self.pause().await;
        match self.0.lock().remaining {
            Some(0) => Err(Error::unavailable("Out of order.")),
            _ => Ok(()),
        }
    }

    async fn through<T>(&self, write: impl Future<Output = Result<T>>) -> Result<T> {
        self.pause().await;
        match self.write() {
            (true, None) => write.await,
            (true, Some(error)) => write.await.and(Err(error)),
            (false, error) => Err(error.unwrap()),
        }
    }
}

pub(crate) struct Faulty<S: ?Sized> {
    pub(crate) store: Arc<S>,
    pub(crate) faults: Faults,
}

#[async_trait]
impl BlobStore for Faulty<dyn BlobStore> {
    async fn put(&self, key: &str, bytes: BoxStream<Result<Bytes>>) -> Result<u64> {
        let put = async {
            let length = self.store.put(key, bytes).await?;
            self.faults.0.lock().stored.insert(key.to_owned());
            Ok(length)
        };
        self.faults.through(put).await
    }

    async fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<BoxStream<Result<Bytes>>> {
        self.faults.read().await?;
        self.store.get(key, range).await
    }

    async fn size(&self, key: &str) -> Result<Option<u64>> {
        self.faults.read().await?;
        self.store.size(key).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        let delete = async {
            self.store.delete(key).await?;
            self.faults.0.lock().stored.remove(key);
            Ok(())
        };
        self.faults.through(delete).await
    }
}

#[async_trait]
impl Transactional for Faulty<dyn RecordStore> {
    async fn begin(&self) -> Result<Transaction> {
        self.store.begin().await
    }
}

#[async_trait]
impl RecordStore for Faulty<dyn RecordStore> {
    async fn insert_in(&self, tx: &mut Transaction, owner: &UserId, records: Vec<Record>) -> Result<()> {
        self.faults.through(self.store.insert_in(tx, owner, records)).await
    }

    async fn get_in(
        &self,
        tx: &mut Transaction,
        owner: &UserId,
        kind: &str,
        id: &str,
    ) -> Result<Option<Record>> {
        self.faults.read().await?;
        self.store.get_in(tx, owner, kind, id).await
    }

    async fn replace_in(&self, tx: &mut Transaction, owner: &UserId, record: Record) -> Result<bool> {
        self.faults.through(self.store.replace_in(tx, owner, record)).await
    }

    async fn insert(&self, owner: &UserId, records: Vec<Record>) -> Result<()> {
        self.faults.through(self.store.insert(owner, records)).await
    }

    async fn get(&self, owner: &UserId, kind: &str, id: &str) -> Result<Option<Record>> {
        self.faults.read().await?;
        self.store.get(owner, kind, id).await
    }

    async fn find(&self, owner: &UserId, kind: &str, key: &str) -> Result<Option<Record>> {
        self.faults.read().await?;
        self.store.find(owner, kind, key).await
    }

    async fn list(
        &self,
        owner: &UserId,
        kind: &str,
        group: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<Record>> {
        self.faults.read().await?;
        self.store.list(owner, kind, group, page).await
    }

    async fn count(&self, owner: &UserId, kind: &str, group: Option<&str>) -> Result<u64> {
        self.faults.read().await?;
        self.store.count(owner, kind, group).await
    }

    async fn everything(&self, _: &UserId, _: Option<(&str, &str)>, _: u32) -> Result<Vec<Record>> {
        unreachable!("media does not call this")
    }

    async fn replace(&self, owner: &UserId, record: Record) -> Result<bool> {
        self.faults.through(self.store.replace(owner, record)).await
    }

    async fn delete(&self, owner: &UserId, kind: &str, id: &str) -> Result<bool> {
        self.faults.through(self.store.delete(owner, kind, id)).await
    }

    async fn delete_owner(&self, owner: &UserId) -> Result<u64> {
        self.faults.through(self.store.delete_owner(owner)).await
    }

    async fn sweep(&self, now: Millis, limit: u32) -> Result<u64> {
        self.faults.through(self.store.sweep(now, limit)).await
    }
}

/// Runs `operation` in a setup where another owner has the same bytes and more. Repeats it so that each write fails
/// once: with and without taking effect, alone and with all writes after it. After a sweep nothing may be incomplete
/// and, unless `all` may be deleted, the other owner's media must be unchanged.
async fn fail_at_every_write(shared: bool, all: bool, operation: impl AsyncFn(&Setup, &str) -> Result<()>) {
    for (done, once) in [(false, false), (true, false), (false, true), (true, true)] {
        for writes in 1.. {
            let setup = setup();
            let bytes = png(3, 4, b"mine");
            let mine = setup.keep(&me(), &bytes).await.unwrap();
            if shared {
                setup.keep(&you(), &bytes).await.unwrap();
                setup.keep(&you(), &png(1, 1, b"new")).await.unwrap();
            }
            setup.faults.fail_at(writes, done, once);
            let result = operation(&setup, &mine.id).await;
            let ended = setup.faults.stop();
            // Two sweeps run at the same time, and one after them.
            setup.clock.advance(2 * 60 * MINUTE);
            let nothing = nothing_in_use();
            let (a, b) = tokio::join!(setup.media.sweep(&nothing), setup.media.sweep(&nothing));
            a.unwrap();
            b.unwrap();
            setup.media.sweep(&nothing).await.unwrap();
            setup.audit().await;
            let theirs = setup.media.list(&you(), &PageRequest::default()).await.unwrap().items.len();
            assert!(!shared || all || theirs == 2, "the other owner's media stays");
            if !ended {
                result.unwrap();
                break;
            }
        }
    }
}

/// The same without failures; instead, the future of `operation` is dropped at each of its awaits.
async fn drop_at_every_await(operation: impl AsyncFn(&Setup, &str) -> Result<()>) {
    for turns in 1.. {
        let setup = setup();
        let bytes = png(3, 4, b"mine");
        let mine = setup.keep(&me(), &bytes).await.unwrap();
        setup.keep(&you(), &bytes).await.unwrap();
        setup.keep(&you(), &png(1, 1, b"new")).await.unwrap();
        setup.faults.shuffle(turns);
        let done = {
            let mut remaining = turns;
            let mut waiting = std::pin::pin!(operation(&setup, &mine.id));
            std::future::poll_fn(|cx| {
                remaining -= 1;
                let done = waiting.as_mut().poll(cx).is_ready();
                cx.waker().wake_by_ref();
                if done || remaining == 0 { std::task::Poll::Ready(done) } else { std::task::Poll::Pending }
            })
            .await
        };
        setup.clock.advance(2 * 60 * MINUTE);
        setup.media.sweep(&nothing_in_use()).await.unwrap();
        setup.audit().await;
        if done {
            break;
        }
    }
}

#[tokio::test]
async fn an_operation_dropped_at_any_await_leaves_nothing_incomplete() {
    drop_at_every_await(async |setup, _| setup.keep(&me(), &png(1, 1, b"new")).await.map(drop)).await;
    drop_at_every_await(async |setup, _| setup.keep(&me(), &png(3, 4, b"mine")).await.map(drop)).await;
    drop_at_every_await(async |setup, mine| setup.media.delete(&me(), mine).await.map(drop)).await;
    drop_at_every_await(async |setup, _| {
        setup.clock.advance(31 * DAY);
        setup.media.sweep(&nothing_in_use()).await.map(drop)
    })
    .await;
}

#[tokio::test]
async fn an_upload_may_fail_at_any_write() {
    for shared in [false, true] {
        fail_at_every_write(shared, false, async |setup, _| {
            let kept = setup.keep(&me(), &png(1, 1, b"new")).await?;
            assert_eq!(
                setup.read(&me(), &kept.id).await?,
                png(1, 1, b"new"),
                "an acknowledged object exists"
            );
            Ok(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_deletion_may_fail_at_any_write() {
    for shared in [false, true] {
        fail_at_every_write(shared, false, async |setup, mine| {
            setup.media.delete(&me(), mine).await.map(drop)
        })
        .await;
    }
}

#[tokio::test]
async fn deleting_everything_may_fail_at_any_write() {
    fail_at_every_write(true, true, async |setup, _| {
        setup.media.delete_all(&you()).await?;
        setup.media.delete_all(&me()).await?;
        assert!(setup.faults.stored().is_empty());
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn storing_known_bytes_may_fail_at_any_write() {
    fail_at_every_write(true, false, async |setup, mine| {
        let again = setup.keep(&me(), &png(3, 4, b"mine")).await?;
        assert!(again.deduped && again.id == mine);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_sweep_may_fail_at_any_write() {
    fail_at_every_write(true, false, async |setup, _| {
        setup.clock.advance(3 * 60 * MINUTE);
        setup.media.sweep(&nothing_in_use()).await.map(drop)
    })
    .await;
}

#[tokio::test]
async fn expiry_of_everything_may_fail_at_any_write() {
    fail_at_every_write(true, true, async |setup, _| {
        setup.clock.advance(31 * DAY);
        setup.media.sweep(&nothing_in_use()).await?;
        assert!(setup.faults.stored().is_empty());
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn the_sweep_after_an_erased_owner_may_fail_at_any_write() {
    fail_at_every_write(true, true, async |setup, _| {
        setup.records.delete_owner(&you()).await?;
        setup.media.delete_all(&me()).await?;
        setup.clock.advance(31 * DAY);
        setup.media.sweep(&nothing_in_use()).await.map(drop)
    })
    .await;
}

#[tokio::test]
async fn an_announced_upload_may_fail_at_any_write() {
    fail_at_every_write(true, false, async |setup, _| {
        let new = NewUpload { mime_type: Some("image/png".into()), ..NewUpload::default() };
        let upload = setup.media.prepare_upload(&me(), new).await?;
        let (id, token) = super::links::parts(&upload.url, "");
        let kept = setup.media.receive(id, token, pieces(&png(8, 8, b"new"))).await?;
        assert_eq!(setup.read(&me(), &kept.id).await?, png(8, 8, b"new"));
        setup.clock.advance(2 * 60 * MINUTE);
        Ok(())
    })
    .await;
}
