//! 09 · Your own blob store: here one that stores every file in two stores and reads from the second if the first
//! fails.
//!
//!     cargo run -p jan-examples --bin 09_own_blob_store

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};
use jan_core::media::BlobStore;
use jan_core::{BoxStream, Database, Result, SystemClock, UserId};
use jan_media::{Media, MediaSettings, MemoryBlobs, NewMedia, Source};

type Pieces = BoxStream<Result<bytes::Bytes>>;

struct Twice(MemoryBlobs, MemoryBlobs);

#[async_trait]
impl BlobStore for Twice {
    async fn put(&self, key: &str, bytes: Pieces) -> Result<u64> {
        let size = self.0.put(key, bytes).await?;
        self.1.put(key, self.0.get(key, None).await?).await?;
        Ok(size)
    }

    async fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<Pieces> {
        match self.0.get(key, range.clone()).await {
            Err(_) => self.1.get(key, range).await,
            found => found,
        }
    }

    async fn size(&self, key: &str) -> Result<Option<u64>> {
        Ok(self.0.size(key).await?.or(self.1.size(key).await?))
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.0.delete(key).await?;
        self.1.delete(key).await
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let store = Arc::new(Twice(MemoryBlobs::new(), MemoryBlobs::new()));
    let settings = MediaSettings { allowed: vec!["text/plain".to_owned()], ..MediaSettings::default() };
    let media = Media::on(&Database::memory(), store.clone(), Arc::new(SystemClock), settings).await?;
    let ann = UserId::new("ann");

    let words = stream::iter([Ok("two places ".into()), Ok("are better than one".into())]).boxed();
    let kept = media.ingest(&ann, Source::Bytes(words), NewMedia::default()).await?;
    println!("{}: {} bytes, in {} and {}", kept.mime, kept.bytes, store.0.count(), store.1.count());

    let read = media.open(&ann, &kept.id, Some(0..10)).await?.bytes.try_collect::<Vec<_>>().await?.concat();
    println!("{}", String::from_utf8_lossy(&read));
    media.delete(&ann, &kept.id).await.map(drop)
}
