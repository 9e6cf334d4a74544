//! Blobs in memory: for a first run, for tests, and for apps that need no storage across restarts.

use parking_lot::{Mutex, MutexGuard};
use std::collections::HashMap;
use std::ops::Range;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt, stream};
use jan_core::media::BlobStore;
use jan_core::{BoxStream, Result};

use super::{checked, missing};

/// Stores blobs until it is dropped.
#[derive(Debug, Default)]
pub struct MemoryBlobs(Mutex<HashMap<String, Bytes>>);

impl MemoryBlobs {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many blobs it holds.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Bytes>> {
        self.0.lock()
    }
}

#[async_trait]
impl BlobStore for MemoryBlobs {
    async fn put(&self, key: &str, mut bytes: BoxStream<Result<Bytes>>) -> Result<u64> {
        let key = checked(key)?.to_owned();
        let mut whole = BytesMut::new();
        while let Some(piece) = bytes.try_next().await? {
            whole.extend_from_slice(&piece);
        }
        let length = whole.len() as u64;
        self.lock().insert(key, whole.freeze());
        Ok(length)
    }

    async fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<BoxStream<Result<Bytes>>> {
        let bytes = self.lock().get(key).cloned().ok_or_else(missing)?;
        let length = bytes.len();
        let within = |at: u64| usize::try_from(at).map_or(length, |at| at.min(length));
        let Range { start, end } = range.map_or(0..length, |range| within(range.start)..within(range.end));
        let part = if start < end { bytes.slice(start..end) } else { Bytes::new() };
        Ok(stream::once(async { Ok(part) }).boxed())
    }

    async fn size(&self, key: &str) -> Result<Option<u64>> {
        Ok(self.lock().get(key).map(|bytes| bytes.len() as u64))
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.lock().remove(key);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn memory_passes_the_blob_suite() {
        let store = Arc::new(MemoryBlobs::new());
        jan_core::promises::blobs(store.clone()).await;
        assert_eq!(store.count(), 0, "nothing is left behind");
    }
}
