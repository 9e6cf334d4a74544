//! One blob on its way into an `object_store`: a small one is put at once, a larger one part by part, and what is not
//! finished is taken away again.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt, Result};

pub(super) struct Upload {
    store: Arc<dyn ObjectStore>,
    path: Path,
    part: usize,
    waiting: BytesMut,
    /// There from the first full part on.
    parts: Option<Box<dyn MultipartUpload>>,
    length: u64,
}

impl Upload {
    pub(super) fn new(store: Arc<dyn ObjectStore>, path: Path, part: usize) -> Self {
        Self { store, path, part, waiting: BytesMut::new(), parts: None, length: 0 }
    }

    /// Takes a piece, and writes a part when one is full. One part at a time: that is all that memory holds of a blob.
    pub(super) async fn write(&mut self, mut piece: Bytes) -> Result<()> {
        self.length += piece.len() as u64;
        while !piece.is_empty() {
            let room = self.part.saturating_sub(self.waiting.len()).min(piece.len());
            self.waiting.extend_from_slice(&piece.split_to(room));
            if self.waiting.len() >= self.part {
                self.write_part().await?;
            }
        }
        Ok(())
    }

    async fn write_part(&mut self) -> Result<()> {
        let part = self.waiting.split().freeze();
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
            let whole = self.waiting.split().freeze();
            self.store.put(&self.path, whole.into()).await?;
            return Ok(length);
        }
        if !self.waiting.is_empty() {
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

    /// Takes away what was written. When that fails too, what is left is the store's to clean up (a bucket's lifecycle
    /// rule): there is nothing more to be done from here.
    pub(super) async fn abort(&mut self) {
        if let Some(mut parts) = self.parts.take() {
            let _ = parts.abort().await;
        }
    }
}

impl Drop for Upload {
    /// Dropped in the middle: nobody waits any more, so a task of its own takes away what was written.
    fn drop(&mut self) {
        if let (Some(mut parts), Ok(runtime)) = (self.parts.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(async move { parts.abort().await });
        }
    }
}
