//! The room's handle: what is kept, for whom, and how it is read again.

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
use crate::row::{Announced, Row, Shown, house, not_found, object};
use crate::settings::MediaSettings;
use crate::token::LinkKey;

/// Keeps pictures and files. Cheap to clone.
#[derive(Clone)]
pub struct Media {
    pub(crate) rows: Records<Row>,
    pub(crate) shown: Records<Shown>,
    pub(crate) announced: Records<Announced>,
    pub(crate) ledger: Ledger,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: Arc<MediaSettings>,
    pub(crate) link_key: Arc<LinkKey>,
    pub(crate) fetch: Option<Arc<dyn Fetch>>,
    /// Where our own links lead, which nobody has to be asked for.
    pub(crate) own_hosts: Arc<OwnHosts>,
}

/// Media that is being read. Dropping the bytes stops reading.
pub struct Opened {
    /// What it is.
    pub object: MediaObject,
    /// Its bytes, or the part of them that was asked for.
    pub bytes: BoxStream<Result<Bytes>>,
}

/// Media that was found and can be read, as often as it is wanted.
#[derive(Clone)]
pub struct Found {
    /// What it is.
    pub object: MediaObject,
    media: Media,
    blob: String,
}

impl Found {
    pub(crate) fn new(media: &Media, row: TypedRecord<Row>) -> Self {
        let blob = row.body.blob.clone();
        Self { object: object(row, false), media: media.clone(), blob }
    }

    /// Its bytes, or a range of them. Dropping the stream stops reading.
    ///
    /// # Errors
    /// [`ErrorKind::Gone`] when its bytes were lost; the store's.
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

    /// As [`Media::on`], with an index of your own.
    pub fn new(
        store: Arc<dyn BlobStore>,
        records: Arc<dyn RecordStore>,
        clock: Arc<dyn Clock>,
        settings: MediaSettings,
    ) -> Self {
        Self {
            rows: Records::new(RECORDS, records.clone()),
            shown: Records::new("media_shown", records.clone()),
            announced: Records::new("media_upload", records.clone()),
            ledger: Ledger::new(store, &records),
            clock,
            link_key: Arc::new(LinkKey::new(settings.link_key.as_ref())),
            own_hosts: Arc::new(own_hosts(&settings.links)),
            settings: Arc::new(settings),
            fetch: None,
        }
    }

    /// Lets it fetch what lies elsewhere.
    #[must_use]
    pub fn fetch(mut self, fetch: Arc<dyn Fetch>) -> Self {
        self.fetch = Some(fetch);
        self
    }

    /// The limits and times that it was told.
    pub fn settings(&self) -> &MediaSettings {
        &self.settings
    }

    /// What is known of the owner's media.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], also for somebody else's.
    pub async fn get(&self, owner: &UserId, id: &str) -> Result<MediaObject> {
        Ok(object(self.row(owner, id).await?, false))
    }

    /// The owner's media to be read, whole or a range of its bytes.
    ///
    /// # Errors
    /// As [`Media::get`]; [`ErrorKind::Gone`] when its bytes were lost.
    pub async fn open(&self, owner: &UserId, id: &str, range: Option<Range<u64>>) -> Result<Opened> {
        let found = self.find(owner, id).await?;
        Ok(Opened { bytes: found.read(range).await?, object: found.object })
    }

    /// The owner's media, to be read once it is known what of it is wanted.
    ///
    /// # Errors
    /// As [`Media::get`].
    pub async fn find(&self, owner: &UserId, id: &str) -> Result<Found> {
        Ok(Found::new(self, self.row(owner, id).await?))
    }

    /// A page of the owner's media, by its making. What is deleted in this moment is left out, so that a page can have
    /// less than it should while more follow.
    ///
    /// # Errors
    /// As [`Records::list`].
    pub async fn list(&self, owner: &UserId, page: &PageRequest) -> Result<Page<MediaObject>> {
        self.list_for(owner, None, page).await
    }

    /// Says whether everybody who knows its id may see it.
    ///
    /// # Errors
    /// As [`Media::get`].
    pub async fn set_public(&self, owner: &UserId, id: &str, public: bool) -> Result<MediaObject> {
        self.row(owner, id).await?;
        if public {
            self.show(owner, id).await?;
        }
        let change = |row: &mut TypedRecord<Row>| {
            row.body.public = public;
            alive(row)
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

    /// Makes it findable by those who are not its owner; whether they may see it is another question.
    pub(crate) async fn show(&self, owner: &UserId, id: &str) -> Result<()> {
        // Links are given again and again, and a look is cheaper than a write.
        if self.shown.get(&house(), id).await?.is_some() {
            return Ok(());
        }
        let shown = TypedRecord::new(id, self.clock.millis(), Shown { owner: owner.as_str().to_owned() });
        match self.shown.insert(&house(), &shown).await {
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(()),
            other => other,
        }
    }

    /// Now and so much later.
    pub(crate) fn after(&self, wait: Duration) -> Millis {
        let wait = Millis::try_from(wait.as_millis()).unwrap_or(Millis::MAX);
        self.clock.millis().saturating_add(wait)
    }
}

/// The host of absolute links; links that begin with a path name none.
fn own_hosts(links: &str) -> OwnHosts {
    if links.starts_with('/') { OwnHosts::new() } else { OwnHosts::new().with(links) }
}

/// For changes of a row that may be on its way out.
pub(crate) fn alive(row: &TypedRecord<Row>) -> Result<()> {
    if row.body.ended { Err(not_found(&row.id)) } else { Ok(()) }
}

pub(crate) fn missing(error: Error, id: &str) -> Error {
    if error.kind() == ErrorKind::NotFound { not_found(id) } else { error }
}
