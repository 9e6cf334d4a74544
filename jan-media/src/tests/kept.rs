//! Storing media, and who owns it.

use jan_core::ErrorKind;
use jan_core::media::MediaSink;

use super::*;
use crate::{Fetch, Fetched};

async fn stores_media(setup: Setup) {
    let bytes = png(30, 40, b"a picture");
    let new = NewMedia { filename: Some("C:\\pictures\\a\n b.png".into()), ..NewMedia::default() };
    let kept = setup.media.keep(&me(), pieces(&bytes), new).await.unwrap();
    assert!(jan_core::media::is_media_id(&kept.id), "{kept:?}");
    assert_eq!((kept.mime.as_str(), kept.bytes, kept.deduped), ("image/png", bytes.len() as u64, false));
    assert_eq!((kept.width, kept.height, kept.filename.as_deref()), (Some(30), Some(40), Some("a b.png")));
    assert_eq!(kept.retention_until, Some(1_700_000_000_000 + 30 * 24 * 60 * 60 * 1000));

    assert_eq!(setup.media.get(&me(), &kept.id).await.unwrap(), kept);
    assert_eq!(setup.read(&me(), &kept.id).await.unwrap(), bytes);
    let part = setup.media.open(&me(), &kept.id, Some(2..9)).await.unwrap();
    assert_eq!(part.bytes.try_collect::<Vec<_>>().await.unwrap().concat(), bytes[2..9]);

    setup.clock.advance(DAY);
    let again = setup.keep(&me(), &bytes).await.unwrap();
    assert_eq!(
        (again.id.as_str(), again.deduped, again.created_at),
        (kept.id.as_str(), true, kept.created_at)
    );
    assert!(again.retention_until > kept.retention_until, "its retention time starts anew");

    let other = setup.keep(&me(), &png(1, 1, b"")).await.unwrap();
    let list = setup.media.list(&me(), &PageRequest::default()).await.unwrap().items;
    assert_eq!(list.iter().map(|media| &media.id).collect::<Vec<_>>(), [&other.id, &kept.id]);
    setup.audit().await;

    setup.media.delete(&me(), &kept.id).await.unwrap();
    for gone in [setup.media.delete(&me(), &kept.id).await, setup.media.get(&me(), &kept.id).await] {
        assert_eq!(gone.unwrap_err().kind(), ErrorKind::NotFound);
    }
    setup.audit().await;
    let ids = [other.id.clone(), kept.id, "jan_nope".into()];
    assert_eq!(setup.media.bulk_delete(&me(), &ids).await.unwrap(), [other.id]);
    setup.audit().await;
    assert!(setup.faults.stored().is_empty());
}

#[tokio::test]
async fn media_is_stored_with_blobs_in_memory() {
    stores_media(setup()).await;
}

#[cfg(feature = "folder")]
#[tokio::test]
async fn media_is_stored_with_blobs_in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Arc::new(crate::ObjectBlobs::folder(folder.path()).unwrap());
    stores_media(setup_with(blobs, MediaSettings::default())).await;
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn owners_of_the_same_bytes_cannot_notice_each_other() {
    let setup = setup();
    let bytes = png(3, 4, b"the same");
    let mine = setup.keep(&me(), &bytes).await.unwrap();
    let yours = setup.keep(&you(), &bytes).await.unwrap();
    assert!(mine.id != yours.id && !yours.deduped, "the second owner cannot see that the bytes existed");
    let same = MediaObject { id: mine.id.clone(), ..yours.clone() };
    assert_eq!(same, mine, "the first owner's media is unchanged");
    assert_eq!(setup.faults.stored().len(), 1, "one blob");
    setup.audit().await;

    for wrong in [
        setup.media.get(&you(), &mine.id).await.map(drop),
        setup.read(&you(), &mine.id).await.map(drop),
        setup.media.delete(&you(), &mine.id).await.map(drop),
        setup.media.set_public(&you(), &mine.id, true).await.map(drop),
        setup.media.links(&you(), std::slice::from_ref(&mine.id), None).await.map(drop),
    ] {
        assert_eq!(wrong.unwrap_err().kind(), ErrorKind::NotFound);
    }
    setup.media.delete(&me(), &mine.id).await.unwrap();
    assert_eq!(
        setup.read(&you(), &yours.id).await.unwrap(),
        bytes,
        "a deletion by one owner keeps the other's media"
    );
    setup.audit().await;
    let back = setup.keep(&me(), &bytes).await.unwrap();
    assert!(!back.deduped && back.id != mine.id, "after a deletion, the bytes are new");
    assert_eq!(setup.media.delete_all(&me()).await.unwrap(), 1);
    assert_eq!(setup.media.delete_all(&you()).await.unwrap(), 1);
    setup.audit().await;
    assert!(setup.faults.stored().is_empty());
}

#[tokio::test]
async fn objects_are_stored_and_deleted_concurrently() {
    for round in 0..150u8 {
        let setup = setup();
        setup.faults.shuffle(round.into());
        let bytes = png(2, 2, &[round]);
        setup.keep(&me(), &bytes).await.unwrap();
        let come_and_go = async |owner: UserId, times: usize| {
            for _ in 0..times {
                let kept = setup.keep(&owner, &bytes).await.unwrap();
                // Another task of the same owner may have been faster.
                let _ = setup.read(&owner, &kept.id).await;
                let _ = setup.media.delete(&owner, &kept.id).await;
            }
            setup.keep(&owner, &bytes).await.unwrap();
        };
        tokio::join!(
            come_and_go(me(), 2),
            come_and_go(you(), 3),
            come_and_go(me(), usize::from(round % 3)),
            come_and_go(you(), 1)
        );
        setup.clock.advance(2 * 60 * MINUTE);
        setup.media.sweep(&nothing_in_use()).await.unwrap();
        setup.audit().await;
    }
}

#[tokio::test]
async fn a_refused_upload_leaves_nothing() {
    let setup = setup();
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
        assert_eq!(setup.media.ingest(&me(), source, new).await.unwrap_err().kind(), kind);
        setup.audit().await;
    }
    let slow = setup.clock.clone();
    let slow = pieces(&whole).inspect(move |_| slow.advance(10 * MINUTE)).boxed();
    let error = setup.media.ingest(&me(), Source::Bytes(slow), new).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "the sweep could have deleted it meanwhile");
    setup.audit().await;
}

#[tokio::test]
async fn data_urls_and_addresses_are_accepted_as_sources() {
    struct Web;
    #[async_trait]
    impl Fetch for Web {
        async fn fetch(&self, url: &str, max_bytes: u64) -> Result<Fetched> {
            assert_eq!((url, max_bytes), ("https://x/a.png", 20 * 1024 * 1024));
            Ok(Fetched { content_type: Some("image/png; q=1".into()), bytes: pieces(&png(5, 6, b"far")) })
        }
    }
    let setup = setup();
    let media = setup.media.clone().fetch(Arc::new(Web));
    let far =
        media.ingest(&me(), Source::Remote("https://x/a.png".into()), NewMedia::default()).await.unwrap();
    assert_eq!((far.width, far.height), (Some(5), Some(6)));

    use base64::Engine;
    let url = base64::engine::general_purpose::STANDARD.encode(png(5, 6, b"far"));
    let url = format!("data:image/png;base64,{url}");
    let near = media.ingest(&me(), Source::DataUrl(url), NewMedia::default()).await.unwrap();
    assert!(near.deduped && near.id == far.id);
    setup.audit().await;
}
