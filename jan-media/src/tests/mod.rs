//! The room as a whole, on memory and on a folder. Here is the house that the tests live in, and what can go wrong in it.

mod kept;
mod links;
mod sweeping;
mod trouble;
mod uploads;

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use jan_core::clock::MovedClock;
use jan_core::media::{BlobStore, MediaObject, MediaUse, NewMedia};
use jan_core::page::PageRequest;
use jan_core::record::{self, RecordStore};
use jan_core::{BoxStream, Database, Result, UserId};
use sha2::{Digest, Sha256};
use trouble::{Shaky, Trouble};

use crate::{Media, MediaSettings, MemoryBlobs, Source};

pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A picture of this size, as far as anybody here looks.
pub(crate) fn png(width: u32, height: u32, rest: &[u8]) -> Vec<u8> {
    let (width, height) = (width.to_be_bytes(), height.to_be_bytes());
    [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", &width[..], &height, b"\x08\x02\0\0\0", rest].concat()
}

pub(crate) fn me() -> UserId {
    UserId::new("me")
}

pub(crate) fn you() -> UserId {
    UserId::new("you")
}

pub(crate) struct House {
    pub(crate) media: Media,
    pub(crate) blobs: Arc<dyn BlobStore>,
    pub(crate) records: Arc<dyn RecordStore>,
    pub(crate) clock: MovedClock,
    pub(crate) trouble: Trouble,
}

/// Records in memory, where nothing is waited for.
pub(crate) fn memory_records() -> Arc<dyn RecordStore> {
    record::on(&Database::memory()).now_or_never().unwrap().unwrap()
}

pub(crate) fn house() -> House {
    house_of(Arc::new(MemoryBlobs::new()), MediaSettings::default())
}

pub(crate) fn house_of(blobs: Arc<dyn BlobStore>, settings: MediaSettings) -> House {
    let (trouble, clock) = (Trouble::default(), MovedClock::at(1_700_000_000));
    let records = memory_records();
    let shaky_blobs = Arc::new(Shaky { store: blobs.clone(), trouble: trouble.clone() });
    let shaky_records = Arc::new(Shaky { store: records.clone(), trouble: trouble.clone() });
    let media = Media::new(shaky_blobs, shaky_records, Arc::new(clock.clone()), settings);
    House { media, blobs, records, clock, trouble }
}

/// Bytes in pieces of seven.
pub(crate) fn pieces(bytes: &[u8]) -> BoxStream<Result<Bytes>> {
    let pieces: Vec<_> = bytes.chunks(7).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    stream::iter(pieces).boxed()
}

/// What somebody shows.
pub(crate) struct Shows(pub(crate) HashSet<String>);

#[async_trait]
impl MediaUse for Shows {
    async fn in_use(&self, _: &UserId, ids: &[String]) -> Result<HashSet<String>> {
        Ok(ids.iter().filter(|id| self.0.contains(*id)).cloned().collect())
    }
}

pub(crate) fn nothing() -> Shows {
    Shows(HashSet::new())
}

impl House {
    pub(crate) async fn keep(&self, owner: &UserId, bytes: &[u8]) -> Result<MediaObject> {
        self.media.ingest(owner, Source::Bytes(pieces(bytes)), NewMedia::default()).await
    }

    pub(crate) async fn read(&self, owner: &UserId, id: &str) -> Result<Vec<u8>> {
        let pieces: Vec<Bytes> = self.media.open(owner, id, None).await?.bytes.try_collect().await?;
        Ok(pieces.concat())
    }

    /// Everything is as it should be after a sweep: every row has its bytes, and nothing else is there.
    pub(crate) async fn audit(&self) {
        let mut blobs = BTreeSet::new();
        let mut rows = 0;
        for owner in [me(), you()] {
            for row in self.media.rows.all(&owner, None).await.unwrap() {
                assert!(!row.body.ended, "what was begun to be deleted is");
                let bytes = self.read(&owner, &row.id).await.unwrap();
                let hash = hex::encode(Sha256::digest(&bytes));
                assert_eq!((&hash, bytes.len() as u64), (&row.body.sha256, row.body.bytes));
                blobs.insert(row.body.blob);
                rows += 1;
            }
        }
        let all = self.records.everything(&UserId::system("media"), None, 1000).await.unwrap();
        let of = |kind| {
            let of_kind = all.iter().filter(|record| record.kind == kind);
            of_kind.map(|record| record.id.clone()).collect::<BTreeSet<_>>()
        };
        assert_eq!(of("media_blob"), blobs, "the blobs are those of the rows");
        assert_eq!(of("media_claim").len(), rows, "a claim for each");
        for blob in of("media_blob") {
            assert!(self.blobs.size(&blob).await.unwrap().is_some());
        }
        assert_eq!(self.trouble.stored(), blobs, "no bytes but those");
    }
}
