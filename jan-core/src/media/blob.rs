//! The trait for stored bytes, in memory, in a folder, or in a cloud. jan-media handles ids, owners and limits; a
//! [`BlobStore`] stores the bytes that it gets under the key that it gets.

use std::ops::Range;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{BoxStream, Result};

/// Stores bytes under keys. A key is any text of 1 to 64 bytes. It is never treated as a path: `../a` is a valid key
/// like `a`.
///
/// ```
/// use std::ops::Range;
///
/// use jan_core::media::BlobStore;
/// use jan_core::{BoxStream, Error, ErrorKind, Result, async_trait};
///
/// type Pieces = BoxStream<Result<bytes::Bytes>>;
///
/// /// A wrapper around another store that refuses every change.
/// struct Frozen<S>(S);
///
/// #[async_trait]
/// impl<S: BlobStore> BlobStore for Frozen<S> {
///     async fn put(&self, _: &str, _: Pieces) -> Result<u64> {
///         Err(Error::new(ErrorKind::Forbidden, "This store is frozen."))
///     }
///
///     async fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<Pieces> {
///         self.0.get(key, range).await
///     }
///
///     async fn size(&self, key: &str) -> Result<Option<u64>> {
///         self.0.size(key).await
///     }
///
///     async fn delete(&self, _: &str) -> Result<()> {
///         Err(Error::new(ErrorKind::Forbidden, "This store is frozen."))
///     }
/// }
/// ```
#[async_trait]
pub trait BlobStore: Send + Sync + 'static {
    /// Stores a blob, replacing an earlier one with the same key, and returns its size in bytes. The write is atomic:
    /// a stream that ends with an error leaves the earlier blob unchanged. So does a dropped future, unless the
    /// complete new blob was just replacing the earlier one. When it returns, the bytes survive the death of this
    /// process.
    ///
    /// # Errors
    /// The stream's error, unchanged; [`crate::ErrorKind::Invalid`] for a key that is not valid; the store's errors.
    async fn put(&self, key: &str, bytes: BoxStream<Result<Bytes>>) -> Result<u64>;

    /// Reads a blob, or the bytes of a range that exist: none when the range begins after the blob's end. Dropping the
    /// stream stops reading.
    ///
    /// # Errors
    /// [`crate::ErrorKind::NotFound`] when the blob does not exist.
    async fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<BoxStream<Result<Bytes>>>;

    /// The size of a blob in bytes; `None` when it does not exist.
    async fn size(&self, key: &str) -> Result<Option<u64>>;

    /// Deletes a blob. It is no error if the blob does not exist.
    async fn delete(&self, key: &str) -> Result<()>;

    /// This store as a [`BlobSigner`], if it can make temporary links.
    fn signer(&self) -> Option<&dyn BlobSigner> {
        None
    }
}

/// Makes temporary links to blobs that work without our credentials.
///
/// ```
/// use std::time::Duration;
///
/// use jan_core::media::BlobSigner;
/// use jan_core::{Result, async_trait};
///
/// /// Links to a host where everybody who knows a key may read and write its blob.
/// struct Cdn(String);
///
/// #[async_trait]
/// impl BlobSigner for Cdn {
///     async fn sign_get(&self, key: &str, _type: &str, _valid: Duration) -> Result<String> {
///         Ok(format!("{}/{key}", self.0))
///     }
///
///     async fn sign_put(&self, key: &str, _: &str, _: Option<u64>, _: Duration) -> Result<String> {
///         Ok(format!("{}/{key}", self.0))
///     }
/// }
/// ```
#[async_trait]
pub trait BlobSigner: Send + Sync {
    /// A link that reads the blob and is valid for `valid`. If the store supports it, the reply has the type
    /// `content_type`.
    async fn sign_get(&self, key: &str, content_type: &str, valid: Duration) -> Result<String>;

    /// A link that stores bytes of `content_type` and is valid for `valid`. If `length` is given, exactly so many
    /// bytes are accepted. A store that cannot enforce type and length makes a link without these limits, so code that
    /// hands out the link must check what was stored.
    async fn sign_put(
        &self,
        key: &str,
        content_type: &str,
        length: Option<u64>,
        valid: Duration,
    ) -> Result<String>;
}
