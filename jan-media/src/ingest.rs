//! The ways in. All of them end in one: bytes that are inspected while they are stored, compared with what is there, and
//! written down. The bytes come first and the row last, so that there is never a row without bytes.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use jan_core::media::{MediaObject, MediaSink, NewMedia, OwnHosts, PREFIX, media_link};
use jan_core::record::{Millis, TypedRecord};
use jan_core::{BoxStream, Error, ErrorKind, Result, UserId, id};

use crate::data_url;
use crate::inspect::{Seen, Wanted, inspected};
use crate::ledger::Claim;
use crate::location::without_location;
use crate::media::{Media, alive};
use crate::row::{Row, object};
use crate::token::Token;

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
    /// Media that is kept here already: its id, and what a link to it says behind its `?`.
    Own(String, String),
}

impl Source {
    /// The same, where an address on one of `hosts` is our own media and nothing to be asked for.
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

/// What is said of media when the last of its bytes has come and its type is known. It may say more, or refuse it.
pub(crate) type LastWord<'a> = Box<dyn FnOnce(&mut NewMedia, &str) -> Result<()> + Send + 'a>;

/// For media of which all was said before.
pub(crate) fn nothing_more() -> LastWord<'static> {
    Box::new(|_, _| Ok(()))
}

/// Media on its way in.
pub(crate) struct Incoming<'a> {
    /// The id that it gets.
    pub(crate) id: String,
    pub(crate) bytes: BoxStream<Result<Bytes>>,
    pub(crate) new: NewMedia,
    pub(crate) wanted: Wanted,
    pub(crate) last: LastWord<'a>,
    /// Whether bytes that the owner has already are the media that there is, and not another with bytes of the same kind.
    pub(crate) dedupe: bool,
}

/// What a link of our own leads to.
enum Own {
    /// Media of the owner's.
    Theirs(MediaObject),
    /// The bytes of somebody else's.
    Shown(BoxStream<Result<Bytes>>),
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
        let bytes = match source.or_own(&self.own_hosts) {
            Source::Bytes(bytes) => bytes,
            Source::Own(id, query) => match self.own(owner, &id, &query, &mut new).await? {
                Own::Theirs(known) => return Ok(known),
                Own::Shown(bytes) => bytes,
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
        self.keep_as(owner, self.incoming(bytes, new, nothing_more())).await
    }

    /// What is kept here already: the owner's, or somebody else's that the link shows.
    async fn own(&self, owner: &UserId, id: &str, query: &str, new: &mut NewMedia) -> Result<Own> {
        let unknown =
            || Error::invalid("source.url", format!("There is no media `{id}`.")).with_code("unknown_media");
        if let Some(row) = self.rows.get(owner, id).await?.filter(|row| !row.body.ended) {
            return Ok(Own::Theirs(object(row, true)));
        }
        let found = match self.find_shown(id, Token::of_query(query)).await {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Forbidden) => {
                return Err(unknown().because(error));
            }
            found => found?,
        };
        new.mime = Some(found.object.mime.clone());
        Ok(Own::Shown(found.read(None).await?))
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
        let last = |new: &mut NewMedia, _: &str| last(new);
        self.keep_as(owner, self.incoming(bytes, new, Box::new(last))).await
    }

    /// Media with an id of its own, by the rules of all media.
    pub(crate) fn incoming<'a>(
        &self,
        bytes: BoxStream<Result<Bytes>>,
        new: NewMedia,
        last: LastWord<'a>,
    ) -> Incoming<'a> {
        let wanted = Wanted::new(&self.settings, new.mime.clone());
        Incoming { id: id::ulid(PREFIX, self.clock.millis()), bytes, new, wanted, last, dedupe: true }
    }

    /// Keeps bytes under an id that was chosen before, unless they are to be what the owner has of them under another.
    pub(crate) async fn keep_as(&self, owner: &UserId, incoming: Incoming<'_>) -> Result<MediaObject> {
        let Incoming { id: media, bytes, mut new, wanted, last, dedupe } = incoming;
        let filename = new.filename.as_deref().map(file_name).transpose()?.flatten();
        let begun = self.clock.millis();
        let claim = self.ledger.begin(owner, &media, self.after(self.settings.orphans_after)).await?;
        let dedupe_for = dedupe.then_some(owner);
        let (seen, blob) = match self.store(dedupe_for, &claim, bytes, wanted, &mut new, last).await {
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
        let row = TypedRecord::new(media, begun, row).group(new.purpose.clone());
        let row = if dedupe { row.key(&seen.sha256) } else { row };
        for _ in 0..TRIES {
            match self.rows.insert(owner, &row).await {
                Ok(()) if new.public => return self.show(owner, &row.id).await.map(|()| object(row, false)),
                Ok(()) => return Ok(object(row, false)),
                Err(error) if dedupe && error.kind() == ErrorKind::Conflict => {}
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

    /// Stores the bytes and claims what they are, if the owner to whom the same bytes are the same media has not got them
    /// already.
    async fn store(
        &self,
        dedupe_for: Option<&UserId>,
        claim: &TypedRecord<Claim>,
        bytes: BoxStream<Result<Bytes>>,
        mut wanted: Wanted,
        new: &mut NewMedia,
        last: LastWord<'_>,
    ) -> Result<Stored> {
        let bytes = match self.settings.strip_location {
            true => without_location(bytes, &mut wanted).await?,
            false => bytes,
        };
        let (bytes, seen) = inspected(bytes, wanted);
        self.ledger.store.put(&claim.body.stored, bytes).await?;
        let seen = seen.lock().take();
        let seen = seen.ok_or_else(|| Error::internal("the store did not read to the end"))?;
        last(new, &seen.mime)?;
        new.public |= self.settings.public;
        // What comes after takes moments; the other half of the time is theirs.
        if self.after(self.settings.orphans_after / 2) > claim.created_at {
            return Err(Error::new(ErrorKind::Timeout, "The upload took too long."));
        }
        if let Some(owner) = dedupe_for
            && let Some(known) = self.known(owner, &seen.sha256, new).await?
        {
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
        let renew = |row: &mut TypedRecord<Row>| {
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
    async fn instead(&self, claim: &TypedRecord<Claim>, result: Result<MediaObject>) -> Result<MediaObject> {
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
