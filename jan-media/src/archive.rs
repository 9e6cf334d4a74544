//! The media of an account, as [`OwnedData`]: each entry `media` says what it is, and is followed by entries with its bytes in
//! base64. Neither the one who writes nor the one who reads holds more of it than a piece. What comes from another server
//! is inspected as all other media is, and must be what it was written down as.

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
use crate::inspect::{Seen, Wanted, inspected};
use crate::ledger::Claim;
use crate::media::Media;
use crate::row::Row;

/// The kinds of entries that an export of media holds.
pub const KINDS: &[&str] = &[MEDIA, BYTES];
const MEDIA: &str = "media";
const BYTES: &str = "media_bytes";
/// How many bytes stand in one entry.
const PIECE: usize = 48 * 1024;

/// What an export says of media. Where its bytes are kept is each server's own.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Archived {
    /// Its id, which it keeps.
    id: String,
    /// What it is.
    mime: String,
    /// How many bytes it has.
    bytes: u64,
    /// The SHA-256 of its bytes, in hexadecimal.
    sha256: String,
    /// What its owner calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    filename: Option<String>,
    /// What its owner said it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    purpose: Option<String>,
    /// When it was made.
    created_at: Millis,
    /// Until when it is kept for certain; for good when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retention_until: Option<Millis>,
    /// Whether everybody who knows its id may see it.
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
        let (media, whose) = (self.clone(), owner.clone());
        let archived = pages(all, move |page| {
            let (media, owner) = (media.clone(), whose.clone());
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

    /// While the rows are there that say which bytes they are: before the records of the same owner.
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

/// Media and its bytes; nothing when it was deleted meanwhile.
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

/// Bytes are stored as they come, and count only when all of them are there and are the right ones.
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
                Some(arriving) => arriving.give(&entry.read::<String>()?).await?,
                None => return Err(Error::invalid("line", "It has bytes of no media.")),
            }
        }
        // Ends with the media whose last byte was read.
        let Some(arriving) = self.arriving.take_if(|arriving| arriving.left == 0) else { return Ok(()) };
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

/// Media whose bytes are still being read.
struct Arriving {
    id: String,
    /// How many bytes are missing.
    left: u64,
    bytes: mpsc::Sender<Result<Bytes>>,
    /// Keeps them; absent once it has ended.
    keeping: Option<BoxFuture<'static, Result<()>>>,
    /// How it ended.
    result: Result<()>,
}

impl Arriving {
    fn new(media: Media, owner: UserId, archived: Archived) -> Self {
        let (bytes, received) = mpsc::channel(1);
        let (id, left) = (archived.id.clone(), archived.bytes);
        let received = stream::unfold(received, |mut received| async move {
            let piece = received.recv().await?;
            Some((piece, received))
        });
        let keeping = async move { media.restore(&owner, archived, received.boxed()).await };
        Self { id, left, bytes, keeping: Some(Box::pin(keeping)), result: Ok(()) }
    }

    /// Gives the next bytes on.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for what is not base64, or more than was said.
    async fn give(&mut self, base64: &str) -> Result<()> {
        let wrong =
            |what: &str| Error::invalid("line", format!("The bytes of media `{}` are {what}.", self.id));
        let piece = STANDARD.decode(base64).map_err(|error| wrong("not base64").because(error))?;
        let left = u64::try_from(piece.len()).ok().and_then(|length| self.left.checked_sub(length));
        self.left = left.ok_or_else(|| wrong("more than it has"))?;
        let Some(keeping) = &mut self.keeping else { return Ok(()) };
        let send = std::pin::pin!(self.bytes.send(Ok(piece.into())));
        let ended = match select(send, keeping).await {
            Either::Left(_) => return Ok(()),
            Either::Right((ended, _)) => ended,
        };
        (self.result, self.keeping) = (ended, None);
        Ok(())
    }

    /// All bytes are there.
    ///
    /// # Errors
    /// As [`Media::restore`].
    async fn finish(self) -> Result<()> {
        drop(self.bytes);
        match self.keeping {
            Some(keeping) => keeping.await,
            None => self.result,
        }
    }
}

impl Media {
    /// Keeps media for the owner as it was, under the same id, if the bytes are those that it says. Dropping the future
    /// keeps nothing, or all of it when it was all but done.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when media of this id is here already, before any byte is read; [`ErrorKind::Invalid`] when
    /// the bytes are others or not all of them; the stream's, the store's.
    async fn restore(&self, owner: &UserId, media: Archived, bytes: BoxStream<Result<Bytes>>) -> Result<()> {
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

    /// Stores the bytes, if they are the right ones, and gives their name.
    async fn restore_bytes(
        &self,
        claim: &TypedRecord<Claim>,
        media: &Archived,
        bytes: BoxStream<Result<Bytes>>,
    ) -> Result<(Seen, String)> {
        let mut wanted = Wanted::new(&self.settings, Some(media.mime.clone()));
        // It was judged where it was made.
        wanted.allowed.extend(documents().chain([media.mime.clone()]));
        (wanted.max_bytes, wanted.max_pixels, wanted.max_side) = (media.bytes, u64::MAX, u32::MAX);
        (wanted.length, wanted.sha256) = (Some(media.bytes), Some(media.sha256.clone()));
        let (bytes, seen) = inspected(bytes, wanted);
        self.ledger.store.put(&claim.body.stored, bytes).await?;
        let seen = seen.lock().take();
        let seen = seen.ok_or_else(|| Error::internal("the store did not read to the end"))?;
        let blob = self.ledger.settle(claim, &seen.sha256, self.clock.millis()).await?;
        Ok((seen, blob))
    }

    async fn restore_row(
        &self,
        owner: &UserId,
        claim: &TypedRecord<Claim>,
        media: Archived,
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
        let row = TypedRecord::new(&media.id, media.created_at, row).group(media.purpose);
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
