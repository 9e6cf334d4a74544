//! [`Media`], the handle of this crate: stores media for owners and reads it again.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jan_core::media::{BlobStore, MediaObject, OwnHosts, RECORDS};
use jan_core::page::{Page, PageRequest};
use jan_core::record::{Millis, RecordStore, Records, TypedRecord};
use jan_core::{BoxStream, Clock, Database, Error, ErrorKind, Result, UserId, record};

use crate::ledger::Ledger;
use crate::remote::Fetch;
use crate::row::{AnnouncedUpload, Row, SharedMedia, not_found, object, system_owner};
use crate::settings::MediaSettings;
use crate::token::LinkKey;

/// Stores images and files. Cheap to clone.
#[derive(Clone)]
pub struct Media {
    pub(crate) rows: Records<Row>,
    pub(crate) shared: Records<SharedMedia>,
    pub(crate) announced: Records<AnnouncedUpload>,
    pub(crate) ledger: Ledger,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: Arc<MediaSettings>,
    pub(crate) link_key: Arc<LinkKey>,
    pub(crate) fetch: Option<Arc<dyn Fetch>>,
    /// The hosts of our own links. Media on these hosts is read directly and never fetched.
    pub(crate) own_hosts: Arc<OwnHosts>,
}

/// Media that is being read. Dropping the bytes stops reading.
pub struct OpenedMedia {
    /// The description of the media.
    pub object: MediaObject,
    /// Its bytes, or the requested range of them.
    pub bytes: BoxStream<Result<Bytes>>,
}

/// Media that exists and that the caller may read, any number of times.
#[derive(Clone)]
pub struct ReadableMedia {
    /// The description of the media.
    pub object: MediaObject,
    media: Media,
    blob: String,
}

impl ReadableMedia {
    pub(crate) fn new(media: &Media, row: TypedRecord<Row>) -> Self {
        let blob = row.body.blob.clone();
        Self { object: object(row, false), media: media.clone(), blob }
    }

    /// Its bytes, or a range of them. Dropping the stream stops reading.
    ///
    /// # Errors
    /// [`ErrorKind::Gone`] when its bytes were lost; the store's errors.
    pub async fn read(&self, range: Option<Range<u64>>) -> Result<BoxStream<Result<Bytes>>> {
        self.media.read(&self.blob, range).await
    }
}

impl Media {
    /// Media whose bytes are in `store` and whose index is in the app's database.
    ///
    /// # Errors
    /// As [`jan_core::record::on`].
    pub async fn on(
        database: &Database,
        store: Arc<dyn BlobStore>,
        clock: Arc<dyn Clock>,
        settings: MediaSettings,
    ) -> Result<Self> {
        Ok(Self::new(store, record::on(database).await?, clock, settings))
    }

    /// As [`Media::on`], with any record store as the index.
    pub fn new(
        store: Arc<dyn BlobStore>,
        records: Arc<dyn RecordStore>,
        clock: Arc<dyn Clock>,
        settings: MediaSettings,
    ) -> Self {
        Self {
            rows: Records::new(RECORDS, records.clone()),
            shared: Records::new("media_shown", records.clone()),
            announced: Records::new("media_upload", records.clone()),
            ledger: Ledger::new(store, &records),
            clock,
            link_key: Arc::new(LinkKey::new(settings.link_key.as_ref())),
            own_hosts: Arc::new(own_hosts(&settings.links)),
            settings: Arc::new(settings),
            fetch: None,
        }
    }

    /// Sets the client that downloads media from addresses. Without one, addresses are refused.
    #[must_use]
    pub fn fetch(mut self, fetch: Arc<dyn Fetch>) -> Self {
        self.fetch = Some(fetch);
        self
    }

    /// Its settings.
    pub fn settings(&self) -> &MediaSettings {
        &self.settings
    }

    /// The description of the owner's media with this id.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], also when the media belongs to another owner.
    pub async fn get(&self, owner: &UserId, id: &str) -> Result<MediaObject> {
        Ok(object(self.row(owner, id).await?, false))
    }

    /// Opens the owner's media for reading, the whole or a range of its bytes.
    ///
    /// # Errors
    /// As [`Media::get`]; [`ErrorKind::Gone`] when its bytes were lost.
    pub async fn open(&self, owner: &UserId, id: &str, range: Option<Range<u64>>) -> Result<OpenedMedia> {
        let found = self.find(owner, id).await?;
        Ok(OpenedMedia { bytes: found.read(range).await?, object: found.object })
    }

    /// Finds the owner's media. The caller can examine its description before reading any bytes.
    ///
    /// # Errors
    /// As [`Media::get`].
    pub async fn find(&self, owner: &UserId, id: &str) -> Result<ReadableMedia> {
        Ok(ReadableMedia::new(self, self.row(owner, id).await?))
    }

    /// A page of the owner's media, ordered by creation time. Media that is being deleted is omitted, so a page may be
    /// shorter than its limit although more pages follow.
    ///
    /// # Errors
    /// As [`Records::list`].
    pub async fn list(&self, owner: &UserId, page: &PageRequest) -> Result<Page<MediaObject>> {
        self.list_for(owner, None, page).await
    }

    /// Sets whether everybody who knows its id may read it.
    ///
    /// # Errors
    /// As [`Media::get`].
    pub async fn set_public(&self, owner: &UserId, id: &str, public: bool) -> Result<MediaObject> {
        self.row(owner, id).await?;
        if public {
            self.share(owner, id).await?;
        }
        let change = |row: &mut TypedRecord<Row>| {
            row.body.public = public;
            check_not_ended(row)
        };
        let row = self.rows.update(owner, id, change).await.map_err(|error| missing(error, id))?;
        Ok(object(row, false))
    }

    pub(crate) async fn row(&self, owner: &UserId, id: &str) -> Result<TypedRecord<Row>> {
        let row = self.rows.get(owner, id).await?.filter(|row| !row.body.ended);
        row.ok_or_else(|| not_found(id))
    }

    pub(crate) async fn read(
        &self,
        blob: &str,
        range: Option<Range<u64>>,
    ) -> Result<BoxStream<Result<Bytes>>> {
        self.ledger.store.get(blob, range).await.map_err(|error| match error.kind() {
            ErrorKind::NotFound => Error::new(ErrorKind::Gone, "The bytes of this file were lost.")
                .with_code("media_lost")
                .because(error),
            _ => error,
        })
    }

    /// Makes it possible to find this media by its id alone, without its owner. Whether a caller may read it is
    /// checked separately.
    pub(crate) async fn share(&self, owner: &UserId, id: &str) -> Result<()> {
        // Links to the same media are made many times, and a read is cheaper than a write.
        if self.shared.get(&system_owner(), id).await?.is_some() {
            return Ok(());
        }
        let shared =
            TypedRecord::new(id, self.clock.millis(), SharedMedia { owner: owner.as_str().to_owned() });
        match self.shared.insert(&system_owner(), &shared).await {
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(()),
            other => other,
        }
    }

    /// The current time plus `wait`.
    pub(crate) fn after(&self, wait: Duration) -> Millis {
        let wait = Millis::try_from(wait.as_millis()).unwrap_or(Millis::MAX);
        self.clock.millis().saturating_add(wait)
    }
}

/// The host of our own links; none if they are paths.
fn own_hosts(links: &str) -> OwnHosts {
    if links.starts_with('/') { OwnHosts::new() } else { OwnHosts::new().with(links) }
}

/// Fails if the media is being deleted. Called inside of updates, which may run at the same time as a deletion.
pub(crate) fn check_not_ended(row: &TypedRecord<Row>) -> Result<()> {
    if row.body.ended { Err(not_found(&row.id)) } else { Ok(()) }
}

pub(crate) fn missing(error: Error, id: &str) -> Error {
    if error.kind() == ErrorKind::NotFound { not_found(id) } else { error }
}
