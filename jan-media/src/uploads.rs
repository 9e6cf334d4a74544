//! Uploads that are announced before their bytes are sent. The reply to the announcement contains an id and a link to
//! upload to. The bytes are inspected and stored like all others, either when they arrive at this server, or when the
//! client reports that they are in the cloud store.
//!
//! A cloud's upload link stays valid for a while after that. So the name that it writes to is used only temporarily,
//! and the bytes are copied to another name while they are inspected. Otherwise a client could replace them after the
//! inspection.

use std::time::Duration;

use bytes::Bytes;
use jan_core::media::{MediaObject, NewMedia, PREFIX};
use jan_core::record::{Millis, TypedRecord};
use jan_core::{BoxStream, Error, ErrorKind, Result, UserId, id};
use serde::Serialize;

use crate::data_url::too_large;
use crate::ingest::{Incoming, no_final_check};
use crate::inspect::Requirements;
use crate::media::Media;
use crate::row::{AnnouncedUpload, not_found, system_owner};
use crate::token::{Purpose, Token};

/// The announcement of an upload. A `user_id` is ignored: the credential determines the owner.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewUpload {
    /// The MIME type of the file; required. `content_type` means the same.
    #[cfg_attr(feature = "openapi", schema(example = "image/png"))]
    pub mime_type: Option<String>,
    /// The file name.
    pub filename: Option<String>,
    /// The exact size in bytes, if it is known.
    pub size: Option<u64>,
    /// The SHA-256 of the bytes in hexadecimal digits, if it is known.
    pub sha256: Option<String>,
    /// Makes it readable by everybody who knows its id. Default: false.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub public: bool,
}

/// The reply to an announcement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Upload {
    /// The id that the media will have, unless its owner has the same bytes already.
    pub id: String,
    /// The URL to which the bytes are to be sent with PUT.
    pub url: String,
    /// The `Content-Type` that the PUT request must have.
    pub mime: String,
    /// When the link expires.
    pub expires_at: Millis,
}

impl Media {
    /// Announces an upload. If its bytes never arrive, nothing remains of it after a sweep.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] without a type, or for a malformed hash; [`ErrorKind::TooLarge`]; the store's errors.
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
        let (exp, expires_at) = self.expiry(valid);
        let stored = id::short("put_");
        // An upload that begins at the last moment of the link's validity ends a little later.
        let deadline = self.after(valid + self.settings.orphans_after);
        self.ledger.schedule_check(owner, &media, &stored, deadline).await?;
        let url = match self.ledger.store.signer() {
            Some(signer) => signer.sign_put(&stored, &mime, bytes, whole_seconds(valid)).await?,
            None => self.own_link(&self.settings.upload_links, Purpose::Upload, &media, exp),
        };
        let announced = AnnouncedUpload {
            owner: owner.as_str().to_owned(),
            stored,
            mime: mime.clone(),
            filename,
            public,
            bytes,
            sha256,
            became: None,
        };
        self.announced
            .insert(&system_owner(), &TypedRecord::new(&media, now, announced).expires_at(deadline))
            .await?;
        Ok(Upload { id: media, url, mime, expires_at })
    }

    /// Receives the bytes of one of our own upload links. If the link is used again, the media that it became is
    /// returned.
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
        self.store_upload(upload, bytes).await
    }

    /// Called when the client reports that it has uploaded the bytes to the link: they are inspected and stored. A
    /// second call returns the same media.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; [`ErrorKind::Conflict`] (`not_uploaded`) when there are no bytes yet;
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
        let media = self.store_upload(upload, bytes).await?;
        // If this fails, the sweep deletes the temporary bytes later, together with bytes that are uploaded after
        // this.
        let _ = self.ledger.store.delete(&stored).await;
        Ok(media)
    }

    async fn announcement(&self, id: &str) -> Result<TypedRecord<AnnouncedUpload>> {
        let now = self.clock.millis();
        let upload = self.announced.get(&system_owner(), id).await?;
        upload.filter(|upload| upload.expires_at.is_none_or(|end| now < end)).ok_or_else(|| not_found(id))
    }

    async fn store_upload(
        &self,
        upload: TypedRecord<AnnouncedUpload>,
        bytes: BoxStream<Result<Bytes>>,
    ) -> Result<MediaObject> {
        let AnnouncedUpload { owner, mime, filename, public, bytes: length, sha256, .. } = upload.body;
        let owner = UserId::new(owner);
        let new = NewMedia { mime: Some(mime), filename, public, ..NewMedia::default() };
        let incoming = Incoming { id: upload.id.clone(), ..self.incoming(bytes, new, no_final_check()) };
        let requirements = Requirements { length, sha256, ..incoming.requirements };
        let media = self.keep_as(&owner, Incoming { requirements, ..incoming }).await?;
        let became = |upload: &mut TypedRecord<AnnouncedUpload>| {
            upload.body.became = Some(media.id.clone());
            Ok(())
        };
        self.announced.update(&system_owner(), &upload.id, became).await?;
        Ok(media)
    }
}

/// The time in whole seconds, at least one: clouds sign links with whole seconds.
fn whole_seconds(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs().max(1))
}
