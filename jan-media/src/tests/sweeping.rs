//! What goes by itself, and what does not.

use futures_util::FutureExt;
use jan_core::{Error, ErrorKind};

use super::*;
use crate::Swept;

#[tokio::test]
async fn what_is_past_its_time_goes_unless_it_is_shown() {
    let house = house();
    let mut kept = Vec::new();
    for n in 0..150u8 {
        kept.push(house.keep(&me(), &png(1, 1, &[n])).await.unwrap().id);
    }
    let yours = house.keep(&you(), &png(1, 1, &[0])).await.unwrap();
    house.clock.advance(29 * DAY);
    assert_eq!(house.media.sweep(&nothing()).await.unwrap(), Swept::default());
    house.audit().await;
    // Brought again on the last day.
    house.keep(&me(), &png(1, 1, &[1])).await.unwrap();

    house.clock.advance(2 * DAY);
    let shown = Shows([kept[2].clone(), kept[120].clone()].into());
    let swept = house.media.sweep(&shown).await.unwrap();
    assert_eq!(swept, Swept { expired: 148, unfinished: 0, still_shown: 2 });
    house.audit().await;
    assert_eq!(house.media.list(&me(), &PageRequest::default()).await.unwrap().items.len(), 3);
    assert!(house.media.get(&you(), &yours.id).await.is_err());
    house.read(&me(), &kept[120]).await.unwrap();
    assert_eq!(house.media.sweep(&shown).await.unwrap(), Swept::default(), "not looked at twice a day");

    house.clock.advance(DAY);
    assert_eq!(house.media.sweep(&nothing()).await.unwrap().expired, 2);
    house.audit().await;
}

#[tokio::test]
async fn nothing_goes_while_nobody_can_say_what_is_shown() {
    struct Broken;
    #[async_trait]
    impl MediaUse for Broken {
        async fn in_use(&self, owner: &UserId, _: &[String]) -> Result<HashSet<String>> {
            if *owner == me() { Err(Error::unavailable("no database")) } else { Ok(HashSet::new()) }
        }
    }
    let house = house();
    let mine = house.keep(&me(), &png(1, 1, b"a")).await.unwrap();
    house.keep(&you(), &png(1, 1, b"b")).await.unwrap();
    house.clock.advance(31 * DAY);
    let error = house.media.sweep(&Broken).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    house.read(&me(), &mine.id).await.unwrap();
    assert_eq!(house.trouble.stored().len(), 1, "what it did not concern is gone");
    house.media.sweep(&nothing()).await.unwrap();
    house.audit().await;
}

#[tokio::test]
async fn what_was_dropped_in_the_middle_goes() {
    let house = house();
    let stuck = pieces(&png(1, 1, b"x")).chain(stream::pending()).boxed();
    let begun = house.media.ingest(&me(), Source::Bytes(stuck), NewMedia::default()).now_or_never();
    assert!(begun.is_none());
    house.media.sweep(&nothing()).await.unwrap();
    house.clock.advance(60 * MINUTE);
    assert_eq!(house.media.sweep(&nothing()).await.unwrap().unfinished, 1);
    house.audit().await;
}

#[tokio::test]
async fn bytes_go_after_an_owner_who_was_taken_away_whole() {
    let settings = MediaSettings { retention: None, ..MediaSettings::default() };
    let house = house_of(Arc::new(MemoryBlobs::new()), settings);
    let kept = house.keep(&me(), &png(1, 1, b"x")).await.unwrap();
    house.keep(&you(), &png(1, 1, b"x")).await.unwrap();
    assert_eq!(kept.retention_until, None);
    house.clock.advance(365 * DAY);
    house.media.sweep(&nothing()).await.unwrap();
    house.records.delete_owner(&me()).await.unwrap();
    house.clock.advance(365 * DAY);
    house.media.sweep(&nothing()).await.unwrap();
    house.audit().await;
    house.records.delete_owner(&you()).await.unwrap();
    house.clock.advance(365 * DAY);
    house.media.sweep(&nothing()).await.unwrap();
    house.audit().await;
    assert!(house.trouble.stored().is_empty());
}
