//! Blobs in clouds: the settings of each provider, as plain structs.

use std::sync::Arc;
use std::time::Duration;

use jan_core::secret::ExposeSecret;
use jan_core::{Error, Result, Secret};
use object_store::{BackoffConfig, RetryConfig};

use super::ObjectBlobs;

/// The smallest part that S3 accepts in a multipart upload, and so the memory for each blob that is being written.
const PART: usize = 5 * 1024 * 1024;

/// The retries of a request to a cloud that does not answer. A caller is waiting, so the total time is short; the
/// default of `object_store` is three minutes.
fn retries() -> RetryConfig {
    let backoff = BackoffConfig { max_backoff: Duration::from_secs(2), ..BackoffConfig::default() };
    RetryConfig { backoff, max_retries: 3, retry_timeout: Duration::from_secs(20) }
}

/// S3, or a server with the same API (MinIO, Ceph, R2).
#[cfg(feature = "s3")]
#[derive(Debug, Clone)]
pub struct S3 {
    /// The bucket, which must exist.
    pub bucket: String,
    /// Its region; MinIO's default is `us-east-1`.
    pub region: String,
    /// The server's URL; `None` for Amazon's. `http` is used only if the URL begins with it.
    pub endpoint: Option<String>,
    /// The URL under which clients reach the same server, for links; the endpoint when it is `None`.
    pub public_endpoint: Option<String>,
    /// The access key's id and the secret key. When it is `None`, credentials come from the machine's environment (on
    /// Amazon's own machines).
    pub credentials: Option<(String, Secret)>,
    /// Whether the bucket is part of the URL's path, as MinIO requires, and not of the host name.
    pub path_style: bool,
}

#[cfg(feature = "s3")]
impl S3 {
    /// Makes the store. It does not contact the server yet.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::Invalid`] when the settings are not valid.
    pub fn open(&self) -> Result<ObjectBlobs> {
        let store = self.at(self.endpoint.as_deref())?;
        let public = self.at(self.public_endpoint.as_deref().or(self.endpoint.as_deref()))?;
        Ok(ObjectBlobs::over(Arc::new(store), PART).signed_by(Arc::new(public)))
    }

    fn at(&self, endpoint: Option<&str>) -> Result<object_store::aws::AmazonS3> {
        let mut builder = object_store::aws::AmazonS3Builder::new()
            .with_retry(retries())
            .with_bucket_name(&self.bucket)
            .with_region(&self.region)
            .with_virtual_hosted_style_request(!self.path_style);
        if let Some(endpoint) = endpoint {
            let endpoint = endpoint.trim_end_matches('/');
            builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"));
        }
        if let Some((id, key)) = &self.credentials {
            builder = builder.with_access_key_id(id).with_secret_access_key(key.expose_secret());
        }
        builder.build().map_err(wrong)
    }
}

/// Google's cloud storage.
#[cfg(feature = "gcs")]
#[derive(Debug, Clone)]
pub struct Gcs {
    /// The bucket, which must exist.
    pub bucket: String,
    /// The service account's key, as the JSON from Google. When it is `None`, credentials come from Google's metadata
    /// service of the machine.
    pub service_account: Option<Secret>,
}

#[cfg(feature = "gcs")]
impl Gcs {
    /// Makes the store. It does not contact the server yet.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::Invalid`] when the settings are not valid.
    pub fn open(&self) -> Result<ObjectBlobs> {
        let mut builder = object_store::gcp::GoogleCloudStorageBuilder::new()
            .with_retry(retries())
            .with_bucket_name(&self.bucket);
        if let Some(key) = &self.service_account {
            builder = builder.with_service_account_key(key.expose_secret());
        }
        let store = Arc::new(builder.build().map_err(wrong)?);
        Ok(ObjectBlobs::over(store.clone(), PART).signed_by(store))
    }
}

/// Microsoft's cloud storage.
#[cfg(feature = "azure")]
#[derive(Debug, Clone)]
pub struct Azure {
    /// The storage account.
    pub account: String,
    /// The container, which must exist.
    pub container: String,
    /// The account's key. When it is `None`, credentials come from Microsoft's metadata service of the machine.
    pub access_key: Option<Secret>,
}

#[cfg(feature = "azure")]
impl Azure {
    /// Makes the store. It does not contact the server yet.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::Invalid`] when the settings are not valid.
    pub fn open(&self) -> Result<ObjectBlobs> {
        let mut builder = object_store::azure::MicrosoftAzureBuilder::new()
            .with_retry(retries())
            .with_account(&self.account)
            .with_container_name(&self.container);
        if let Some(key) = &self.access_key {
            builder = builder.with_access_key(key.expose_secret());
        }
        let store = Arc::new(builder.build().map_err(wrong)?);
        Ok(ObjectBlobs::over(store.clone(), PART).signed_by(store))
    }
}

fn wrong(error: object_store::Error) -> Error {
    Error::invalid("media", format!("The store of media is not set up right: {error}.")).because(error)
}

#[cfg(all(test, feature = "s3"))]
mod tests {
    use jan_core::media::BlobStore;

    use super::*;

    #[tokio::test]
    async fn links_use_the_public_endpoint_and_upload_links_fix_the_content_type() {
        let s3 = S3 {
            bucket: "jan".into(),
            region: "us-east-1".into(),
            endpoint: Some("http://minio:9000".into()),
            public_endpoint: Some("https://files.example/".into()),
            credentials: Some(("id".into(), "secret key".to_owned().into())),
            path_style: true,
        };
        let store = s3.open().unwrap();
        let signer = store.signer().unwrap();
        let hour = Duration::from_secs(3600);
        let get = signer.sign_get("blob_a", "image/png", hour).await.unwrap();
        assert!(
            get.starts_with("https://files.example/jan/blob_a?") && get.contains("X-Amz-Expires=3600"),
            "{get}"
        );
        assert!(get.contains("response-content-type=image%2Fpng"), "{get}");
        let put = signer.sign_put("../a", "image/png", Some(17), hour).await.unwrap();
        assert!(put.contains("/jan/%3D2E%3D2E%3D2Fa?") || put.contains("/jan/=2E=2E=2Fa?"), "{put}");
        assert!(put.contains("SignedHeaders=content-type%3Bhost"), "the type is signed: {put}");
        assert!(!format!("{s3:?}").contains("secret key"));
    }
}
