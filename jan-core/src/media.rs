//! The seam to stored bytes: memory, a folder, S3. Ids, owners and limits are the media room's business; a
//! [`BlobStore`] keeps what it is given under the name it is given.

use std::ops::Range;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{BoxStream, Result};

/// Keeps bytes under names.
#[async_trait]
pub trait BlobStore: Send + Sync + 'static {
    /// Stores a blob, replacing an earlier one of the same name. All or nothing: a stream that ends with an error, or a
    /// future that is dropped, leaves what was there before. When it returns, the bytes survive the process.
    async fn put(&self, key: &str, bytes: BoxStream<Result<Bytes>>) -> Result<u64>;

    /// Reads a blob, or a range of its bytes.
    ///
    /// # Errors
    /// [`crate::ErrorKind::NotFound`] when there is none.
    async fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<BoxStream<Result<Bytes>>>;

    /// How many bytes a blob has; `None` when there is none.
    async fn size(&self, key: &str) -> Result<Option<u64>>;

    /// Removes a blob; one that is not there is no error.
    async fn delete(&self, key: &str) -> Result<()>;

    /// The same store as a giver of temporary links, if it is one.
    fn signer(&self) -> Option<&dyn BlobSigner> {
        None
    }
}

/// Gives links to blobs that work without our credentials and end by themselves.
#[async_trait]
pub trait BlobSigner: Send + Sync {
    /// A link that reads the blob for `valid`.
    async fn sign_get(&self, key: &str, valid: Duration) -> Result<String>;

    /// A link that stores exactly `length` bytes of `content_type` within `valid`.
    async fn sign_put(&self, key: &str, content_type: &str, length: u64, valid: Duration) -> Result<String>;
}
