//! Uploads that are announced first. The announcement answers with an id and a link; bytes that are put there are
//! inspected and kept as all others are, when they come to us or when the client says that they are in the cloud.
//!
//! A cloud's link goes on working for a while after that, so what it was used for is only a waiting room: the bytes are
//! copied out of it while they are inspected. Else somebody could change them after they were judged.

use std::time::Duration;

use bytes::Bytes;
use jan_core::media::{MediaObject, NewMedia, PREFIX};
use jan_core::record::{Millis, TypedRecord};
use jan_core::{BoxStream, Error, ErrorKind, Result, UserId, id};
use serde::Serialize;

use crate::data_url::too_large;
use crate::ingest::{Incoming, nothing_more};
use crate::inspect::Wanted;
use crate::media::Media;
use crate::row::{Announced, house, not_found};
use crate::token::{Purpose, Token};

/// What is said of an upload before it begins. A `user_id` is passed over: the credential says who it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewUpload {
    /// What it will be; it must be given. `content_type` means the same.
    #[cfg_attr(feature = "openapi", schema(example = "image/png"))]
    pub mime_type: Option<String>,
    /// What it is called.
    pub filename: Option<String>,
    /// Exactly how many bytes.
    pub size: Option<u64>,
    /// The SHA-256 that they will have, in hexadecimal digits.
    pub sha256: Option<String>,
    /// Shows it to everybody who knows its id. Default: false.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub public: bool,
}

/// Where to put it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Upload {
    /// The id that it will have, unless its owner has the same bytes already.
    pub id: String,
    /// Where the bytes are to be PUT.
    pub url: String,
    /// The type that they must be put as.
    pub mime: String,
    /// When the link ends.
    pub expires_at: Millis,
}

impl Media {
    /// Announces an upload. Nothing is taken in its place if it never comes.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] without a type, or with a hash that is none; [`ErrorKind::TooLarge`]; the store's.
    pub async fn prepare_upload(&self, owner: &UserId, upload: NewUpload) -> Result<Upload> {
        let NewUpload { mime_type, filename, size: bytes, sha256, public } = upload;
        let is_hash = |hash: &String| hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        if sha256.as_ref().is_some_and(|hash| !is_hash(hash)) {
            return Err(Error::invalid("sha256", "`sha256` must be 64 hexadecimal digits."));
        }
        let mime = mime_type.filter(|mime| !mime.trim().is_empty());
        let mime = mime.ok_or_else(|| Error::missing("mime_type"))?;
        if bytes.is_some_and(|bytes| bytes > self.settings.max_bytes) {
            return Err(too_large(self.settings.max_bytes));
        }
        let now = self.clock.millis();
        let (valid, media) = (self.settings.upload_valid, id::ulid(PREFIX, now));
        let (exp, expires_at) = self.end(valid);
        let stored = id::short("put_");
        // What is put at the last moment is complete a little later.
        let over = self.after(valid + self.settings.orphans_after);
        self.ledger.watch(owner, &media, &stored, over).await?;
        let url = match self.ledger.store.signer() {
            Some(signer) => signer.sign_put(&stored, &mime, bytes, whole_seconds(valid)).await?,
            None => self.own_link(&self.settings.upload_links, Purpose::Upload, &media, exp),
        };
        let announced = Announced {
            owner: owner.as_str().to_owned(),
            stored,
            mime: mime.clone(),
            filename,
            public,
            bytes,
            sha256,
            became: None,
        };
        self.announced.insert(&house(), &TypedRecord::new(&media, now, announced).expires_at(over)).await?;
        Ok(Upload { id: media, url, mime, expires_at })
    }

    /// Takes the bytes of one of our own upload links. The same link used again gives what it became.
    ///
    /// # Errors
    /// [`ErrorKind::Forbidden`] (`bad_link`, `link_expired`); [`ErrorKind::Invalid`] (`not_as_announced`); as
    /// [`Media::ingest`].
    pub async fn receive(
        &self,
        id: &str,
        token: Token<'_>,
        bytes: BoxStream<Result<Bytes>>,
    ) -> Result<MediaObject> {
        self.link_key.verify(Purpose::Upload, id, token, &*self.clock)?;
        let upload = self.announcement(id).await?;
        if let Some(became) = &upload.body.became {
            return self.get(&UserId::new(upload.body.owner.as_str()), became).await;
        }
        self.take(upload, bytes).await
    }

    /// The client says that the bytes are where the link led: they are inspected and kept. Said again, it answers the same.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; [`ErrorKind::Conflict`] (`not_uploaded`) when nothing is there yet;
    /// [`ErrorKind::Invalid`] (`not_as_announced`); as [`Media::ingest`].
    pub async fn complete(&self, owner: &UserId, id: &str) -> Result<MediaObject> {
        let upload = self.announcement(id).await?;
        if upload.body.owner != owner.as_str() {
            return Err(not_found(id));
        }
        if let Some(became) = &upload.body.became {
            return self.get(owner, became).await;
        }
        let stored = upload.body.stored.clone();
        let size = self.ledger.store.size(&stored).await?.ok_or_else(|| {
            Error::new(ErrorKind::Conflict, "Nothing was uploaded yet.").with_code("not_uploaded")
        })?;
        if size > self.settings.max_bytes {
            return Err(too_large(self.settings.max_bytes));
        }
        let bytes = self.ledger.store.get(&stored, None).await?;
        let kept = self.take(upload, bytes).await?;
        // What stays in the waiting room is found by the sweeper, with what is put there later.
        let _ = self.ledger.store.delete(&stored).await;
        Ok(kept)
    }

    async fn announcement(&self, id: &str) -> Result<TypedRecord<Announced>> {
        let now = self.clock.millis();
        let upload = self.announced.get(&house(), id).await?;
        upload.filter(|upload| upload.expires_at.is_none_or(|end| now < end)).ok_or_else(|| not_found(id))
    }

    async fn take(
        &self,
        upload: TypedRecord<Announced>,
        bytes: BoxStream<Result<Bytes>>,
    ) -> Result<MediaObject> {
        let Announced { owner, mime, filename, public, bytes: length, sha256, .. } = upload.body;
        let owner = UserId::new(owner);
        let new = NewMedia { mime: Some(mime), filename, public, ..NewMedia::default() };
        let incoming = Incoming { id: upload.id.clone(), ..self.incoming(bytes, new, nothing_more()) };
        let wanted = Wanted { length, sha256, ..incoming.wanted };
        let kept = self.keep_as(&owner, Incoming { wanted, ..incoming }).await?;
        let became = |upload: &mut TypedRecord<Announced>| {
            upload.body.became = Some(kept.id.clone());
            Ok(())
        };
        self.announced.update(&house(), &upload.id, became).await?;
        Ok(kept)
    }
}

/// Clouds sign whole seconds.
fn whole_seconds(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs().max(1))
}
