//! 08 · Images in your own program, without a server: stored in a folder, read by their id, deleted after their
//! retention.
//!
//!     cargo run -p jan-examples --bin 08_media_without_server [FOLDER]

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::TryStreamExt;
use jan_core::{Database, Result, SystemClock, UserId};
use jan_media::{Media, MediaResolver, MediaSettings, MediaUse, NewMedia, ObjectBlobs, Source, Want};

/// One red pixel.
const DOT: &str = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";

/// Media that your program still uses is not swept.
struct Album;

#[async_trait]
impl MediaUse for Album {
    async fn in_use(&self, _owner: &UserId, ids: &[String]) -> Result<HashSet<String>> {
        Ok(ids.iter().cloned().collect())
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "media".to_owned());
    // The index is in the app's database: in memory here, or `Database::open("sqlite:app.db")`.
    let (bytes, database) = (Arc::new(ObjectBlobs::folder(folder)?), Database::memory());
    let media = Media::on(&database, bytes, Arc::new(SystemClock), MediaSettings::default()).await?;
    let (ann, bob) = (UserId::new("ann"), UserId::new("bob"));

    let named = NewMedia { filename: Some("dot.png".to_owned()), ..NewMedia::default() };
    let dot = media.ingest(&ann, Source::DataUrl(DOT.to_owned()), named).await?;
    println!("{}: {} bytes, {:?} x {:?}", dot.mime, dot.bytes, dot.width, dot.height);

    // The same bytes are the same media for Ann. Bob gets his own id for the same stored file, and cannot see Ann's.
    let again = media.ingest(&ann, Source::DataUrl(DOT.to_owned()), NewMedia::default()).await?;
    let bobs = media.ingest(&bob, Source::DataUrl(DOT.to_owned()), NewMedia::default()).await?;
    println!("again: {}, Bob's: {}", again.id == dot.id, bobs.id == dot.id);

    // A range of the bytes, and the whole image as a data URL for a model.
    let start = media.open(&ann, &dot.id, Some(1..4)).await?.bytes.try_collect::<Vec<_>>().await?.concat();
    let resolved = media.resolve(&ann, std::slice::from_ref(&dot.id), Want::DataUrl).await?;
    let same = resolved.values().all(|one| one.url == DOT);
    println!("{}, the same: {same}", String::from_utf8_lossy(&start));

    media.sweep(&Album).await?;
    let gone = media.bulk_delete(&ann, &[dot.id, bobs.id.clone()]).await?;
    let there = media.get(&bob, &bobs.id).await.is_ok();
    println!("{} of Ann's deleted, and Bob's is still there: {there}", gone.len());
    media.delete(&bob, &bobs.id).await.map(drop)
}
