//! The ways in. All of them end in one: bytes that are inspected while they are stored, compared with what is there, and
//! written down. The bytes come first and the row last, so that there is never a row without bytes.

use std::sync::PoisonError;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use jan_core::media::{MediaObject, MediaSink, NewMedia, PREFIX};
use jan_core::record::{Kept, Millis};
use jan_core::{BoxStream, Error, ErrorKind, Result, UserId, id};

use crate::data_url;
use crate::inspect::{Seen, Wanted, inspected};
use crate::ledger::Claim;
use crate::media::{Media, alive};
use crate::row::{Row, object};

/// The longest file name, in bytes.
const MAX_NAME: usize = 255;
/// How often a row is written where another is being deleted.
const TRIES: usize = 8;

/// Where media comes from.
pub enum Source {
    /// Bytes in hand.
    Bytes(BoxStream<Result<Bytes>>),
    /// A `data:` URL.
    DataUrl(String),
    /// An address that is asked.
    Remote(String),
}

/// What is said of media when the last of its bytes has come and its type is known. It may say more, or refuse it.
pub(crate) type LastWord<'a> = Box<dyn FnOnce(&mut NewMedia, &str) -> Result<()> + Send + 'a>;

/// For media of which all was said before.
pub(crate) fn nothing_more() -> LastWord<'static> {
    Box::new(|_, _| Ok(()))
}

/// What became of stored bytes.
enum Stored {
    /// They are the blob of this name.
    New(Seen, String),
    /// The owner had them already.
    Known(MediaObject),
}

impl Media {
    /// Keeps what comes from `source` for the owner. Bytes that the owner has already are the same media: its id, kept for
    /// the whole retention from now on, and `deduped`. Dropping the future keeps nothing, or everything when it was all
    /// but done.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for a bent or empty source; [`ErrorKind::TooLarge`] as soon as there are too many bytes;
    /// [`ErrorKind::UnsupportedMediaType`] for what is not taken or not what it is said to be; [`ErrorKind::Unprocessable`]
    /// for a picture with too many pixels, or none; [`ErrorKind::Timeout`] when it took too long; the stream's, the
    /// fetcher's, the store's.
    pub async fn ingest(&self, owner: &UserId, source: Source, mut new: NewMedia) -> Result<MediaObject> {
        let max_bytes = self.settings.max_bytes;
        let bytes = match source {
            Source::Bytes(bytes) => bytes,
            Source::DataUrl(url) => {
                let data = data_url::parse(&url, max_bytes)?;
                drop(url);
                new.mime = Some(data.mime);
                stream::once(async { Ok(data.bytes) }).boxed()
            }
            Source::Remote(url) => {
                let fetch = self.fetch.as_ref().ok_or_else(|| {
                    Error::new(ErrorKind::NotImplemented, "This server fetches nothing from elsewhere.")
                })?;
                let fetched = fetch.fetch(&url, max_bytes).await?;
                new.mime = fetched.content_type;
                fetched.bytes
            }
        };
        let media = id::ulid(PREFIX, self.clock.millis());
        let wanted = Wanted::new(&self.settings, new.mime.clone());
        self.keep_as(owner, media, bytes, new, wanted, nothing_more()).await
    }

    /// Keeps the file of a form. `last` says what only the end of the form tells.
    ///
    /// # Errors
    /// As [`Media::ingest`], and those of `last`; nothing is kept then.
    pub async fn ingest_form(
        &self,
        owner: &UserId,
        bytes: BoxStream<Result<Bytes>>,
        new: NewMedia,
        last: impl FnOnce(&mut NewMedia) -> Result<()> + Send,
    ) -> Result<MediaObject> {
        let media = id::ulid(PREFIX, self.clock.millis());
        let wanted = Wanted::new(&self.settings, new.mime.clone());
        let last = |new: &mut NewMedia, _: &str| last(new);
        self.keep_as(owner, media, bytes, new, wanted, Box::new(last)).await
    }

    /// Keeps bytes under an id that was chosen before, if the owner has not got them under another.
    pub(crate) async fn keep_as(
        &self,
        owner: &UserId,
        media: String,
        bytes: BoxStream<Result<Bytes>>,
        mut new: NewMedia,
        wanted: Wanted,
        last: LastWord<'_>,
    ) -> Result<MediaObject> {
        let filename = new.filename.as_deref().map(file_name).transpose()?.flatten();
        let begun = self.clock.millis();
        let claim = self.ledger.begin(owner, &media, self.after(self.settings.orphans_after)).await?;
        let (seen, blob) = match self.store(owner, &claim, bytes, wanted, &mut new, last).await {
            Ok(Stored::New(seen, blob)) => (seen, blob),
            Ok(Stored::Known(object)) => return self.instead(&claim, Ok(object)).await,
            Err(error) => return self.instead(&claim, Err(error)).await,
        };
        let row = Row {
            mime: seen.mime,
            bytes: seen.bytes,
            sha256: seen.sha256.clone(),
            size: seen.size,
            filename,
            retention_until: self.until(&new, begun),
            public: new.public,
            blob,
            claim: claim.id.clone(),
            ended: false,
        };
        let row = Kept::new(media, begun, row).key(&seen.sha256).group(new.purpose.clone());
        for _ in 0..TRIES {
            match self.rows.insert(owner, &row).await {
                Ok(()) if new.public => return self.show(owner, &row.id).await.map(|()| object(row, false)),
                Ok(()) => return Ok(object(row, false)),
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                // Nobody knows whether it was written, so nothing is taken away: the sweeper finds out.
                Err(error) => return Err(error),
            }
            // The owner brought the same twice at once, and may have deleted the other since.
            if let Some(known) = self.known(owner, &seen.sha256, &new).await.transpose() {
                return self.instead(&claim, known).await;
            }
        }
        let busy = Error::new(ErrorKind::Conflict, "The same file is deleted at the same time. Try again.");
        self.instead(&claim, Err(busy)).await
    }

    /// Stores the bytes and claims what they are, if the owner has not got them already.
    async fn store(
        &self,
        owner: &UserId,
        claim: &Kept<Claim>,
        bytes: BoxStream<Result<Bytes>>,
        wanted: Wanted,
        new: &mut NewMedia,
        last: LastWord<'_>,
    ) -> Result<Stored> {
        let (bytes, seen) = inspected(bytes, wanted);
        self.ledger.store.put(&claim.body.stored, bytes).await?;
        let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).take();
        let seen = seen.ok_or_else(|| Error::internal("the store did not read to the end"))?;
        last(new, &seen.mime)?;
        new.public |= self.settings.public;
        // What comes after takes moments; the other half of the time is theirs.
        if self.after(self.settings.orphans_after / 2) > claim.created_at {
            return Err(Error::new(ErrorKind::Timeout, "The upload took too long."));
        }
        if let Some(known) = self.known(owner, &seen.sha256, new).await? {
            return Ok(Stored::Known(known));
        }
        let blob = self.ledger.settle(claim, &seen.sha256, self.clock.millis()).await?;
        Ok(Stored::New(seen, blob))
    }

    /// Until when media is kept that came at `begun`.
    fn until(&self, new: &NewMedia, begun: Millis) -> Option<Millis> {
        let time = new.keep_for.or(self.settings.retention)?;
        Some(begun.saturating_add(Millis::try_from(time.as_millis()).unwrap_or(Millis::MAX)))
    }

    /// What the owner has of these bytes, kept for as long as if it were new.
    async fn known(&self, owner: &UserId, sha256: &str, new: &NewMedia) -> Result<Option<MediaObject>> {
        let Some(row) = self.rows.find(owner, sha256).await? else { return Ok(None) };
        if new.public {
            self.show(owner, &row.id).await?;
        }
        let until = self.until(new, self.clock.millis());
        let renew = |row: &mut Kept<Row>| {
            // What was to be kept for good, or longer, is.
            row.body.retention_until = until.zip(row.body.retention_until).map(|(new, old)| new.max(old));
            row.body.public |= new.public;
            row.group = new.purpose.clone().or(row.group.take());
            alive(row)
        };
        match self.rows.update(owner, &row.id, renew).await {
            Ok(row) => Ok(Some(object(row, true))),
            // Deleted in this moment: then these bytes are new.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Ends without a row for the claim.
    async fn instead(&self, claim: &Kept<Claim>, result: Result<MediaObject>) -> Result<MediaObject> {
        // What cannot be taken away now is found by the sweeper.
        let _ = self.ledger.leave(&claim.id, self.clock.millis()).await;
        result
    }
}

#[async_trait]
impl MediaSink for Media {
    async fn keep(
        &self,
        owner: &UserId,
        bytes: BoxStream<Result<Bytes>>,
        new: NewMedia,
    ) -> Result<MediaObject> {
        self.ingest(owner, Source::Bytes(bytes), new).await
    }

    async fn keep_from(&self, owner: &UserId, url: String, new: NewMedia) -> Result<MediaObject> {
        let is_data = url.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:"));
        let source = if is_data { Source::DataUrl(url) } else { Source::Remote(url) };
        self.ingest(owner, source, new).await
    }
}

/// A name to show and to save under: the last part of a path, without what could break a header or a terminal.
fn file_name(name: &str) -> Result<Option<String>> {
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = name.chars().filter(|letter| !letter.is_control()).collect();
    let name = name.trim();
    if name.len() > MAX_NAME {
        return Err(Error::invalid("filename", format!("A file name may have at most {MAX_NAME} bytes.")));
    }
    Ok((!name.is_empty() && name != "." && name != "..").then(|| name.to_owned()))
}
