//! Links to media, and ids that are resolved.

use jan_core::ErrorKind;
use jan_core::media::{MediaResolver, Want};

use super::*;
use crate::Token;

fn linked() -> Setup {
    let settings =
        MediaSettings { links: "https://jan/m/".into(), max_resolved: 100, ..MediaSettings::default() };
    setup_with(Arc::new(MemoryBlobs::new()), settings)
}

/// The id and the token of one of our links.
pub(super) fn parts<'a>(url: &'a str, base: &str) -> (&'a str, Token<'a>) {
    let (id, rest) = url.strip_prefix(base).unwrap().split_once("?exp=").unwrap();
    let (exp, sig) = rest.split_once("&sig=").unwrap();
    (id, Token { exp: exp.parse().unwrap(), sig })
}

#[tokio::test]
async fn a_link_is_readable_until_it_expires() {
    let setup = linked();
    let kept = setup.keep(&me(), &png(1, 2, b"x")).await.unwrap();
    let ids = [kept.id.clone()];
    let link = setup.media.links(&me(), &ids, Some(MINUTE)).await.unwrap().remove(0);
    assert_eq!(link.expires_at, 1_700_000_060_000);
    let (id, token) = parts(&link.url, "https://jan/m/");
    assert_eq!(id, kept.id);
    let opened = setup.media.open_shared(id, Some(token), None).await.unwrap();
    assert_eq!(opened.object, kept);
    let kind = async |id: &str, token| {
        setup.media.open_shared(id, token, None).await.err().map(|error| error.kind())
    };
    assert_eq!(kind(id, None).await, Some(ErrorKind::NotFound), "it is not public");
    assert_eq!(kind(id, Some(Token { exp: token.exp + 1, ..token })).await, Some(ErrorKind::Forbidden));

    setup.media.set_public(&me(), id, true).await.unwrap();
    assert_eq!(kind(id, None).await, None);
    setup.media.set_public(&me(), id, false).await.unwrap();
    assert_eq!(kind(id, None).await, Some(ErrorKind::NotFound));
    assert_eq!(kind(id, Some(token)).await, None);
    setup.clock.advance(MINUTE);
    assert_eq!(kind(id, Some(token)).await, Some(ErrorKind::Forbidden));
    let link = setup.media.links(&me(), &ids, None).await.unwrap().remove(0);
    let (id, token) = parts(&link.url, "https://jan/m/");
    setup.media.delete(&me(), id).await.unwrap();
    assert_eq!(
        kind(id, Some(token)).await,
        Some(ErrorKind::NotFound),
        "a link ends when its media is deleted"
    );
    setup.audit().await;

    let public = NewMedia { public: true, ..NewMedia::default() };
    let public = setup.media.ingest(&me(), Source::Bytes(pieces(&png(1, 2, b"x"))), public).await.unwrap();
    assert!(public.public);
    assert_eq!(kind(&public.id, None).await, None);
}

#[tokio::test]
async fn either_all_ids_are_resolved_or_none() {
    let setup = linked();
    let (mut ids, mut pictures) = (Vec::new(), Vec::new());
    for n in 0..3 {
        pictures.push(png(1, 2, &vec![b'x'; n]));
        ids.push(setup.keep(&me(), &pictures[n]).await.unwrap().id);
    }
    use base64::Engine;
    let resolved = setup.media.resolve(&me(), &ids, Want::DataUrl).await.unwrap();
    for (id, picture) in ids.iter().zip(&pictures) {
        let base64 = base64::engine::general_purpose::STANDARD.encode(picture);
        assert_eq!(resolved[id].url, format!("data:image/png;base64,{base64}"));
    }
    let links = setup.media.resolve(&me(), &ids, Want::Link).await.unwrap();
    assert!(links[&ids[0]].url.starts_with("https://jan/m/jan_") && links[&ids[0]].expires_at.is_some());

    let foreign = setup.keep(&you(), &png(1, 2, b"yours")).await.unwrap().id;
    let unknown = jan_core::id::ulid(jan_core::media::PREFIX, 0);
    for wrong in [foreign, unknown] {
        let error =
            setup.media.resolve(&me(), &[ids[0].clone(), wrong.clone()], Want::Link).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Invalid, "unknown_media"));
        assert!(error.message().contains(&wrong), "the message names the id");
    }
    ids.push(setup.keep(&me(), &png(9, 9, &[0; 40])).await.unwrap().id);
    let error = setup.media.resolve(&me(), &ids, Want::DataUrl).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    setup.media.resolve(&me(), &ids, Want::Link).await.unwrap();
    let many = vec![ids[0].clone(); 101];
    assert_eq!(setup.media.resolve(&me(), &many, Want::Link).await.unwrap_err().kind(), ErrorKind::Invalid);
}
