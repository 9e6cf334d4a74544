//! Storing media. All sources end in the same steps: the bytes are inspected while they are stored, compared with
//! existing blobs, and described by a row. The bytes are stored first and the row is written last, so there is never a
//! row without bytes.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use jan_core::media::{MediaObject, MediaSink, NewMedia, OwnHosts, PREFIX, media_link};
use jan_core::record::{Millis, TypedRecord};
use jan_core::{BoxStream, Error, ErrorKind, Result, UserId, id};

use crate::data_url;
use crate::inspect::{Inspection, Requirements, inspected};
use crate::ledger::Claim;
use crate::location::without_location;
use crate::media::{Media, check_not_ended};
use crate::row::{Row, object};
use crate::token::Token;

/// The longest file name, in bytes.
const MAX_NAME: usize = 255;
/// How many times writing a row is tried while another row with the same hash is being deleted.
const TRIES: usize = 8;

/// The source of media.
pub enum Source {
    /// A stream of bytes.
    Bytes(BoxStream<Result<Bytes>>),
    /// A `data:` URL.
    DataUrl(String),
    /// An address to download from.
    Remote(String),
    /// Media that this server stores already: its id, and the query string of the link to it.
    Own(String, String),
}

impl Source {
    /// The same source; an address on one of `hosts` becomes [`Source::Own`], so that nothing is downloaded.
    #[must_use]
    pub fn or_own(self, hosts: &OwnHosts) -> Self {
        match &self {
            Self::Remote(url) | Self::DataUrl(url) => match hosts.id_of(url) {
                Some(id) => {
                    let query = media_link(url).map_or("", |link| link.query);
                    Self::Own(id.to_owned(), query.to_owned())
                }
                None => self,
            },
            _ => self,
        }
    }
}

/// A callback that runs when all bytes have arrived and their type is known. It may set more properties of the media,
/// or refuse it.
pub(crate) type FinalCheck<'a> = Box<dyn FnOnce(&mut NewMedia, &str) -> Result<()> + Send + 'a>;

/// A callback that does nothing, for media whose properties were all known before.
pub(crate) fn no_final_check() -> FinalCheck<'static> {
    Box::new(|_, _| Ok(()))
}

/// Media that is about to be stored.
pub(crate) struct Incoming<'a> {
    /// The id that it will have.
    pub(crate) id: String,
    pub(crate) bytes: BoxStream<Result<Bytes>>,
    pub(crate) new: NewMedia,
    pub(crate) requirements: Requirements,
    pub(crate) final_check: FinalCheck<'a>,
    /// Whether equal bytes of the same owner are the same object. If not, a new object is made for them.
    pub(crate) dedupe: bool,
}

/// The media that a link to this server names.
enum OwnLink {
    /// It belongs to the caller.
    OfCaller(MediaObject),
    /// It belongs to another owner, and the link allows reading it.
    Shared(BoxStream<Result<Bytes>>),
}

/// The result of storing bytes.
enum StoreOutcome {
    /// They are in the blob with this name.
    New(Inspection, String),
    /// The owner has them already, as this media.
    Existing(MediaObject),
}

impl Media {
    /// Stores the content of `source` for the owner. If the owner has the same bytes already, the result is that
    /// media: with its id, its retention time started anew, and `deduped` set. If the future is dropped, either
    /// nothing is stored or, when it was almost done, everything.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for a malformed or empty source; [`ErrorKind::TooLarge`] as soon as there are too many
    /// bytes; [`ErrorKind::UnsupportedMediaType`] for a type that is not accepted or does not agree with the declared
    /// one; [`ErrorKind::Unprocessable`] for an image with too many pixels, or with a broken header;
    /// [`ErrorKind::Timeout`] when it took too long; errors of the stream, of the client that fetches, and of the
    /// store.
    pub async fn ingest(&self, owner: &UserId, source: Source, mut new: NewMedia) -> Result<MediaObject> {
        let max_bytes = self.settings.max_bytes;
        let bytes = match source.or_own(&self.own_hosts) {
            Source::Bytes(bytes) => bytes,
            Source::Own(id, query) => match self.own(owner, &id, &query, &mut new).await? {
                OwnLink::OfCaller(existing) => return Ok(existing),
                OwnLink::Shared(bytes) => bytes,
            },
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
        self.keep_as(owner, self.incoming(bytes, new, no_final_check())).await
    }

    /// Media that this server stores already: the caller's own, or another owner's that the link allows to read.
    async fn own(&self, owner: &UserId, id: &str, query: &str, new: &mut NewMedia) -> Result<OwnLink> {
        let unknown =
            || Error::invalid("source.url", format!("There is no media `{id}`.")).with_code("unknown_media");
        if let Some(row) = self.rows.get(owner, id).await?.filter(|row| !row.body.ended) {
            return Ok(OwnLink::OfCaller(object(row, true)));
        }
        let found = match self.find_shared(id, Token::of_query(query)).await {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Forbidden) => {
                return Err(unknown().because(error));
            }
            found => found?,
        };
        new.mime = Some(found.object.mime.clone());
        Ok(OwnLink::Shared(found.read(None).await?))
    }

    /// Stores the file of a multipart form. `last` is called at the end of the form and sets what later fields say.
    ///
    /// # Errors
    /// As [`Media::ingest`], and the errors of `last`; nothing is stored then.
    pub async fn ingest_form(
        &self,
        owner: &UserId,
        bytes: BoxStream<Result<Bytes>>,
        new: NewMedia,
        final_check: impl FnOnce(&mut NewMedia) -> Result<()> + Send,
    ) -> Result<MediaObject> {
        let final_check = |new: &mut NewMedia, _: &str| final_check(new);
        self.keep_as(owner, self.incoming(bytes, new, Box::new(final_check))).await
    }

    /// Media with a new id and the usual requirements.
    pub(crate) fn incoming<'a>(
        &self,
        bytes: BoxStream<Result<Bytes>>,
        new: NewMedia,
        final_check: FinalCheck<'a>,
    ) -> Incoming<'a> {
        let requirements = Requirements::new(&self.settings, new.mime.clone());
        Incoming {
            id: id::ulid(PREFIX, self.clock.millis()),
            bytes,
            new,
            requirements,
            final_check,
            dedupe: true,
        }
    }

    /// Stores bytes under a given id. If duplicates are allowed to be merged and the owner has the same bytes already,
    /// the result is the existing media.
    pub(crate) async fn keep_as(&self, owner: &UserId, incoming: Incoming<'_>) -> Result<MediaObject> {
        let Incoming { id: media, bytes, mut new, requirements, final_check, dedupe } = incoming;
        let filename = new.filename.as_deref().map(file_name).transpose()?.flatten();
        let begun = self.clock.millis();
        let claim = self.ledger.begin(owner, &media, self.after(self.settings.orphans_after)).await?;
        let dedupe_for = dedupe.then_some(owner);
        let (inspection, blob) =
            match self.store(dedupe_for, &claim, bytes, requirements, &mut new, final_check).await {
                Ok(StoreOutcome::New(inspection, blob)) => (inspection, blob),
                Ok(StoreOutcome::Existing(object)) => return self.abandon(&claim, Ok(object)).await,
                Err(error) => return self.abandon(&claim, Err(error)).await,
            };
        let row = Row {
            mime: inspection.mime,
            bytes: inspection.bytes,
            sha256: inspection.sha256.clone(),
            size: inspection.size,
            filename,
            retention_until: self.until(&new, begun),
            public: new.public,
            blob,
            claim: claim.id.clone(),
            ended: false,
        };
        let row = TypedRecord::new(media, begun, row).group(new.purpose.clone());
        let row = if dedupe { row.key(&inspection.sha256) } else { row };
        for _ in 0..TRIES {
            match self.rows.insert(owner, &row).await {
                Ok(()) if new.public => return self.share(owner, &row.id).await.map(|()| object(row, false)),
                Ok(()) => return Ok(object(row, false)),
                Err(error) if dedupe && error.kind() == ErrorKind::Conflict => {}
                // It is unknown whether the row was written, so nothing is deleted here: the sweep finds out.
                Err(error) => return Err(error),
            }
            // The owner stored the same bytes twice at the same time, and may have deleted the other object since.
            if let Some(existing) = self.existing_media(owner, &inspection.sha256, &new).await.transpose() {
                return self.abandon(&claim, existing).await;
            }
        }
        let busy = Error::new(ErrorKind::Conflict, "The same file is deleted at the same time. Try again.");
        self.abandon(&claim, Err(busy)).await
    }

    /// Stores the bytes and joins them to a blob, unless `dedupe_for` is an owner who has the same bytes already.
    async fn store(
        &self,
        dedupe_for: Option<&UserId>,
        claim: &TypedRecord<Claim>,
        bytes: BoxStream<Result<Bytes>>,
        mut requirements: Requirements,
        new: &mut NewMedia,
        final_check: FinalCheck<'_>,
    ) -> Result<StoreOutcome> {
        let bytes = match self.settings.strip_location {
            true => without_location(bytes, &mut requirements).await?,
            false => bytes,
        };
        let (bytes, inspection) = inspected(bytes, requirements);
        self.ledger.store.put(&claim.body.stored, bytes).await?;
        let inspection = inspection.lock().take();
        let inspection = inspection.ok_or_else(|| Error::internal("the store did not read to the end"))?;
        final_check(new, &inspection.mime)?;
        new.public |= self.settings.public;
        // The sweep checks this claim after `orphans_after`. An upload that took more than half of that time is
        // refused, so that the remaining steps, which take moments, never meet the sweep.
        if self.after(self.settings.orphans_after / 2) > claim.created_at {
            return Err(Error::new(ErrorKind::Timeout, "The upload took too long."));
        }
        if let Some(owner) = dedupe_for
            && let Some(existing) = self.existing_media(owner, &inspection.sha256, new).await?
        {
            return Ok(StoreOutcome::Existing(existing));
        }
        let blob = self.ledger.join_blob(claim, &inspection.sha256, self.clock.millis()).await?;
        Ok(StoreOutcome::New(inspection, blob))
    }

    /// The expiry time of media that was stored at `begun`; `None` when it is kept for good.
    fn until(&self, new: &NewMedia, begun: Millis) -> Option<Millis> {
        let time = new.keep_for.or(self.settings.retention)?;
        Some(begun.saturating_add(Millis::try_from(time.as_millis()).unwrap_or(Millis::MAX)))
    }

    /// The owner's media with these bytes, with its retention time extended as if it were new.
    async fn existing_media(
        &self,
        owner: &UserId,
        sha256: &str,
        new: &NewMedia,
    ) -> Result<Option<MediaObject>> {
        let Some(row) = self.rows.find(owner, sha256).await? else { return Ok(None) };
        if new.public {
            self.share(owner, &row.id).await?;
        }
        let until = self.until(new, self.clock.millis());
        let renew = |row: &mut TypedRecord<Row>| {
            // The retention time is never shortened.
            row.body.retention_until = until.zip(row.body.retention_until).map(|(new, old)| new.max(old));
            row.body.public |= new.public;
            row.group = new.purpose.clone().or(row.group.take());
            check_not_ended(row)
        };
        match self.rows.update(owner, &row.id, renew).await {
            Ok(row) => Ok(Some(object(row, true))),
            // It was deleted at this moment, so these bytes are new.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Ends an upload without a row: deletes its claim and returns `result`.
    async fn abandon(&self, claim: &TypedRecord<Claim>, result: Result<MediaObject>) -> Result<MediaObject> {
        // If this fails, the sweep deletes it later.
        let _ = self.ledger.release_claim(&claim.id, self.clock.millis()).await;
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

/// A file name to display and to save under: the last part of a path, without characters that could break a header or
/// a terminal.
fn file_name(name: &str) -> Result<Option<String>> {
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = name.chars().filter(|letter| !letter.is_control()).collect();
    let name = name.trim();
    if name.len() > MAX_NAME {
        return Err(Error::invalid("filename", format!("A file name may have at most {MAX_NAME} bytes.")));
    }
    Ok((!name.is_empty() && name != "." && name != "..").then(|| name.to_owned()))
}
