//! Writes one blob into an `object_store`: a small blob in one request, a larger one in parts. The parts of an
//! unfinished upload are deleted.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt, Result};

pub(super) struct Upload {
    store: Arc<dyn ObjectStore>,
    path: Path,
    part: usize,
    pending: BytesMut,
    /// The multipart upload; `None` until the first part is full.
    parts: Option<Box<dyn MultipartUpload>>,
    length: u64,
}

impl Upload {
    pub(super) fn new(store: Arc<dyn ObjectStore>, path: Path, part: usize) -> Self {
        Self { store, path, part, pending: BytesMut::new(), parts: None, length: 0 }
    }

    /// Adds a piece, and writes a part when one is full. Parts are written one after the other, so memory holds only
    /// one part of a blob.
    pub(super) async fn write(&mut self, mut piece: Bytes) -> Result<()> {
        self.length += piece.len() as u64;
        while !piece.is_empty() {
            let free = self.part.saturating_sub(self.pending.len()).min(piece.len());
            self.pending.extend_from_slice(&piece.split_to(free));
            if self.pending.len() >= self.part {
                self.write_part().await?;
            }
        }
        Ok(())
    }

    async fn write_part(&mut self) -> Result<()> {
        let part = self.pending.split().freeze();
        let parts = match &mut self.parts {
            Some(parts) => parts,
            none => none.insert(self.store.put_multipart(&self.path).await?),
        };
        let written = parts.put_part(part.into()).await;
        if written.is_err() {
            self.abort().await;
        }
        written
    }

    pub(super) async fn finish(mut self) -> Result<u64> {
        let length = self.length;
        if self.parts.is_none() {
            let whole = self.pending.split().freeze();
            self.store.put(&self.path, whole.into()).await?;
            return Ok(length);
        }
        if !self.pending.is_empty() {
            self.write_part().await?;
        }
        if let Some(parts) = &mut self.parts {
            let completed = parts.complete().await;
            if completed.is_err() {
                self.abort().await;
            }
            completed?;
        }
        self.parts = None;
        Ok(length)
    }

    /// Deletes the written parts. If that fails too, the store has to clean them up (by a bucket's lifecycle rule);
    /// nothing more can be done here.
    pub(super) async fn abort(&mut self) {
        if let Some(mut parts) = self.parts.take() {
            let _ = parts.abort().await;
        }
    }
}

impl Drop for Upload {
    /// Dropped before its end: no caller waits, so a separate task deletes the written parts.
    fn drop(&mut self) {
        if let (Some(mut parts), Ok(runtime)) = (self.parts.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(async move { parts.abort().await });
        }
    }
}
