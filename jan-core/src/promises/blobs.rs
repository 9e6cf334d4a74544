//! The test suite of a [`BlobStore`].

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::{FutureExt, join_all};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{is_not_found, refused};
use crate::media::BlobStore;
use crate::{BoxStream, Error, ErrorKind, Result, id};

/// Runs the whole suite on `store`.
pub async fn blobs(store: Arc<dyn BlobStore>) {
    a_stored_blob_is_read_back(&*store).await;
    a_large_blob_is_read_in_pieces(&*store).await;
    ranges(&*store).await;
    a_deleted_blob_is_not_found(&*store).await;
    an_aborted_write_changes_nothing(&*store).await;
    many_writes_at_once(&*store).await;
    names_are_not_paths(&*store).await;
}

async fn a_stored_blob_is_read_back(store: &dyn BlobStore) {
    let key = key();
    is_not_found(store.get(&key, None).await.map(drop));
    assert_eq!(store.size(&key).await.unwrap(), None);
    for bytes in ["first", "", "the second is longer"] {
        assert_eq!(put(store, &key, bytes).await, bytes.len() as u64);
        assert_eq!(store.size(&key).await.unwrap(), Some(bytes.len() as u64));
        assert_eq!(read(store, &key, None).await, bytes, "the newest is there");
    }
    store.put(&key, stream::empty().boxed()).await.unwrap();
    assert_eq!(read(store, &key, None).await, "", "no piece at all is an empty blob");
    store.delete(&key).await.unwrap();
}

async fn a_large_blob_is_read_in_pieces(store: &dyn BlobStore) {
    let key = key();
    let all: Vec<u8> = (0..6 * 1024 * 1024 + 17u32).map(|n| (n % 251) as u8).collect();
    let mut rest = Bytes::from(all.clone());
    let pieces = (0..).map_while(move |n: usize| {
        let length = rest.len().min(1 + n * 7919 % 65_537);
        (!rest.is_empty()).then(|| Ok(rest.split_to(length)))
    });
    let length = store.put(&key, stream::iter(pieces).boxed()).await.unwrap();
    assert_eq!(length, all.len() as u64);
    assert!(read(store, &key, None).await == all, "the same bytes in the same order");
    let part = 5_000_001..5_300_007;
    assert!(read(store, &key, Some(part)).await == all[5_000_001..5_300_007]);
    store.delete(&key).await.unwrap();
}

async fn ranges(store: &dyn BlobStore) {
    let key = key();
    put(store, &key, "0123456789").await;
    for (range, bytes) in [(0..10, "0123456789"), (0..1, "0"), (3..7, "3456"), (9..10, "9"), (4..4, "")] {
        assert_eq!(read(store, &key, Some(range)).await, bytes);
    }
    for (range, bytes) in [(8..99, "89"), (0..u64::MAX, "0123456789"), (10..11, ""), (99..100, "")] {
        assert_eq!(read(store, &key, Some(range)).await, bytes, "only what there is");
    }
    put(store, &key, "").await;
    assert_eq!(read(store, &key, Some(0..5)).await, "");
    store.delete(&key).await.unwrap();
    for range in [0..5, 4..4] {
        is_not_found(store.get(&key, Some(range)).await.map(drop));
    }
}

async fn a_deleted_blob_is_not_found(store: &dyn BlobStore) {
    let (key, other) = (key(), key());
    put(store, &key, "x").await;
    put(store, &other, "y").await;
    store.delete(&key).await.unwrap();
    store.delete(&key).await.unwrap();
    is_not_found(store.get(&key, None).await.map(drop));
    assert_eq!(store.size(&key).await.unwrap(), None);
    assert_eq!(read(store, &other, None).await, "y");
    put(store, &key, "again").await;
    assert_eq!(read(store, &key, None).await, "again");
    store.delete(&key).await.unwrap();
    store.delete(&other).await.unwrap();
}

async fn an_aborted_write_changes_nothing(store: &dyn BlobStore) {
    let (old, new) = (key(), key());
    put(store, &old, "as it was").await;
    for pieces in [0, 1, 8] {
        let broken = || {
            let pieces = (0..pieces).map(|_| Ok(Bytes::from(vec![b'x'; 1024 * 1024])));
            let end = Error::new(ErrorKind::TooLarge, "That is enough.").with_code("enough");
            stream::iter(pieces.chain([Err(end)]).collect::<Vec<_>>())
        };
        for key in [&old, &new] {
            let error = refused(store.put(key, broken().boxed()).await, ErrorKind::TooLarge);
            assert_eq!(error.code(), "enough", "the stream's error comes out as it went in");
            let stuck = broken().take(pieces).chain(stream::pending()).boxed();
            assert!(store.put(key, stuck).now_or_never().is_none());
        }
    }
    assert_eq!(read(store, &old, None).await, "as it was");
    is_not_found(store.get(&new, None).await.map(drop));
    assert_eq!(store.size(&new).await.unwrap(), None);
    store.delete(&old).await.unwrap();
}

async fn many_writes_at_once(store: &dyn BlobStore) {
    let (one, keys) = (key(), (0..16).map(|_| key()).collect::<Vec<_>>());
    let text = |n: usize| n.to_string().repeat(50_000);
    join_all(keys.iter().enumerate().map(async |(n, key)| {
        put(store, key, &text(n)).await;
        put(store, &one, &text(n)).await;
    }))
    .await;
    for (n, key) in keys.iter().enumerate() {
        assert!(read(store, key, None).await == text(n));
        store.delete(key).await.unwrap();
    }
    let last = read(store, &one, None).await;
    assert!((0..keys.len()).any(|n| last == text(n)), "one of them, whole");
    store.delete(&one).await.unwrap();
}

async fn names_are_not_paths(store: &dyn BlobStore) {
    let base = id::short("");
    let ends = [
        "", "/", "/b", "/../b", "//b", "\\b", ".", "..", ".tmp", "#1", "%2Fb", "é😀", " ", ":b", "?x=1",
        "=2F",
    ];
    let mut keys: Vec<_> = ends.iter().map(|end| format!("{base}{end}")).collect();
    keys.extend([
        format!("../{base}"),
        format!("/{base}"),
        format!("./{base}"),
        "x".repeat(64),
        ".".into(),
        "..".into(),
    ]);
    for key in &keys {
        put(store, key, key).await;
    }
    for key in &keys {
        assert_eq!(read(store, key, None).await, key.as_str(), "each has its own");
        store.delete(key).await.unwrap();
    }
    for key in &keys {
        assert_eq!(store.size(key).await.unwrap(), None);
    }
    refused(store.put("", pieces("x")).await, ErrorKind::Invalid);
}

fn key() -> String {
    id::short("blob_")
}

fn pieces(text: &str) -> BoxStream<Result<Bytes>> {
    let pieces: Vec<_> =
        text.as_bytes().chunks(7919).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    stream::iter(pieces).boxed()
}

async fn put(store: &dyn BlobStore, key: &str, text: &str) -> u64 {
    store.put(key, pieces(text)).await.unwrap()
}

async fn read(store: &dyn BlobStore, key: &str, range: Option<Range<u64>>) -> Bytes {
    let pieces: Vec<Bytes> = store.get(key, range).await.unwrap().try_collect().await.unwrap();
    pieces.concat().into()
}
