//! Blobs in any store that `object_store` supports.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use jan_core::media::{BlobSigner, BlobStore};
use jan_core::{BoxStream, Error, Result};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, GetResultPayload, ObjectStore, ObjectStoreExt};

use super::upload::Upload;
use super::{checked, missing};

/// Stores blobs in a folder, in S3 or a server with the same API, or in Google's or Microsoft's cloud.
///
/// Needs a tokio runtime: files are read and written on its threads for blocking work, clouds are called over
/// connections of object_store's client, and an upload that is dropped before its end starts a task that deletes its
/// parts.
#[derive(Debug)]
pub struct ObjectBlobs {
    store: Arc<dyn ObjectStore>,
    #[cfg(feature = "clouds")]
    pub(super) signer: Option<Arc<dyn object_store::signer::Signer>>,
    /// The folder, if this store is one: its files get a mode that only their owner can access.
    #[cfg(feature = "folder")]
    pub(super) folder: Option<Arc<object_store::local::LocalFileSystem>>,
    /// The number of bytes of a blob that are held in memory before they are written.
    part: usize,
}

impl ObjectBlobs {
    /// Blobs in `store`, written in parts of `part` bytes. For stores without a constructor here. Clouds require parts
    /// of 5 MiB or more.
    pub fn over(store: Arc<dyn ObjectStore>, part: usize) -> Self {
        Self {
            store,
            #[cfg(feature = "clouds")]
            signer: None,
            #[cfg(feature = "folder")]
            folder: None,
            part: part.max(1),
        }
    }

    async fn read(&self, key: &str, range: Option<Range<u64>>) -> object_store::Result<GetResultPayload> {
        // Servers that use signed numbers (MinIO) ignore a range with a larger end.
        let range = range.map(|range| GetRange::Bounded(range.start..range.end.min(i64::MAX.unsigned_abs())));
        let options = GetOptions { range, ..GetOptions::default() };
        Ok(self.store.get_opts(&path(key), options).await?.payload)
    }
}

#[async_trait]
impl BlobStore for ObjectBlobs {
    async fn put(&self, key: &str, mut bytes: BoxStream<Result<Bytes>>) -> Result<u64> {
        let path = path(checked(key)?);
        let mut upload = Upload::new(self.store.clone(), path.clone(), self.part);
        loop {
            match bytes.try_next().await {
                Ok(Some(piece)) => upload.write(piece).await.map_err(broken)?,
                Ok(None) => {
                    let size = upload.finish().await.map_err(broken)?;
                    #[cfg(feature = "folder")]
                    self.make_private(&path);
                    return Ok(size);
                }
                Err(error) => {
                    upload.abort().await;
                    return Err(error);
                }
            }
        }
    }

    async fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<BoxStream<Result<Bytes>>> {
        // No store accepts an empty range, and each reports a range after the end by another error.
        let Range { start, end } = range.clone().unwrap_or(0..u64::MAX);
        let refused = if start < end {
            match self.read(key, range).await {
                Ok(GetResultPayload::Stream(bytes)) => return Ok(bytes.map_err(broken).boxed()),
                #[cfg(feature = "folder")]
                Ok(GetResultPayload::File(file, _)) => {
                    return Ok(super::folder::pieces(file, start, end - start));
                }
                Err(object_store::Error::NotFound { .. }) => return Err(missing()),
                Err(error) => Some(error),
            }
        } else {
            None
        };
        let size = self.size(key).await?.ok_or_else(missing)?;
        match refused {
            Some(error) if start < size => Err(broken(error)),
            _ => Ok(stream::empty().boxed()),
        }
    }

    async fn size(&self, key: &str) -> Result<Option<u64>> {
        match self.store.head(&path(key)).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(broken(error)),
        }
    }

    async fn delete(&self, key: &str) -> Result<()> {
        match self.store.delete(&path(key)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(broken(error)),
        }
    }

    fn signer(&self) -> Option<&dyn BlobSigner> {
        #[cfg(feature = "clouds")]
        if self.signer.is_some() {
            return Some(self);
        }
        None
    }
}

/// The path of a blob's object. Letters, digits, `-` and `_` stay as they are; every other byte is written as `=` and
/// two hexadecimal digits. So no key becomes a path, a hidden file, or the name of a temporary file.
pub(super) fn path(key: &str) -> Path {
    let mut name = String::with_capacity(key.len());
    for byte in key.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("={byte:02X}"));
        }
    }
    Path::from(name)
}

pub(super) fn broken(error: object_store::Error) -> Error {
    Error::unavailable("The store of media does not answer. Try again later.")
        .with_code("media_store_failed")
        .because(error)
}
