//! Export and import of an account's media ([`OwnedData`]). An entry `media` describes each object and is followed by
//! entries with its bytes in base64. Both sides hold only one piece of the bytes in memory. Media from another server
//! is inspected like all other media, and must have the length and hash of its description.

use std::collections::HashSet;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::future::{BoxFuture, Either, select};
use futures_util::stream::{self, Stream, StreamExt, TryStreamExt};
use jan_core::account::{Entry, ImportData, Imported, OwnedData, Sweep, pages};
use jan_core::media::{MediaObject, is_media_id};
use jan_core::page::{MAX_LIMIT, Order, PageRequest};
use jan_core::record::{Millis, TypedRecord};
use jan_core::{BoxStream, Error, ErrorKind, Result, UserId};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::files::documents;
use crate::inspect::{Inspection, Requirements, inspected};
use crate::ledger::Claim;
use crate::media::Media;
use crate::row::Row;

/// The kinds of entries that an export of media holds.
pub const KINDS: &[&str] = &[MEDIA, BYTES];
const MEDIA: &str = "media";
const BYTES: &str = "media_bytes";
/// The number of bytes in one entry.
const PIECE: usize = 48 * 1024;

/// The description of media in an export. It does not say where the bytes are stored, which differs between servers.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Archived {
    /// Its id, which stays the same after an import.
    id: String,
    /// Its MIME type.
    mime: String,
    /// Its size in bytes.
    bytes: u64,
    /// The SHA-256 of its bytes, in hexadecimal.
    sha256: String,
    /// The file name that its owner gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    filename: Option<String>,
    /// The purpose that its owner gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    purpose: Option<String>,
    /// When it was stored.
    created_at: Millis,
    /// The earliest time at which it may be deleted automatically; `None` when it is kept for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retention_until: Option<Millis>,
    /// Whether everybody who knows its id may read it.
    #[serde(default)]
    public: bool,
}

impl From<MediaObject> for Archived {
    fn from(media: MediaObject) -> Self {
        let MediaObject { id, mime, bytes, sha256, filename, purpose, .. } = media;
        let MediaObject { created_at, retention_until, public, .. } = media;
        Self { id, mime, bytes, sha256, filename, purpose, created_at, retention_until, public }
    }
}

#[async_trait]
impl OwnedData for Media {
    fn kinds(&self) -> &'static [&'static str] {
        KINDS
    }

    fn export(&self, owner: &UserId) -> BoxStream<Result<Entry>> {
        let all = PageRequest { limit: MAX_LIMIT, after: None, order: Order::Asc };
        let (media, export_owner) = (self.clone(), owner.clone());
        let archived = pages(all, move |page| {
            let (media, owner) = (media.clone(), export_owner.clone());
            async move {
                let found = media.list(&owner, &page).await?;
                let after = found.items.last().map(|last| last.id.clone()).filter(|_| found.has_more);
                let archived = found.items.into_iter().map(Archived::from).collect();
                Ok((archived, after.map(|after| PageRequest { after: Some(after), ..page })))
            }
        });
        let (media, owner) = (self.clone(), owner.clone());
        archived.map_ok(move |one| entries(media.clone(), owner.clone(), one)).try_flatten().boxed()
    }

    fn import(&self, owner: &UserId) -> Box<dyn ImportData> {
        Box::new(MediaImport { media: self.clone(), owner: owner.clone(), arriving: None })
    }

    /// Must run before the owner's records are erased: the media rows are needed to find the bytes.
    async fn erase(&self, owner: &UserId) -> Result<()> {
        self.delete_all(owner).await.map(drop)
    }

    async fn media_in_use(&self, _: &UserId, _: &[String]) -> Result<HashSet<String>> {
        Ok(HashSet::new())
    }

    async fn sweep(&self, sweep: &Sweep<'_>) -> Result<u64> {
        let swept = Media::sweep(self, sweep.media).await?;
        Ok(swept.expired + swept.unfinished)
    }
}

/// The entries of one object; none when it was deleted meanwhile.
fn entries(media: Media, owner: UserId, archived: Archived) -> impl Stream<Item = Result<Entry>> + Send {
    let whole = async move {
        let bytes = match media.find(&owner, &archived.id).await {
            Ok(found) => found.read(None).await,
            Err(error) => Err(error),
        };
        let bytes = match bytes {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(stream::empty().boxed()),
            Err(error) if error.kind() == ErrorKind::Gone => {
                let message =
                    format!("The bytes of media `{}` were lost. An export can leave media out.", archived.id);
                return Err(Error::new(ErrorKind::Gone, message).because(error));
            }
            bytes => bytes?,
        };
        let pieces = bytes.map_ok(|bytes| {
            let piece = |piece: &[u8]| Entry::new(BYTES, &STANDARD.encode(piece));
            stream::iter(bytes.chunks(PIECE).map(piece).collect::<Vec<_>>())
        });
        let head = stream::once(std::future::ready(Entry::new(MEDIA, &archived)));
        Ok(head.chain(pieces.try_flatten()).boxed())
    };
    stream::once(whole).try_flatten()
}

/// Stores bytes as they arrive. They become media only when all of them are there and match their description.
struct MediaImport {
    media: Media,
    owner: UserId,
    arriving: Option<Arriving>,
}

#[async_trait]
impl ImportData for MediaImport {
    async fn entry(&mut self, entry: Entry, done: &mut Imported) -> Result<()> {
        if entry.kind == MEDIA {
            self.end_run(done).await?;
            self.arriving = Some(Arriving::new(self.media.clone(), self.owner.clone(), entry.read()?));
        } else {
            match &mut self.arriving {
                Some(arriving) => arriving.push(&entry.read::<String>()?).await?,
                None => return Err(Error::invalid("line", "It has bytes of no media.")),
            }
        }
        // The object is complete when its last byte was read.
        let Some(arriving) = self.arriving.take_if(|arriving| arriving.missing == 0) else { return Ok(()) };
        let name = format!("{MEDIA} {}", arriving.id);
        match arriving.finish().await {
            Ok(()) => {
                done.add(MEDIA, 1);
                Ok(())
            }
            Err(error) => done.skip(error, name),
        }
    }

    async fn end_run(&mut self, _: &mut Imported) -> Result<()> {
        match &self.arriving {
            Some(_) => Err(Error::invalid("line", "It stands where bytes of media are missing.")),
            None => Ok(()),
        }
    }
}

/// An object whose bytes are still arriving.
struct Arriving {
    id: String,
    /// The number of bytes that are still missing.
    missing: u64,
    bytes: mpsc::Sender<Result<Bytes>>,
    /// The task that stores the bytes; `None` once it has ended.
    storing: Option<BoxFuture<'static, Result<()>>>,
    /// The result of that task.
    result: Result<()>,
}

impl Arriving {
    fn new(media: Media, owner: UserId, archived: Archived) -> Self {
        let (bytes, received) = mpsc::channel(1);
        let (id, missing) = (archived.id.clone(), archived.bytes);
        let received = stream::unfold(received, |mut received| async move {
            let piece = received.recv().await?;
            Some((piece, received))
        });
        let storing = async move { media.restore(&owner, archived, received.boxed()).await };
        Self { id, missing, bytes, storing: Some(Box::pin(storing)), result: Ok(()) }
    }

    /// Passes the next bytes to the task that stores them.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for text that is not base64, or for more bytes than described.
    async fn push(&mut self, base64: &str) -> Result<()> {
        let wrong =
            |what: &str| Error::invalid("line", format!("The bytes of media `{}` are {what}.", self.id));
        let piece = STANDARD.decode(base64).map_err(|error| wrong("not base64").because(error))?;
        let missing = u64::try_from(piece.len()).ok().and_then(|length| self.missing.checked_sub(length));
        self.missing = missing.ok_or_else(|| wrong("more than it has"))?;
        let Some(storing) = &mut self.storing else { return Ok(()) };
        let send = std::pin::pin!(self.bytes.send(Ok(piece.into())));
        let ended = match select(send, storing).await {
            Either::Left(_) => return Ok(()),
            Either::Right((ended, _)) => ended,
        };
        (self.result, self.storing) = (ended, None);
        Ok(())
    }

    /// Called when all bytes were passed on; waits until they are stored.
    ///
    /// # Errors
    /// As [`Media::restore`].
    async fn finish(self) -> Result<()> {
        drop(self.bytes);
        match self.storing {
            Some(storing) => storing.await,
            None => self.result,
        }
    }
}

impl Media {
    /// Stores media for the owner with its former id and properties, if the bytes match the description. If the future
    /// is dropped, either nothing is stored or, when it was almost done, everything.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when media with this id exists already, before any byte is read; [`ErrorKind::Invalid`]
    /// when the bytes are others or incomplete; the stream's errors; the store's errors.
    async fn restore(&self, owner: &UserId, media: Archived, bytes: BoxStream<Result<Bytes>>) -> Result<()> {
        if !is_media_id(&media.id) {
            return Err(Error::invalid("id", format!("`{}` is no id of media.", media.id)));
        }
        if self.rows.get(owner, &media.id).await?.is_some() {
            return Err(exists_already(&media.id));
        }
        let check_at = self.after(self.settings.orphans_after);
        let claim = self.ledger.begin(owner, &media.id, check_at).await?;
        let restored = match self.restore_bytes(&claim, &media, bytes).await {
            Ok((inspection, blob)) => self.restore_row(owner, &claim, media, inspection, blob).await,
            Err(error) => Err(error),
        };
        if restored.is_err() {
            // If this fails, the sweep deletes it later.
            let _ = self.ledger.release_claim(&claim.id, self.clock.millis()).await;
        }
        restored
    }

    /// Stores the bytes if they match the description, and returns the name of their blob.
    async fn restore_bytes(
        &self,
        claim: &TypedRecord<Claim>,
        media: &Archived,
        bytes: BoxStream<Result<Bytes>>,
    ) -> Result<(Inspection, String)> {
        let mut requirements = Requirements::new(&self.settings, Some(media.mime.clone()));
        // The exporting server has already checked its type and dimensions against its own settings.
        requirements.allowed.extend(documents().chain([media.mime.clone()]));
        (requirements.max_bytes, requirements.max_pixels, requirements.max_side) =
            (media.bytes, u64::MAX, u32::MAX);
        (requirements.length, requirements.sha256) = (Some(media.bytes), Some(media.sha256.clone()));
        let (bytes, inspection) = inspected(bytes, requirements);
        self.ledger.store.put(&claim.body.stored, bytes).await?;
        let inspection = inspection.lock().take();
        let inspection = inspection.ok_or_else(|| Error::internal("the store did not read to the end"))?;
        let blob = self.ledger.join_blob(claim, &inspection.sha256, self.clock.millis()).await?;
        Ok((inspection, blob))
    }

    async fn restore_row(
        &self,
        owner: &UserId,
        claim: &TypedRecord<Claim>,
        media: Archived,
        inspection: Inspection,
        blob: String,
    ) -> Result<()> {
        let row = Row {
            mime: inspection.mime,
            bytes: inspection.bytes,
            sha256: inspection.sha256.clone(),
            size: inspection.size,
            filename: media.filename,
            retention_until: media.retention_until,
            public: media.public,
            blob,
            claim: claim.id.clone(),
            ended: false,
        };
        // A file of the Files API (media with a purpose) stays an object of its own: it gets no key, so it is never
        // merged with other media of the same bytes.
        let is_file = media.purpose.is_some();
        let row = TypedRecord::new(&media.id, media.created_at, row).group(media.purpose);
        let keyed = if is_file { row.clone() } else { row.clone().key(&inspection.sha256) };
        let kept = match self.rows.insert(owner, &keyed).await {
            // The owner has the same bytes under another id. Then this object is stored without the hash as its key.
            Err(error) if error.kind() == ErrorKind::Conflict => self.rows.insert(owner, &row).await,
            kept => kept,
        };
        kept.map_err(|error| match error.kind() {
            ErrorKind::Conflict => exists_already(&media.id),
            _ => error,
        })?;
        if media.public {
            self.share(owner, &media.id).await?;
        }
        Ok(())
    }
}

fn exists_already(id: &str) -> Error {
    Error::new(ErrorKind::Conflict, format!("Media `{id}` is here already."))
}
