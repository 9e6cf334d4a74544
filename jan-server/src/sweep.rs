//! The broom: what was deleted is kept for a while and then taken away for good, and what has expired goes at once.

use std::time::Duration;

use jan_core::Result;
use jan_core::causes::Causes;
use jan_core::record::Millis;
use tokio::sync::Mutex;

use crate::media::Shown;
use crate::server::Server;

/// How often a server that serves sweeps.
const PERIOD: Duration = Duration::from_secs(60 * 60);
/// How many things are taken away in one piece, so that nobody who writes waits long for the broom.
const BITE: u32 = 500;

/// Who sweeps.
#[derive(Default)]
pub(crate) struct Sweeper {
    /// Held while something is swept: never twice at once.
    broom: Mutex<()>,
    /// Held by the one listener, of all that one server may serve, which sweeps for all of them.
    post: Mutex<()>,
}

impl Server {
    /// Takes away for good what was deleted longer ago than [`crate::Settings::retention`], and what has expired, media
    /// included that nothing shows any more, and says how much it was. A server that serves a listener does so by itself,
    /// every hour; one that is mounted elsewhere is swept by whoever mounts it. Dropping the future stops between two
    /// bites or undoes the last.
    ///
    /// # Errors
    /// The store's; what was taken away before is gone.
    pub async fn sweep(&self) -> Result<u64> {
        let _broom = self.rooms.sweeper.broom.lock().await;
        let (store, now) = (&self.rooms.store, self.rooms.clock.millis());
        let retention = Millis::try_from(self.rooms.settings.retention.as_millis()).unwrap_or(Millis::MAX);
        let before = now.saturating_sub(retention);
        let deleted = in_bites(|| store.archive.sweep(before, BITE)).await?;
        let expired = in_bites(|| store.records.sweep(now, BITE)).await?;
        let media = self.rooms.media.sweep(&Shown(store.clone())).await?;
        let files = media.expired + media.unfinished;
        if deleted + expired + files > 0 {
            tracing::info!(
                deleted,
                expired,
                files,
                "swept: what was deleted long ago and what has expired is gone"
            );
        }
        Ok(deleted + expired + files)
    }

    /// Sweeps now and every hour, if nobody does so for this server already; when they stop, it takes over. Runs until
    /// it is dropped.
    pub(crate) async fn sweep_regularly(self) {
        let _post = self.rooms.sweeper.post.lock().await;
        loop {
            if let Err(error) = self.sweep().await {
                tracing::warn!(error = %Causes(&error), "sweeping failed; it is tried again in an hour");
            }
            tokio::time::sleep(PERIOD).await;
        }
    }
}

/// Bites until nothing is left. Others have their turn in between.
async fn in_bites<F: Future<Output = Result<u64>>>(bite: impl Fn() -> F) -> Result<u64> {
    let mut all = 0;
    loop {
        let taken = bite().await?;
        if taken == 0 {
            return Ok(all);
        }
        all += taken;
        tokio::task::yield_now().await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jan_core::auth::AllowAll;
    use jan_core::clock::MovedClock;
    use jan_core::conversation::{Conversation, Selection};
    use jan_core::record::{Kept, Records};
    use jan_core::{Clock, UserId};

    use super::*;
    use crate::{Database, Settings, Store};

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    #[tokio::test]
    async fn what_was_deleted_goes_after_its_retention_and_what_expired_at_once() {
        let (database, clock, me) = (Database::memory(), MovedClock::at(1_700_000_000), UserId::new("me"));
        let store = Store::on(&database).await.unwrap();
        let settings = Settings { retention: 2 * DAY, ..Settings::default() };
        let server = Server::builder().auth(AllowAll::new()).database(database).settings(settings);
        let server = server.clock(Arc::new(clock.clone())).build().await.unwrap();

        // More than a bite of each.
        let records = Records::<()>::new("thing", store.records.clone());
        let count = u64::from(BITE) + 1;
        for n in 0..count {
            let new = Conversation { id: format!("conv_{n}"), ..Conversation::default() };
            store.conversations.create(&me, new, Vec::new()).await.unwrap();
            let kept = Kept::new(format!("thing_{n}"), clock.millis(), ());
            records.insert(&me, &kept.expires_at(clock.millis() + 1000)).await.unwrap();
        }
        let kept = Conversation { id: "conv_kept".into(), ..Conversation::default() };
        store.conversations.create(&me, kept, Vec::new()).await.unwrap();
        let gone = (0..count).map(|n| format!("conv_{n}")).collect();
        store.conversations.delete(&me, &Selection::Ids(gone), clock.millis()).await.unwrap();

        assert_eq!(server.sweep().await.unwrap(), 0);
        clock.advance(2 * DAY);
        assert_eq!(server.sweep().await.unwrap(), count, "what expired");
        clock.advance(Duration::from_millis(1));
        assert!(server.sweep().await.unwrap() >= count, "what was deleted");
        assert_eq!(server.sweep().await.unwrap(), 0);
        store.conversations.get(&me, "conv_kept").await.unwrap();
    }

    #[tokio::test]
    async fn media_goes_when_its_time_is_over_and_nothing_shows_it() {
        use jan_media::{Media, MediaSettings, MemoryBlobs, NewMedia, Source};

        let (database, clock, me) = (Database::memory(), MovedClock::at(1_700_000_000), UserId::new("me"));
        let store = Store::on(&database).await.unwrap();
        let settings = MediaSettings { retention: Some(2 * DAY), ..MediaSettings::default() };
        let blobs = Arc::new(MemoryBlobs::new());
        let media = Media::on(&database, blobs.clone(), Arc::new(clock.clone()), settings).await.unwrap();
        let server = Server::builder().auth(AllowAll::new()).database(database).media(media.clone());
        let server = server.clock(Arc::new(clock.clone())).build().await.unwrap();
        let mut ids = Vec::new();
        for text in ["shown", "kept", "forgotten", "in a deleted talk"] {
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
        let gone = Selection::Ids(vec!["conv_deleted".into()]);
        store.conversations.delete(&me, &gone, clock.millis()).await.unwrap();
        let records = Records::<String>::new("chat.completion", store.records.clone());
        records
            .insert(&me, &Kept::new("chatcmpl_1", clock.millis(), format!("about {}", ids[1])))
            .await
            .unwrap();

        clock.advance(2 * DAY);
        assert_eq!(server.sweep().await.unwrap(), 2);
        for (id, there) in ids.iter().zip([true, true, false, false]) {
            assert_eq!(media.get(&me, id).await.is_ok(), there, "{id}");
        }
        assert_eq!(blobs.count(), 2);
        clock.advance(2 * DAY);
        server.sweep().await.unwrap();
        assert_eq!(blobs.count(), 2, "it is still shown");
    }

    #[tokio::test(start_paused = true)]
    async fn one_sweeps_for_all_and_another_takes_over() {
        let (database, clock, me) = (Database::memory(), MovedClock::at(1_700_000_000), UserId::new("me"));
        let store = Store::on(&database).await.unwrap();
        let server = Server::builder().auth(AllowAll::new()).database(database);
        let server = server.clock(Arc::new(clock.clone())).build().await.unwrap();
        let records = Records::<()>::new("thing", store.records.clone());
        let first = tokio::spawn(server.clone().sweep_regularly());
        let second = tokio::spawn(server.clone().sweep_regularly());
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(server.rooms.sweeper.post.try_lock().is_err());

        for sweeper in [first, second] {
            records.insert(&me, &Kept::new("thing", 0, ()).expires_at(clock.millis() - 1)).await.unwrap();
            // A moment longer: who takes over may have swept just before.
            tokio::time::sleep(PERIOD + Duration::from_secs(1)).await;
            assert!(records.get(&me, "thing").await.unwrap().is_none());
            sweeper.abort();
            let _ = sweeper.await;
        }
    }
}
