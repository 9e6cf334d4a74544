//! Blobs in whatever `object_store` can write to.

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

/// Keeps blobs in a folder, in S3 and what speaks like it, in Google's or Microsoft's cloud.
///
/// Needs a tokio runtime: files are read and written on its threads for blocking work, clouds are called over connections
/// of object_store's client, and an upload that is dropped in the middle starts a task that takes away its pieces.
#[derive(Debug)]
pub struct ObjectBlobs {
    store: Arc<dyn ObjectStore>,
    #[cfg(feature = "clouds")]
    pub(super) signer: Option<Arc<dyn object_store::signer::Signer>>,
    /// The folder, if it is one: its files are their owner's alone.
    #[cfg(feature = "folder")]
    pub(super) folder: Option<Arc<object_store::local::LocalFileSystem>>,
    /// How many bytes of a blob are held in memory before they are written.
    part: usize,
}

impl ObjectBlobs {
    /// Blobs in `store`, which are written in pieces of `part` bytes. For stores that have no constructor here; clouds want
    /// pieces of 5 MiB or more.
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
        // Servers that count in signed numbers (MinIO) take a larger end for no range at all.
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
        // No store takes an empty range, and each refuses one behind the end in its own words.
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

/// The object of a blob. Letters and digits stand for themselves and everything else is written as `=` and two digits,
/// so that no name is a path, a hidden file, or the name that a folder gives a file while it is written.
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
