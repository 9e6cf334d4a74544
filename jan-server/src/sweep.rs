//! The sweep: removes deleted data for good after its retention, and expired data at once.

use std::sync::Arc;
use std::time::Duration;

use jan_core::account::{Account, Sweep};
use jan_core::causes::Causes;
use jan_core::record::Millis;
use jan_core::{Clock, Result};
use tokio::sync::Mutex;

/// The time between two sweeps of a server that serves a listener.
const PERIOD: Duration = Duration::from_secs(60 * 60);
/// How many things one batch removes. Small, because a batch is one transaction and other writers wait for it.
const BATCH: u32 = 500;

/// Removes old data.
pub(crate) struct Sweeper {
    account: Account,
    clock: Arc<dyn Clock>,
    /// How long deleted data is kept.
    retention: Duration,
    /// Held during a sweep, so that a manual sweep ([`crate::Server::sweep`]) and the hourly one never run at the same
    /// time.
    sweeping: Mutex<()>,
    /// Held by the hourly loop. One server may serve several listeners, and each starts a loop: the loop that holds
    /// this lock sweeps for all of them, the others wait here until it is dropped.
    hourly: Mutex<()>,
}

impl Sweeper {
    /// A sweeper for all parts of `account`.
    pub(crate) fn new(account: Account, clock: Arc<dyn Clock>, retention: Duration) -> Self {
        Self { account, clock, retention, sweeping: Mutex::default(), hourly: Mutex::default() }
    }

    /// See [`crate::Server::sweep`].
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn sweep(&self) -> Result<u64> {
        let _sweeping = self.sweeping.lock().await;
        let (account, now) = (&self.account, self.clock.millis());
        let retention = Millis::try_from(self.retention.as_millis()).unwrap_or(Millis::MAX);
        let sweep =
            Sweep { now, deleted_before: now.saturating_sub(retention), limit: BATCH, media: account };
        let mut total = 0;
        for part in account.parts() {
            let count = in_batches(|| part.sweep(&sweep)).await?;
            if count > 0 {
                let what = part.kinds().first().copied().unwrap_or_default();
                tracing::info!(what, count, "swept: what was deleted long ago or has expired is gone");
            }
            total += count;
        }
        Ok(total)
    }

    /// Sweeps now and every hour. If another loop of this server does so already, waits until that one is dropped and
    /// then takes over. Runs until it is dropped.
    pub(crate) async fn sweep_hourly(&self) {
        let _hourly = self.hourly.lock().await;
        loop {
            if let Err(error) = self.sweep().await {
                tracing::warn!(error = %Causes(&error), "sweeping failed; it is tried again in an hour");
            }
            tokio::time::sleep(PERIOD).await;
        }
    }
}

/// Repeats `batch` until it removes nothing, and returns the total. Yields after each batch, so that other tasks of
/// this thread run in between.
async fn in_batches<F: Future<Output = Result<u64>>>(batch: impl Fn() -> F) -> Result<u64> {
    let mut total = 0;
    loop {
        let removed = batch().await?;
        if removed == 0 {
            return Ok(total);
        }
        total += removed;
        tokio::task::yield_now().await;
    }
}

#[cfg(test)]
mod tests {
    use jan_core::UserId;
    use jan_core::auth::AllowAll;
    use jan_core::clock::MovedClock;
    use jan_core::conversation::{Conversation, Selection};
    use jan_core::record::{Records, TypedRecord};

    use jan_llm::Store;

    use super::*;
    use crate::{Database, Server, Settings};

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    #[tokio::test]
    async fn deleted_data_is_removed_after_the_retention_and_expired_data_at_once() {
        let (database, clock, me) = (Database::memory(), MovedClock::at(1_700_000_000), UserId::new("me"));
        let store = Store::on(&database).await.unwrap();
        let settings = Settings { retention: 2 * DAY, ..Settings::default() };
        let server = Server::builder().auth(AllowAll::new()).database(database).settings(settings);
        let server = server.clock(Arc::new(clock.clone())).build().await.unwrap();

        // More than one batch of each kind.
        let records = Records::<()>::new("thing", store.records.clone());
        let count = u64::from(BATCH) + 1;
        for n in 0..count {
            let new = Conversation { id: format!("conv_{n}"), ..Conversation::default() };
            store.conversations.create(&me, new, Vec::new()).await.unwrap();
            let kept = TypedRecord::new(format!("thing_{n}"), clock.millis(), ());
            records.insert(&me, &kept.expires_at(clock.millis() + 1000)).await.unwrap();
        }
        let kept = Conversation { id: "conv_kept".into(), ..Conversation::default() };
        store.conversations.create(&me, kept, Vec::new()).await.unwrap();
        let deleted = (0..count).map(|n| format!("conv_{n}")).collect();
        store.conversations.delete(&me, &Selection::Ids(deleted), clock.millis()).await.unwrap();

        assert_eq!(server.sweep().await.unwrap(), 0);
        clock.advance(2 * DAY);
        assert_eq!(server.sweep().await.unwrap(), count, "what expired");
        clock.advance(Duration::from_millis(1));
        assert!(server.sweep().await.unwrap() >= count, "what was deleted");
        assert_eq!(server.sweep().await.unwrap(), 0);
        store.conversations.get(&me, "conv_kept").await.unwrap();
    }

    #[tokio::test]
    async fn expired_media_is_removed_only_when_nothing_refers_to_it() {
        use jan_media::{Media, MediaSettings, MemoryBlobs, NewMedia, Source};

        let (database, clock, me) = (Database::memory(), MovedClock::at(1_700_000_000), UserId::new("me"));
        let store = Store::on(&database).await.unwrap();
        let settings = MediaSettings { retention: Some(2 * DAY), ..MediaSettings::default() };
        let blobs = Arc::new(MemoryBlobs::new());
        let media = Media::on(&database, blobs.clone(), Arc::new(clock.clone()), settings).await.unwrap();
        let server = Server::builder().auth(AllowAll::new()).database(database).media(media.clone());
        let server = server.clock(Arc::new(clock.clone())).build().await.unwrap();
        let mut ids = Vec::new();
        for text in ["shown", "kept", "forgotten", "in a deleted conversation"] {
            let head = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0";
            let bytes = [&head[..], text.as_bytes()].concat();
            let bytes = Box::pin(futures_util::stream::iter([Ok(bytes.into())]));
            ids.push(media.ingest(&me, Source::Bytes(bytes), NewMedia::default()).await.unwrap().id);
        }
        for (name, id) in [("conv_shown", &ids[0]), ("conv_deleted", &ids[3])] {
            let body =
                format!(r#"{{"type":"message","content":[{{"type":"input_image","image_url":"{id}"}}]}}"#);
            let body = jan_core::JsonObject::parse(body.into()).unwrap();
            let item = jan_core::conversation::Item::new(format!("msg_{name}"), clock.millis(), body);
            let new = Conversation { id: name.into(), ..Conversation::default() };
            store.conversations.create(&me, new, vec![item]).await.unwrap();
        }
        let deleted = Selection::Ids(vec!["conv_deleted".into()]);
        store.conversations.delete(&me, &deleted, clock.millis()).await.unwrap();
        let records = Records::<String>::new("chat.completion", store.records.clone());
        records
            .insert(&me, &TypedRecord::new("chatcmpl_1", clock.millis(), format!("about {}", ids[1])))
            .await
            .unwrap();

        clock.advance(2 * DAY);
        assert_eq!(server.sweep().await.unwrap(), 2);
        for (id, remains) in ids.iter().zip([true, true, false, false]) {
            assert_eq!(media.get(&me, id).await.is_ok(), remains, "{id}");
        }
        assert_eq!(blobs.count(), 2);
        clock.advance(2 * DAY);
        server.sweep().await.unwrap();
        assert_eq!(blobs.count(), 2, "it is still referred to");
    }

    #[tokio::test(start_paused = true)]
    async fn one_loop_sweeps_for_all_listeners_and_another_takes_over() {
        let (database, clock, me) = (Database::memory(), MovedClock::at(1_700_000_000), UserId::new("me"));
        let store = Store::on(&database).await.unwrap();
        let server = Server::builder().auth(AllowAll::new()).database(database);
        let server = server.clock(Arc::new(clock.clone())).build().await.unwrap();
        let records = Records::<()>::new("thing", store.records.clone());
        let sweeping = || {
            let server = server.clone();
            tokio::spawn(async move { server.inner.sweeper.sweep_hourly().await })
        };
        let (first, second) = (sweeping(), sweeping());
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(server.inner.sweeper.hourly.try_lock().is_err());

        for sweeper in [first, second] {
            records
                .insert(&me, &TypedRecord::new("thing", 0, ()).expires_at(clock.millis() - 1))
                .await
                .unwrap();
            // One second more than the period: the loop that took over may have swept just before the insert.
            tokio::time::sleep(PERIOD + Duration::from_secs(1)).await;
            assert!(records.get(&me, "thing").await.unwrap().is_none());
            sweeper.abort();
            let _ = sweeper.await;
        }
    }
}
