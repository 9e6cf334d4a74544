//! Builds the media service from the configuration.

use std::sync::Arc;

use jan_core::fetch::{Allowed, FetchSettings};
use jan_core::media::BlobStore;
use jan_core::{Database, Error, Result, SystemClock};
use jan_media::blob::S3;
use jan_media::{Media, MediaSettings, MemoryBlobs, ObjectBlobs};

use super::keys::link_key;
use crate::config::{Config, MediaBackend, MediaS3};
use jan_server::FetchUrls;
use jan_server::media_links as links;

/// The folder of media files in the data folder.
const FOLDER: &str = "media";

/// The media service, with its index in `database`.
///
/// # Errors
/// When a folder cannot be used, a bucket's description is incomplete, or an allowed host is invalid; as
/// [`jan_core::record::on`].
pub async fn media(config: &Config, database: &Database) -> Result<Media> {
    let configured = &config.media;
    let blobs: Arc<dyn BlobStore> = match configured.backend {
        MediaBackend::Memory => Arc::new(MemoryBlobs::new()),
        MediaBackend::Folder => {
            let folder = configured.folder.clone().unwrap_or_else(|| config.data_dir.join(FOLDER));
            Arc::new(ObjectBlobs::folder(folder)?)
        }
        MediaBackend::S3 => Arc::new(bucket(&configured.s3)?),
    };
    let link_key = match &configured.link_key {
        Some(key) => key.clone(),
        None => link_key(&config.data_dir)?,
    };
    let links = links(configured.public_url.as_deref().or(config.public_url.as_deref()));
    let settings = MediaSettings {
        max_bytes: configured.max_bytes.as_u64(),
        allowed: configured.types.clone(),
        retention: Some(configured.retention).filter(|retention| !retention.is_zero()),
        link_key: Some(link_key),
        link_valid: configured.link_valid,
        upload_valid: configured.upload_valid,
        upload_links: links.clone(),
        links,
        public: configured.public,
        strip_location: configured.strip_location,
        stores_links: configured.store_links,
        ..MediaSettings::default()
    };
    let fetch = FetchUrls::new(fetching(config)?, configured.fetch_timeout)?;
    let media = Media::on(database, blobs, Arc::new(SystemClock), settings).await?;
    Ok(media.fetch(Arc::new(fetch)))
}

/// The rules for fetching URLs that callers name.
fn fetching(config: &Config) -> Result<FetchSettings> {
    let allow = config.fetch.allow.iter().map(|host| {
        host.parse::<Allowed>()
            .map_err(|e| Error::invalid("fetch.allow", format!("`fetch.allow` holds `{host}`. {e}")))
    });
    Ok(FetchSettings {
        allow: allow.collect::<Result<_>>()?,
        allow_private: config.fetch.allow_private_urls,
        ports: config.fetch.ports.clone(),
        ..FetchSettings::default()
    })
}

fn bucket(described: &MediaS3) -> Result<ObjectBlobs> {
    if described.bucket.is_empty() {
        return Err(Error::invalid("media.s3.bucket", "Media in S3 needs a bucket: set `media.s3.bucket`."));
    }
    let credentials = described.access_key_id.clone().zip(described.secret_access_key.clone());
    S3 {
        bucket: described.bucket.clone(),
        region: described.region.clone(),
        endpoint: described.endpoint.clone(),
        public_endpoint: described.public_endpoint.clone(),
        credentials,
        path_style: described.path_style,
    }
    .open()
}
