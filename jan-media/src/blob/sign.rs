//! Links that a cloud signs. They lead directly to the cloud.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jan_core::media::BlobSigner;
use jan_core::{Error, Result};
use object_store::signer::{HeaderName, HeaderValue, Method, SignedUrlOptions, Signer};

use super::object::{broken, path};
use super::{ObjectBlobs, checked};

impl ObjectBlobs {
    /// The same blobs, with links that `signer` signs.
    #[must_use]
    pub fn signed_by(mut self, signer: Arc<dyn Signer>) -> Self {
        self.signer = Some(signer);
        self
    }

    async fn sign(
        &self,
        method: Method,
        key: &str,
        valid: Duration,
        options: SignedUrlOptions,
    ) -> Result<String> {
        let signer = self.signer.as_ref().ok_or_else(|| Error::internal("this store signs no links"))?;
        let path = path(checked(key)?);
        let url = match signer.signed_url_opts(method.clone(), &path, valid, &options).await {
            Err(object_store::Error::NotSupported { .. }) => signer.signed_url(method, &path, valid).await,
            other => other,
        };
        Ok(url.map_err(broken)?.into())
    }
}

#[async_trait]
impl BlobSigner for ObjectBlobs {
    async fn sign_get(&self, key: &str, content_type: &str, valid: Duration) -> Result<String> {
        let options = SignedUrlOptions::new().with_query([("response-content-type", content_type)]);
        self.sign(Method::GET, key, valid, options).await
    }

    /// `object_store` can sign the content type but not the length, so such a link accepts as many bytes as the cloud
    /// does.
    async fn sign_put(
        &self,
        key: &str,
        content_type: &str,
        _length: Option<u64>,
        valid: Duration,
    ) -> Result<String> {
        let content_type = HeaderValue::from_str(content_type)
            .map_err(|error| Error::invalid("content_type", "This is no content type.").because(error))?;
        let name = HeaderName::from_static("content-type");
        let options = SignedUrlOptions::new().with_signed_header(name, content_type);
        self.sign(Method::PUT, key, valid, options).await
    }
}
