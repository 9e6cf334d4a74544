//! Tests of the whole crate, with stores in memory and in a folder. This module has the setup that the tests share;
//! `faults` has stores that fail on demand.

mod faults;
mod kept;
mod links;
mod sweeping;
mod uploads;

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use faults::{Faults, Faulty};
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use jan_core::clock::MovedClock;
use jan_core::media::{BlobStore, MediaObject, MediaUse, NewMedia};
use jan_core::page::PageRequest;
use jan_core::record::{self, RecordStore};
use jan_core::{BoxStream, Database, Result, UserId};
use sha2::{Digest, Sha256};

use crate::{Media, MediaSettings, MemoryBlobs, Source};

pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The header of a PNG with this width and height, followed by `rest`.
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

pub(crate) struct Setup {
    pub(crate) media: Media,
    pub(crate) blobs: Arc<dyn BlobStore>,
    pub(crate) records: Arc<dyn RecordStore>,
    pub(crate) clock: MovedClock,
    pub(crate) faults: Faults,
}

/// A record store in memory, whose futures are ready at once.
pub(crate) fn memory_records() -> Arc<dyn RecordStore> {
    record::on(&Database::memory()).now_or_never().unwrap().unwrap()
}

pub(crate) fn setup() -> Setup {
    setup_with(Arc::new(MemoryBlobs::new()), MediaSettings::default())
}

pub(crate) fn setup_with(blobs: Arc<dyn BlobStore>, settings: MediaSettings) -> Setup {
    let (faults, clock) = (Faults::default(), MovedClock::at(1_700_000_000));
    let records = memory_records();
    let faulty_blobs = Arc::new(Faulty { store: blobs.clone(), faults: faults.clone() });
    let faulty_records = Arc::new(Faulty { store: records.clone(), faults: faults.clone() });
    let media = Media::new(faulty_blobs, faulty_records, Arc::new(clock.clone()), settings);
    Setup { media, blobs, records, clock, faults }
}

/// A stream of the bytes in pieces of seven bytes.
pub(crate) fn pieces(bytes: &[u8]) -> BoxStream<Result<Bytes>> {
    let pieces: Vec<_> = bytes.chunks(7).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    stream::iter(pieces).boxed()
}

/// The ids of media that is in use.
pub(crate) struct InUse(pub(crate) HashSet<String>);

#[async_trait]
impl MediaUse for InUse {
    async fn in_use(&self, _: &UserId, ids: &[String]) -> Result<HashSet<String>> {
        Ok(ids.iter().filter(|id| self.0.contains(*id)).cloned().collect())
    }
}

pub(crate) fn nothing_in_use() -> InUse {
    InUse(HashSet::new())
}

impl Setup {
    pub(crate) async fn keep(&self, owner: &UserId, bytes: &[u8]) -> Result<MediaObject> {
        self.media.ingest(owner, Source::Bytes(pieces(bytes)), NewMedia::default()).await
    }

    pub(crate) async fn read(&self, owner: &UserId, id: &str) -> Result<Vec<u8>> {
        let pieces: Vec<Bytes> = self.media.open(owner, id, None).await?.bytes.try_collect().await?;
        Ok(pieces.concat())
    }

    /// Asserts the state that a sweep must leave: every row has its bytes, and there are no other bytes, blobs and
    /// claims.
    pub(crate) async fn audit(&self) {
        let mut blobs = BTreeSet::new();
        let mut rows = 0;
        for owner in [me(), you()] {
            for row in self.media.rows.all(&owner, None).await.unwrap() {
                assert!(!row.body.ended, "a deletion that was begun is finished");
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
        assert_eq!(of("media_blob"), blobs, "there are blobs for the rows and no others");
        assert_eq!(of("media_claim").len(), rows, "there is one claim for each row");
        for blob in of("media_blob") {
            assert!(self.blobs.size(&blob).await.unwrap().is_some());
        }
        assert_eq!(self.faults.stored(), blobs, "there are no other bytes");
    }
}
