//! What a sweep deletes and what it keeps.

use futures_util::FutureExt;
use jan_core::{Error, ErrorKind};

use super::*;
use crate::Swept;

#[tokio::test]
async fn expired_media_is_deleted_unless_it_is_in_use() {
    let setup = setup();
    let mut kept = Vec::new();
    for n in 0..150u8 {
        kept.push(setup.keep(&me(), &png(1, 1, &[n])).await.unwrap().id);
    }
    let yours = setup.keep(&you(), &png(1, 1, &[0])).await.unwrap();
    setup.clock.advance(29 * DAY);
    assert_eq!(setup.media.sweep(&nothing_in_use()).await.unwrap(), Swept::default());
    setup.audit().await;
    // The same bytes are stored again on the last day.
    setup.keep(&me(), &png(1, 1, &[1])).await.unwrap();

    setup.clock.advance(2 * DAY);
    let in_use = InUse([kept[2].clone(), kept[120].clone()].into());
    let swept = setup.media.sweep(&in_use).await.unwrap();
    assert_eq!(swept, Swept { expired: 148, unfinished: 0, still_shown: 2 });
    setup.audit().await;
    assert_eq!(setup.media.list(&me(), &PageRequest::default()).await.unwrap().items.len(), 3);
    assert!(setup.media.get(&you(), &yours.id).await.is_err());
    setup.read(&me(), &kept[120]).await.unwrap();
    assert_eq!(
        setup.media.sweep(&in_use).await.unwrap(),
        Swept::default(),
        "media in use is checked only once a day"
    );

    setup.clock.advance(DAY);
    assert_eq!(setup.media.sweep(&nothing_in_use()).await.unwrap().expired, 2);
    setup.audit().await;
}

#[tokio::test]
async fn nothing_is_deleted_when_the_use_is_unknown() {
    struct Broken;
    #[async_trait]
    impl MediaUse for Broken {
        async fn in_use(&self, owner: &UserId, _: &[String]) -> Result<HashSet<String>> {
            if *owner == me() { Err(Error::unavailable("no database")) } else { Ok(HashSet::new()) }
        }
    }
    let setup = setup();
    let mine = setup.keep(&me(), &png(1, 1, b"a")).await.unwrap();
    setup.keep(&you(), &png(1, 1, b"b")).await.unwrap();
    setup.clock.advance(31 * DAY);
    let error = setup.media.sweep(&Broken).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    setup.read(&me(), &mine.id).await.unwrap();
    assert_eq!(setup.faults.stored().len(), 1, "media that the error did not concern is deleted");
    setup.media.sweep(&nothing_in_use()).await.unwrap();
    setup.audit().await;
}

#[tokio::test]
async fn an_upload_dropped_in_the_middle_is_swept() {
    let setup = setup();
    let stuck = pieces(&png(1, 1, b"x")).chain(stream::pending()).boxed();
    let begun = setup.media.ingest(&me(), Source::Bytes(stuck), NewMedia::default()).now_or_never();
    assert!(begun.is_none());
    setup.media.sweep(&nothing_in_use()).await.unwrap();
    setup.clock.advance(60 * MINUTE);
    assert_eq!(setup.media.sweep(&nothing_in_use()).await.unwrap().unfinished, 1);
    setup.audit().await;
}

#[tokio::test]
async fn the_bytes_of_an_erased_owner_are_swept() {
    let settings = MediaSettings { retention: None, ..MediaSettings::default() };
    let setup = setup_with(Arc::new(MemoryBlobs::new()), settings);
    let kept = setup.keep(&me(), &png(1, 1, b"x")).await.unwrap();
    setup.keep(&you(), &png(1, 1, b"x")).await.unwrap();
    assert_eq!(kept.retention_until, None);
    setup.clock.advance(365 * DAY);
    setup.media.sweep(&nothing_in_use()).await.unwrap();
    setup.records.delete_owner(&me()).await.unwrap();
    setup.clock.advance(365 * DAY);
    setup.media.sweep(&nothing_in_use()).await.unwrap();
    setup.audit().await;
    setup.records.delete_owner(&you()).await.unwrap();
    setup.clock.advance(365 * DAY);
    setup.media.sweep(&nothing_in_use()).await.unwrap();
    setup.audit().await;
    assert!(setup.faults.stored().is_empty());
}
