//! Announced uploads, to this server and to a cloud that signs links.

use jan_core::ErrorKind;
use jan_core::media::BlobSigner;

use super::links::parts;
use super::*;
use crate::NewUpload;

fn announced(size: Option<u64>) -> NewUpload {
    let (mime_type, filename) = (Some("image/png".into()), Some("a.png".into()));
    NewUpload { mime_type, filename, size, ..NewUpload::default() }
}

#[tokio::test]
async fn bytes_are_uploaded_to_this_server() {
    let settings = MediaSettings { upload_links: "https://jan/up/".into(), ..MediaSettings::default() };
    let setup = setup_with(Arc::new(MemoryBlobs::new()), settings);
    let bytes = png(3, 3, b"up");
    let length = bytes.len() as u64;
    let upload = setup.media.prepare_upload(&me(), announced(Some(length))).await.unwrap();
    let (id, token) = parts(&upload.url, "https://jan/up/");
    assert_eq!((id, upload.expires_at), (upload.id.as_str(), 1_700_000_900_000));
    assert_eq!(setup.media.complete(&me(), id).await.unwrap_err().code(), "not_uploaded");

    let cut = &bytes[..length as usize - 1];
    for (wrong, code) in [
        (cut, "not_as_announced"),
        (&[&bytes[..], b"x"].concat()[..], "not_as_announced"),
        (b"words", "unsupported_media_type"),
    ] {
        assert_eq!(setup.media.receive(id, token, pieces(wrong)).await.unwrap_err().code(), code);
    }
    let kept = setup.media.receive(id, token, pieces(&bytes)).await.unwrap();
    assert_eq!((kept.id.as_str(), kept.filename.as_deref(), kept.deduped), (id, Some("a.png"), false));
    for again in
        [setup.media.receive(id, token, pieces(b"others")).await, setup.media.complete(&me(), id).await]
    {
        assert_eq!(again.unwrap(), kept, "a repeated call returns the same media");
    }
    assert_eq!(setup.media.complete(&you(), id).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert!(
        setup.media.open_shared(id, Some(token), None).await.is_err(),
        "an upload link cannot be used for reading"
    );

    let second = setup.media.prepare_upload(&me(), announced(None)).await.unwrap();
    let (id, token) = parts(&second.url, "https://jan/up/");
    let known = setup.media.receive(id, token, pieces(&bytes)).await.unwrap();
    assert!(known.deduped && known.id == kept.id, "the owner had the same bytes already");
    assert_eq!(setup.media.complete(&me(), id).await.unwrap().id, kept.id);
    let late = setup.media.prepare_upload(&me(), announced(None)).await.unwrap();
    let (id, token) = parts(&late.url, "https://jan/up/");
    setup.clock.advance(15 * MINUTE);
    let error = setup.media.receive(id, token, pieces(&bytes)).await.unwrap_err();
    assert_eq!(error.code(), "link_expired");
    setup.clock.advance(2 * 60 * MINUTE);
    setup.media.sweep(&nothing_in_use()).await.unwrap();
    setup.audit().await;

    let nameless = NewUpload::default();
    assert_eq!(setup.media.prepare_upload(&me(), nameless).await.unwrap_err().param(), Some("mime_type"));
    let unhashed = NewUpload { sha256: Some("xy".into()), ..announced(None) };
    assert_eq!(setup.media.prepare_upload(&me(), unhashed).await.unwrap_err().param(), Some("sha256"));
    let large = announced(Some(u64::MAX));
    assert_eq!(setup.media.prepare_upload(&me(), large).await.unwrap_err().kind(), ErrorKind::TooLarge);
}

/// Blobs in memory with signed links; a link is just the blob's name.
struct Cloud(MemoryBlobs);

#[async_trait]
impl BlobStore for Cloud {
    async fn put(&self, key: &str, bytes: BoxStream<Result<Bytes>>) -> Result<u64> {
        self.0.put(key, bytes).await
    }

    async fn get(&self, key: &str, range: Option<std::ops::Range<u64>>) -> Result<BoxStream<Result<Bytes>>> {
        self.0.get(key, range).await
    }

    async fn size(&self, key: &str) -> Result<Option<u64>> {
        self.0.size(key).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.0.delete(key).await
    }

    fn signer(&self) -> Option<&dyn BlobSigner> {
        Some(self)
    }
}

#[async_trait]
impl BlobSigner for Cloud {
    async fn sign_get(&self, key: &str, _: &str, _: Duration) -> Result<String> {
        Ok(key.to_owned())
    }

    async fn sign_put(&self, key: &str, _: &str, _: Option<u64>, _: Duration) -> Result<String> {
        Ok(key.to_owned())
    }
}

#[tokio::test]
async fn bytes_are_uploaded_to_the_cloud_and_inspected_there() {
    let (cloud, records) = (Arc::new(Cloud(MemoryBlobs::new())), memory_records());
    let clock = MovedClock::at(1_700_000_000);
    let media = Media::new(cloud.clone(), records, Arc::new(clock.clone()), MediaSettings::default());
    let upload = media.prepare_upload(&me(), announced(None)).await.unwrap();
    assert_eq!(media.complete(&me(), &upload.id).await.unwrap_err().code(), "not_uploaded");
    cloud.put(&upload.url, pieces(b"no picture")).await.unwrap();
    let refused = media.complete(&me(), &upload.id).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::UnsupportedMediaType);

    cloud.put(&upload.url, pieces(&png(7, 7, b"good"))).await.unwrap();
    let kept = media.complete(&me(), &upload.id).await.unwrap();
    assert_eq!((kept.id.as_str(), kept.width), (upload.id.as_str(), Some(7)));
    assert_eq!(cloud.size(&upload.url).await.unwrap(), None, "the temporary bytes are deleted");
    cloud.put(&upload.url, pieces(b"something bad")).await.unwrap();
    assert_eq!(media.complete(&me(), &upload.id).await.unwrap(), kept);
    let link = media.links(&me(), &[kept.id], None).await.unwrap().remove(0);
    // The cloud's link is followed by the id in the fragment, which clients do not send to servers.
    let (key, id) = link.url.split_once('#').unwrap();
    assert_eq!(id, link.id);
    let read: Vec<Bytes> = cloud.get(key, None).await.unwrap().try_collect().await.unwrap();
    assert_eq!(read.concat(), png(7, 7, b"good"), "the inspected bytes are the ones that are read");

    media.prepare_upload(&me(), announced(None)).await.unwrap();
    clock.advance(2 * 60 * MINUTE);
    assert_eq!(media.sweep(&nothing_in_use()).await.unwrap().unfinished, 2);
    assert_eq!(cloud.0.count(), 1, "bytes that came too late are deleted");
}
