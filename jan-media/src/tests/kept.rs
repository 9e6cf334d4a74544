//! What comes in, and whose it is.

use jan_core::ErrorKind;
use jan_core::media::MediaSink;

use super::*;
use crate::{Fetch, Fetched};

async fn is_kept(house: House) {
    let bytes = png(30, 40, b"a picture");
    let new = NewMedia { filename: Some("C:\\pictures\\a\n b.png".into()), ..NewMedia::default() };
    let kept = house.media.keep(&me(), pieces(&bytes), new).await.unwrap();
    assert!(jan_core::media::is_media_id(&kept.id), "{kept:?}");
    assert_eq!((kept.mime.as_str(), kept.bytes, kept.deduped), ("image/png", bytes.len() as u64, false));
    assert_eq!((kept.width, kept.height, kept.filename.as_deref()), (Some(30), Some(40), Some("a b.png")));
    assert_eq!(kept.retention_until, Some(1_700_000_000_000 + 30 * 24 * 60 * 60 * 1000));

    assert_eq!(house.media.get(&me(), &kept.id).await.unwrap(), kept);
    assert_eq!(house.read(&me(), &kept.id).await.unwrap(), bytes);
    let part = house.media.open(&me(), &kept.id, Some(2..9)).await.unwrap();
    assert_eq!(part.bytes.try_collect::<Vec<_>>().await.unwrap().concat(), bytes[2..9]);

    house.clock.advance(DAY);
    let again = house.keep(&me(), &bytes).await.unwrap();
    assert_eq!(
        (again.id.as_str(), again.deduped, again.created_at),
        (kept.id.as_str(), true, kept.created_at)
    );
    assert!(again.retention_until > kept.retention_until, "it is kept as long as if it were new");

    let other = house.keep(&me(), &png(1, 1, b"")).await.unwrap();
    let list = house.media.list(&me(), &PageRequest::default()).await.unwrap().items;
    assert_eq!(list.iter().map(|media| &media.id).collect::<Vec<_>>(), [&other.id, &kept.id]);
    house.audit().await;

    house.media.delete(&me(), &kept.id).await.unwrap();
    for gone in [house.media.delete(&me(), &kept.id).await, house.media.get(&me(), &kept.id).await] {
        assert_eq!(gone.unwrap_err().kind(), ErrorKind::NotFound);
    }
    house.audit().await;
    let ids = [other.id.clone(), kept.id, "jan_nope".into()];
    assert_eq!(house.media.bulk_delete(&me(), &ids).await.unwrap(), [other.id]);
    house.audit().await;
    assert!(house.trouble.stored().is_empty());
}

#[tokio::test]
async fn memory_keeps_media() {
    is_kept(house()).await;
}

#[cfg(feature = "folder")]
#[tokio::test]
async fn a_folder_keeps_media() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Arc::new(crate::ObjectBlobs::folder(folder.path()).unwrap());
    is_kept(house_of(blobs, MediaSettings::default())).await;
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn two_owners_of_the_same_bytes_know_nothing_of_each_other() {
    let house = house();
    let bytes = png(3, 4, b"the same");
    let mine = house.keep(&me(), &bytes).await.unwrap();
    let yours = house.keep(&you(), &bytes).await.unwrap();
    assert!(mine.id != yours.id && !yours.deduped, "as if nobody had it");
    let same = MediaObject { id: mine.id.clone(), ..yours.clone() };
    assert_eq!(same, mine, "and nothing in it tells");
    assert_eq!(house.trouble.stored().len(), 1, "one blob");
    house.audit().await;

    for wrong in [
        house.media.get(&you(), &mine.id).await.map(drop),
        house.read(&you(), &mine.id).await.map(drop),
        house.media.delete(&you(), &mine.id).await.map(drop),
        house.media.set_public(&you(), &mine.id, true).await.map(drop),
        house.media.links(&you(), std::slice::from_ref(&mine.id), None).await.map(drop),
    ] {
        assert_eq!(wrong.unwrap_err().kind(), ErrorKind::NotFound);
    }
    house.media.delete(&me(), &mine.id).await.unwrap();
    assert_eq!(house.read(&you(), &yours.id).await.unwrap(), bytes, "one's deletion keeps the other's");
    house.audit().await;
    let back = house.keep(&me(), &bytes).await.unwrap();
    assert!(!back.deduped && back.id != mine.id, "it is new again");
    assert_eq!(house.media.delete_all(&me()).await.unwrap(), 1);
    assert_eq!(house.media.delete_all(&you()).await.unwrap(), 1);
    house.audit().await;
    assert!(house.trouble.stored().is_empty());
}

#[tokio::test]
async fn many_come_and_go_at_once() {
    for round in 0..150u8 {
        let house = house();
        house.trouble.shuffle(round.into());
        let bytes = png(2, 2, &[round]);
        house.keep(&me(), &bytes).await.unwrap();
        let come_and_go = async |owner: UserId, times: usize| {
            for _ in 0..times {
                let kept = house.keep(&owner, &bytes).await.unwrap();
                // Somebody else of the same owner may be faster.
                let _ = house.read(&owner, &kept.id).await;
                let _ = house.media.delete(&owner, &kept.id).await;
            }
            house.keep(&owner, &bytes).await.unwrap();
        };
        tokio::join!(
            come_and_go(me(), 2),
            come_and_go(you(), 3),
            come_and_go(me(), usize::from(round % 3)),
            come_and_go(you(), 1)
        );
        house.clock.advance(2 * 60 * MINUTE);
        house.media.sweep(&nothing()).await.unwrap();
        house.audit().await;
    }
}

#[tokio::test]
async fn what_is_not_taken_leaves_nothing() {
    let house = house();
    let large = png(1, 1, &vec![0; 21 * 1024 * 1024]);
    let broken = stream::iter([Ok(Bytes::from(png(1, 1, b""))), Err(jan_core::Error::upstream("cut"))]);
    let long = NewMedia { filename: Some("x".repeat(300)), ..NewMedia::default() };
    let said = NewMedia { mime: Some("audio/wav".into()), ..NewMedia::default() };
    let (whole, new) = (png(1, 1, b""), NewMedia::default());
    for (source, new, kind) in [
        (Source::Bytes(stream::iter([Ok(large.into())]).boxed()), new.clone(), ErrorKind::TooLarge),
        (Source::Bytes(pieces(b"")), new.clone(), ErrorKind::Invalid),
        (Source::Bytes(pieces(b"some text")), new.clone(), ErrorKind::UnsupportedMediaType),
        (Source::Bytes(pieces(b"<svg xmlns=''>")), new.clone(), ErrorKind::UnsupportedMediaType),
        (Source::Bytes(pieces(&whole)), said, ErrorKind::UnsupportedMediaType),
        (Source::Bytes(pieces(&png(60_000, 60_000, b""))), new.clone(), ErrorKind::Unprocessable),
        (Source::Bytes(broken.boxed()), new.clone(), ErrorKind::Upstream),
        (Source::Bytes(pieces(&whole)), long, ErrorKind::Invalid),
        (Source::DataUrl("data:image/png;base64,!".into()), new.clone(), ErrorKind::Invalid),
        (
            Source::DataUrl("data:image/jpeg;base64,aGVsbG8=".into()),
            new.clone(),
            ErrorKind::UnsupportedMediaType,
        ),
        (Source::Remote("https://x/".into()), new.clone(), ErrorKind::NotImplemented),
    ] {
        assert_eq!(house.media.ingest(&me(), source, new).await.unwrap_err().kind(), kind);
        house.audit().await;
    }
    let slow = house.clock.clone();
    let slow = pieces(&whole).inspect(move |_| slow.advance(10 * MINUTE)).boxed();
    let error = house.media.ingest(&me(), Source::Bytes(slow), new).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "it would have met the sweeper");
    house.audit().await;
}

#[tokio::test]
async fn data_urls_and_addresses_lead_in() {
    struct Web;
    #[async_trait]
    impl Fetch for Web {
        async fn fetch(&self, url: &str, max_bytes: u64) -> Result<Fetched> {
            assert_eq!((url, max_bytes), ("https://x/a.png", 20 * 1024 * 1024));
            Ok(Fetched { content_type: Some("image/png; q=1".into()), bytes: pieces(&png(5, 6, b"far")) })
        }
    }
    let house = house();
    let media = house.media.clone().fetch(Arc::new(Web));
    let far =
        media.ingest(&me(), Source::Remote("https://x/a.png".into()), NewMedia::default()).await.unwrap();
    assert_eq!((far.width, far.height), (Some(5), Some(6)));

    use base64::Engine;
    let url = base64::engine::general_purpose::STANDARD.encode(png(5, 6, b"far"));
    let url = format!("data:image/png;base64,{url}");
    let near = media.ingest(&me(), Source::DataUrl(url), NewMedia::default()).await.unwrap();
    assert!(near.deduped && near.id == far.id);
    house.audit().await;
}
