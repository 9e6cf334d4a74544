//! Stores that fail when they are told to, and what must still hold afterwards.

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

/// Which write fails, counted over all stores of a house, and what is stored by now.
#[derive(Clone, Default)]
pub(crate) struct Trouble(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    left: Option<u64>,
    /// Something has failed.
    struck: bool,
    /// Only the one write fails, and everything works again after it.
    once: bool,
    /// The write that fails is done all the same, and only its answer is lost.
    done: bool,
    stored: BTreeSet<String>,
    /// For pauses that are the same for the same seed.
    dice: u32,
}

impl Trouble {
    /// So many writes from here one fails.
    pub(crate) fn at(&self, writes: u64, done: bool, once: bool) {
        let mut state = self.0.lock();
        (state.left, state.done, state.once) = (Some(writes), done, once);
    }

    /// Everything works again. Whether it ever did not.
    pub(crate) fn over(&self) -> bool {
        let mut state = self.0.lock();
        state.left = None;
        state.struck
    }

    /// From here on others have their turn at other moments.
    pub(crate) fn shuffle(&self, seed: u32) {
        self.0.lock().dice = seed;
    }

    /// Time for others, or none.
    async fn pause(&self) {
        let turns = {
            let mut state = self.0.lock();
            state.dice = state.dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.dice >> 30
        };
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
    }

    pub(crate) fn stored(&self) -> BTreeSet<String> {
        self.0.lock().stored.clone()
    }

    /// Whether this write is to be done, and how its answer is to be changed.
    fn write(&self) -> (bool, Option<Error>) {
        let mut state = self.0.lock();
        let failed = || Some(Error::unavailable("Out of order."));
        match state.left {
            None => (true, None),
            Some(0) => (false, failed()),
            Some(1) => {
                state.struck = true;
                state.left = (!state.once).then_some(0);
                (state.done, failed())
            }
            Some(left) => {
                state.left = Some(left - 1);
                (true, None)
            }
        }
    }

    async fn read(&self) -> Result<()> {
        self.pause().await;
        match self.0.lock().left {
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

pub(crate) struct Shaky<S: ?Sized> {
    pub(crate) store: Arc<S>,
    pub(crate) trouble: Trouble,
}

#[async_trait]
impl BlobStore for Shaky<dyn BlobStore> {
    async fn put(&self, key: &str, bytes: BoxStream<Result<Bytes>>) -> Result<u64> {
        let put = async {
            let length = self.store.put(key, bytes).await?;
            self.trouble.0.lock().stored.insert(key.to_owned());
            Ok(length)
        };
        self.trouble.through(put).await
    }

    async fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<BoxStream<Result<Bytes>>> {
        self.trouble.read().await?;
        self.store.get(key, range).await
    }

    async fn size(&self, key: &str) -> Result<Option<u64>> {
        self.trouble.read().await?;
        self.store.size(key).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        let delete = async {
            self.store.delete(key).await?;
            self.trouble.0.lock().stored.remove(key);
            Ok(())
        };
        self.trouble.through(delete).await
    }
}

#[async_trait]
impl Transactional for Shaky<dyn RecordStore> {
    async fn begin(&self) -> Result<Transaction> {
        self.store.begin().await
    }
}

#[async_trait]
impl RecordStore for Shaky<dyn RecordStore> {
    async fn insert_in(&self, tx: &mut Transaction, owner: &UserId, records: Vec<Record>) -> Result<()> {
        self.trouble.through(self.store.insert_in(tx, owner, records)).await
    }

    async fn get_in(
        &self,
        tx: &mut Transaction,
        owner: &UserId,
        kind: &str,
        id: &str,
    ) -> Result<Option<Record>> {
        self.trouble.read().await?;
        self.store.get_in(tx, owner, kind, id).await
    }

    async fn replace_in(&self, tx: &mut Transaction, owner: &UserId, record: Record) -> Result<bool> {
        self.trouble.through(self.store.replace_in(tx, owner, record)).await
    }

    async fn insert(&self, owner: &UserId, records: Vec<Record>) -> Result<()> {
        self.trouble.through(self.store.insert(owner, records)).await
    }

    async fn get(&self, owner: &UserId, kind: &str, id: &str) -> Result<Option<Record>> {
        self.trouble.read().await?;
        self.store.get(owner, kind, id).await
    }

    async fn find(&self, owner: &UserId, kind: &str, key: &str) -> Result<Option<Record>> {
        self.trouble.read().await?;
        self.store.find(owner, kind, key).await
    }

    async fn list(
        &self,
        owner: &UserId,
        kind: &str,
        group: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<Record>> {
        self.trouble.read().await?;
        self.store.list(owner, kind, group, page).await
    }

    async fn count(&self, owner: &UserId, kind: &str, group: Option<&str>) -> Result<u64> {
        self.trouble.read().await?;
        self.store.count(owner, kind, group).await
    }

    async fn everything(&self, _: &UserId, _: Option<(&str, &str)>, _: u32) -> Result<Vec<Record>> {
        unreachable!("the room does not ask for everything")
    }

    async fn replace(&self, owner: &UserId, record: Record) -> Result<bool> {
        self.trouble.through(self.store.replace(owner, record)).await
    }

    async fn delete(&self, owner: &UserId, kind: &str, id: &str) -> Result<bool> {
        self.trouble.through(self.store.delete(owner, kind, id)).await
    }

    async fn delete_owner(&self, owner: &UserId) -> Result<u64> {
        self.trouble.through(self.store.delete_owner(owner)).await
    }

    async fn sweep(&self, now: Millis, limit: u32) -> Result<u64> {
        self.trouble.through(self.store.sweep(now, limit)).await
    }
}

/// Does something in a house where somebody else has the same bytes and I have others, and lets every possible write
/// fail, done or not, alone or with all that come after it. Afterwards, and after a sweep, nothing is half there, and
/// unless `all` may go, what is somebody else's is whole.
async fn the_world_ends(shared: bool, all: bool, what: impl AsyncFn(&House, &str) -> Result<()>) {
    for (done, once) in [(false, false), (true, false), (false, true), (true, true)] {
        for writes in 1.. {
            let house = house();
            let bytes = png(3, 4, b"mine");
            let mine = house.keep(&me(), &bytes).await.unwrap();
            if shared {
                house.keep(&you(), &bytes).await.unwrap();
                house.keep(&you(), &png(1, 1, b"new")).await.unwrap();
            }
            house.trouble.at(writes, done, once);
            let result = what(&house, &mine.id).await;
            let ended = house.trouble.over();
            // Two sweeps at once, and one after that.
            house.clock.advance(2 * 60 * MINUTE);
            let nothing = nothing();
            let (a, b) = tokio::join!(house.media.sweep(&nothing), house.media.sweep(&nothing));
            a.unwrap();
            b.unwrap();
            house.media.sweep(&nothing).await.unwrap();
            house.audit().await;
            let theirs = house.media.list(&you(), &PageRequest::default()).await.unwrap().items.len();
            assert!(!shared || all || theirs == 2, "what is another's stays");
            if !ended {
                result.unwrap();
                break;
            }
        }
    }
}

/// The same where nothing fails, and whoever waits for it goes away.
async fn nobody_waits(what: impl AsyncFn(&House, &str) -> Result<()>) {
    for turns in 1.. {
        let house = house();
        let bytes = png(3, 4, b"mine");
        let mine = house.keep(&me(), &bytes).await.unwrap();
        house.keep(&you(), &bytes).await.unwrap();
        house.keep(&you(), &png(1, 1, b"new")).await.unwrap();
        house.trouble.shuffle(turns);
        let done = {
            let mut left = turns;
            let mut waiting = std::pin::pin!(what(&house, &mine.id));
            std::future::poll_fn(|cx| {
                left -= 1;
                let done = waiting.as_mut().poll(cx).is_ready();
                cx.waker().wake_by_ref();
                if done || left == 0 { std::task::Poll::Ready(done) } else { std::task::Poll::Pending }
            })
            .await
        };
        house.clock.advance(2 * 60 * MINUTE);
        house.media.sweep(&nothing()).await.unwrap();
        house.audit().await;
        if done {
            break;
        }
    }
}

#[tokio::test]
async fn whatever_is_dropped_anywhere_leaves_nothing() {
    nobody_waits(async |house, _| house.keep(&me(), &png(1, 1, b"new")).await.map(drop)).await;
    nobody_waits(async |house, _| house.keep(&me(), &png(3, 4, b"mine")).await.map(drop)).await;
    nobody_waits(async |house, mine| house.media.delete(&me(), mine).await.map(drop)).await;
    nobody_waits(async |house, _| {
        house.clock.advance(31 * DAY);
        house.media.sweep(&nothing()).await.map(drop)
    })
    .await;
}

#[tokio::test]
async fn an_upload_breaks_off_anywhere() {
    for shared in [false, true] {
        the_world_ends(shared, false, async |house, _| {
            let kept = house.keep(&me(), &png(1, 1, b"new")).await?;
            assert_eq!(
                house.read(&me(), &kept.id).await?,
                png(1, 1, b"new"),
                "what is acknowledged is there"
            );
            Ok(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_deletion_breaks_off_anywhere() {
    for shared in [false, true] {
        the_world_ends(shared, false, async |house, mine| house.media.delete(&me(), mine).await.map(drop))
            .await;
    }
}

#[tokio::test]
async fn all_are_deleted_and_it_breaks_off_anywhere() {
    the_world_ends(true, true, async |house, _| {
        house.media.delete_all(&you()).await?;
        house.media.delete_all(&me()).await?;
        assert!(house.trouble.stored().is_empty());
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn bytes_that_are_there_come_again_and_it_breaks_off() {
    the_world_ends(true, false, async |house, mine| {
        let again = house.keep(&me(), &png(3, 4, b"mine")).await?;
        assert!(again.deduped && again.id == mine);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_sweep_breaks_off_anywhere() {
    the_world_ends(true, false, async |house, _| {
        house.clock.advance(3 * 60 * MINUTE);
        house.media.sweep(&nothing()).await.map(drop)
    })
    .await;
}

#[tokio::test]
async fn the_end_of_everything_breaks_off_anywhere() {
    the_world_ends(true, true, async |house, _| {
        house.clock.advance(31 * DAY);
        house.media.sweep(&nothing()).await?;
        assert!(house.trouble.stored().is_empty());
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn an_owner_is_taken_away_whole_and_the_sweep_after_it_breaks_off() {
    the_world_ends(true, true, async |house, _| {
        house.records.delete_owner(&you()).await?;
        house.media.delete_all(&me()).await?;
        house.clock.advance(31 * DAY);
        house.media.sweep(&nothing()).await.map(drop)
    })
    .await;
}

#[tokio::test]
async fn an_announced_upload_breaks_off_anywhere() {
    the_world_ends(true, false, async |house, _| {
        let new = NewUpload { mime_type: Some("image/png".into()), ..NewUpload::default() };
        let upload = house.media.prepare_upload(&me(), new).await?;
        let (id, token) = super::links::parts(&upload.url, "");
        let kept = house.media.receive(id, token, pieces(&png(8, 8, b"new"))).await?;
        assert_eq!(house.read(&me(), &kept.id).await?, png(8, 8, b"new"));
        house.clock.advance(2 * 60 * MINUTE);
        Ok(())
    })
    .await;
}
