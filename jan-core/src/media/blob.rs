//! The seam to stored bytes: memory, a folder, S3. Ids, owners and limits are the media room's business; a
//! [`BlobStore`] keeps what it is given under the name it is given.

use std::ops::Range;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{BoxStream, Result};

/// Keeps bytes under names. A name is any text of 1 to 64 bytes and never a path: `../a` is as good as `a`.
///
/// ```
/// use std::ops::Range;
///
/// use jan_core::media::BlobStore;
/// use jan_core::{BoxStream, Error, ErrorKind, Result, async_trait};
///
/// type Pieces = BoxStream<Result<bytes::Bytes>>;
///
/// /// Another store, of which nothing is ever removed or changed.
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
    /// Stores a blob, replacing an earlier one of the same name, and says how many bytes it has. All or nothing: a
    /// stream that ends with an error leaves what was there before, and so does a future that is dropped, unless the
    /// whole new blob was just about to take its place. When it returns, the bytes survive the process.
    ///
    /// # Errors
    /// The stream's own, as it is; [`crate::ErrorKind::Invalid`] for a name that is none; the store's.
    async fn put(&self, key: &str, bytes: BoxStream<Result<Bytes>>) -> Result<u64>;

    /// Reads a blob, or those bytes of a range that it has: none when the range begins behind its end. Dropping the
    /// stream stops reading.
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
///
/// ```
/// use std::time::Duration;
///
/// use jan_core::media::BlobSigner;
/// use jan_core::{Result, async_trait};
///
/// /// Links to a host that trusts whoever knows a name.
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
    /// A link that reads the blob for `valid`, told as `content_type` where the store can say so.
    async fn sign_get(&self, key: &str, content_type: &str, valid: Duration) -> Result<String>;

    /// A link that stores bytes of `content_type`, exactly `length` of them if that is known, within `valid`. A store that
    /// cannot hold its users to type and length gives a link without: whoever hands it out looks at what was stored.
    async fn sign_put(
        &self,
        key: &str,
        content_type: &str,
        length: Option<u64>,
        valid: Duration,
    ) -> Result<String>;
}
