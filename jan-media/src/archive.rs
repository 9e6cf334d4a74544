//! Media that moves from one server to another: its bytes are inspected as all others are, and must be those that it was
//! written down with.

use std::sync::PoisonError;

use async_trait::async_trait;
use bytes::Bytes;
use jan_core::media::{ArchivedMedia, MediaArchive, is_media_id};
use jan_core::page::{Page, PageRequest};
use jan_core::record::Kept;
use jan_core::{BoxStream, Error, ErrorKind, Result, UserId};

use crate::files::documents;
use crate::inspect::{Seen, Wanted, inspected};
use crate::ledger::Claim;
use crate::media::Media;
use crate::row::Row;

#[async_trait]
impl MediaArchive for Media {
    async fn archived(&self, owner: &UserId, page: &PageRequest) -> Result<Page<ArchivedMedia>> {
        Ok(self.list(owner, page).await?.map(ArchivedMedia::from))
    }

    async fn archived_bytes(&self, owner: &UserId, id: &str) -> Result<BoxStream<Result<Bytes>>> {
        self.find(owner, id).await?.read(None).await
    }

    async fn restore(
        &self,
        owner: &UserId,
        media: ArchivedMedia,
        bytes: BoxStream<Result<Bytes>>,
    ) -> Result<()> {
        if !is_media_id(&media.id) {
            return Err(Error::invalid("id", format!("`{}` is no id of media.", media.id)));
        }
        if self.rows.get(owner, &media.id).await?.is_some() {
            return Err(there_already(&media.id));
        }
        let look_at = self.after(self.settings.orphans_after);
        let claim = self.ledger.begin(owner, &media.id, look_at).await?;
        let restored = match self.restore_bytes(&claim, &media, bytes).await {
            Ok((seen, blob)) => self.restore_row(owner, &claim, media, seen, blob).await,
            Err(error) => Err(error),
        };
        if restored.is_err() {
            // What cannot be taken away now is found by the sweeper.
            let _ = self.ledger.leave(&claim.id, self.clock.millis()).await;
        }
        restored
    }
}

impl Media {
    /// Stores the bytes, if they are the right ones, and gives their name.
    async fn restore_bytes(
        &self,
        claim: &Kept<Claim>,
        media: &ArchivedMedia,
        bytes: BoxStream<Result<Bytes>>,
    ) -> Result<(Seen, String)> {
        let mut wanted = Wanted::new(&self.settings, Some(media.mime.clone()));
        // It was judged where it was made.
        wanted.allowed.extend(documents().chain([media.mime.clone()]));
        (wanted.max_bytes, wanted.max_pixels, wanted.max_side) = (media.bytes, u64::MAX, u32::MAX);
        (wanted.length, wanted.sha256) = (Some(media.bytes), Some(media.sha256.clone()));
        let (bytes, seen) = inspected(bytes, wanted);
        self.ledger.store.put(&claim.body.stored, bytes).await?;
        let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).take();
        let seen = seen.ok_or_else(|| Error::internal("the store did not read to the end"))?;
        let blob = self.ledger.settle(claim, &seen.sha256, self.clock.millis()).await?;
        Ok((seen, blob))
    }

    async fn restore_row(
        &self,
        owner: &UserId,
        claim: &Kept<Claim>,
        media: ArchivedMedia,
        seen: Seen,
        blob: String,
    ) -> Result<()> {
        let row = Row {
            mime: seen.mime,
            bytes: seen.bytes,
            sha256: seen.sha256.clone(),
            size: seen.size,
            filename: media.filename,
            retention_until: media.retention_until,
            public: media.public,
            blob,
            claim: claim.id.clone(),
            ended: false,
        };
        // A file, which is what has a purpose, stays one by itself: it is never given for the same bytes from elsewhere.
        let is_file = media.purpose.is_some();
        let row = Kept::new(&media.id, media.created_at, row).group(media.purpose);
        let keyed = if is_file { row.clone() } else { row.clone().key(&seen.sha256) };
        let kept = match self.rows.insert(owner, &keyed).await {
            // The owner has the same bytes under another id as well.
            Err(error) if error.kind() == ErrorKind::Conflict => self.rows.insert(owner, &row).await,
            kept => kept,
        };
        kept.map_err(|error| match error.kind() {
            ErrorKind::Conflict => there_already(&media.id),
            _ => error,
        })?;
        if media.public {
            self.show(owner, &media.id).await?;
        }
        Ok(())
    }
}

fn there_already(id: &str) -> Error {
    Error::new(ErrorKind::Conflict, format!("Media `{id}` is here already."))
}
