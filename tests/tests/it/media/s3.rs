//! Media in a real S3 server (MinIO): the tests of every blob store, and a server that is configured with the
//! original's variables.

use std::process::{Command, Output};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use jan_core::promises;
use jan_media::blob::S3;
use jan_tests::{PrivateMinio, output};
use reqwest::multipart::{Form, Part};
use reqwest::{Body, Client, Response};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{png, refused};
use crate::app::client;
use crate::binary::{Serving, jan};

/// More than two parts of an upload to S3.
const LARGE: usize = 13 * 1024 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn s3_passes_the_tests_of_every_blob_store() {
    let Some(minio) = PrivateMinio::start().await else { return };
    let s3 = S3 {
        bucket: minio.bucket().await,
        region: PrivateMinio::REGION.to_owned(),
        endpoint: Some(minio.endpoint()),
        public_endpoint: None,
        credentials: Some((PrivateMinio::KEY_ID.to_owned(), minio.key().to_owned().into())),
        path_style: true,
    };
    promises::blobs(Arc::new(s3.open().unwrap())).await;
    assert!(minio.objects(&s3.bucket).await.is_empty(), "deleted and incomplete uploads are removed");
}

/// A server that stores media in a bucket, and a client.
struct S3Server {
    minio: PrivateMinio,
    bucket: String,
    serving: Serving,
    client: Client,
    dir: TempDir,
}

impl S3Server {
    async fn start() -> Option<Self> {
        let minio = PrivateMinio::start().await?;
        let (bucket, dir) = (minio.bucket().await, tempfile::tempdir().unwrap());
        let serving = Serving::start(jan(&dir).envs([
            ("JAN_AUTH", "open"),
            ("JAN_RATE_LIMIT", "off"),
            ("MEDIA_STORAGE_BACKEND", "s3"),
            ("MEDIA_S3_BUCKET", &bucket),
            ("MEDIA_S3_REGION", PrivateMinio::REGION),
            ("MEDIA_S3_ENDPOINT", &minio.endpoint()),
            ("MEDIA_S3_ACCESS_KEY_ID", PrivateMinio::KEY_ID),
            ("MEDIA_S3_SECRET_ACCESS_KEY", minio.key()),
        ]));
        Some(Self { minio, bucket, serving, client: client(), dir })
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.serving.1)
    }

    async fn upload(&self, bytes: Vec<u8>) -> Response {
        // In pieces, so that the request has no `content-length`.
        let pieces: Vec<_> =
            bytes.chunks(65_536).map(Bytes::copy_from_slice).map(std::io::Result::Ok).collect();
        let part = Part::stream(Body::wrap_stream(stream::iter(pieces))).file_name("a.png");
        let request = self.client.post(self.url("/v1/media/upload"));
        request.multipart(Form::new().part("file", part)).send().await.unwrap()
    }

    async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let reply = self.client.post(self.url(path)).json(body).send().await.unwrap();
        (reply.status().as_u16(), reply.json().await.unwrap())
    }

    async fn get(&self, path: &str) -> Response {
        self.client.get(self.url(path)).send().await.unwrap()
    }

    /// The number of media in the list, and of objects in the bucket.
    async fn counts(&self) -> (usize, usize) {
        let list: Value = self.get("/v1/media").await.json().await.unwrap();
        (list["data"].as_array().unwrap().len(), self.minio.objects(&self.bucket).await.len())
    }

    fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    }
}

/// Runs curl, as a client that has only a link.
async fn curl(args: &[&str]) -> Output {
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    let run = move || output(Command::new("curl").args(["--silent", "--show-error"]).args(args));
    tokio::task::spawn_blocking(run).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_are_stored_in_the_bucket_and_read_from_it() {
    let Some(s3_server) = S3Server::start().await else { return };
    for (size, seed) in [(1000, b'a'), (LARGE, b'b')] {
        let bytes = png(10, 10, &vec![seed; size]);
        let kept: Value = s3_server.upload(bytes.clone()).await.json().await.unwrap();
        let path = format!("/v1/media/{}", kept["data"]["id"].as_str().unwrap());
        assert_eq!(kept["data"]["bytes"], bytes.len(), "{kept}");
        let again: Value = s3_server.upload(bytes.clone()).await.json().await.unwrap();
        assert_eq!((&again["data"]["id"], &again["data"]["deduped"]), (&kept["data"]["id"], &json!(true)));

        assert_eq!(s3_server.get(&path).await.bytes().await.unwrap(), bytes);
        let part = s3_server.client.get(s3_server.url(&path)).header("range", "bytes=900-");
        let part = part.send().await.unwrap();
        assert_eq!(part.status(), 206);
        assert_eq!(part.bytes().await.unwrap(), bytes[900..]);

        // The link leads to the bucket, and not to our server.
        let link: Value = s3_server.get(&format!("{path}/presign")).await.json().await.unwrap();
        let link = link["data"]["url"].as_str().unwrap();
        assert!(link.starts_with(&format!("{}/{}/", s3_server.minio.endpoint(), s3_server.bucket)), "{link}");
        let file = s3_server.dir.path().join("got.png").display().to_string();
        let shown = curl(&["--fail", "--dump-header", "-", "--output", &file, link]).await;
        assert!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stderr));
        assert!(String::from_utf8_lossy(&shown.stdout).contains("Content-Type: image/png"));
        assert!(std::fs::read(&file).unwrap() == bytes, "the same bytes");
        let wrong = link.replace("X-Amz-Signature=", "X-Amz-Signature=0");
        let wrong = curl(&["--output", &file, "--write-out", "%{http_code}", &wrong]).await;
        assert_eq!(wrong.stdout, b"403");
    }
    assert_eq!(s3_server.counts().await, (2, 2));
    let refused = refused(s3_server.upload(b"MZ\x90\0 a program".to_vec()).await).await;
    assert_eq!((refused.0, s3_server.counts().await), (415, (2, 2)));
    let list: Value = s3_server.get("/v1/media").await.json().await.unwrap();
    let ids: Vec<_> = list["data"].as_array().unwrap().iter().map(|media| media["id"].clone()).collect();
    assert_eq!(s3_server.post("/v1/media/bulk-delete", &json!({"ids": ids})).await.0, 200);
    assert_eq!(s3_server.counts().await, (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_announced_upload_goes_to_the_bucket_and_is_checked_there() {
    let Some(s3_server) = S3Server::start().await else { return };
    let bytes = png(7, 7, &vec![b'x'; LARGE]);
    for (bytes, status) in [(&bytes[..], 200), (b"MZ\x90\0 a program", 415)] {
        let announced = json!({"mime_type": "image/png", "filename": "x.png"});
        let (_, prepared) = s3_server.post("/v1/media/prepare-upload", &announced).await;
        let (id, link) =
            (prepared["data"]["id"].as_str().unwrap(), prepared["data"]["upload_url"].as_str().unwrap());
        assert!(link.starts_with(&s3_server.minio.endpoint()), "{link}");
        let complete = format!("/v1/media/{id}/complete");
        assert_eq!(s3_server.post(&complete, &json!({})).await.0, 409, "nothing was uploaded yet");

        let file = s3_server.file("put.png", bytes);
        // The link is signed for the announced type only.
        let wrong = curl(&[
            "-T",
            &file,
            "-H",
            "Content-Type: text/html",
            "-w",
            "%{http_code}",
            "-o",
            "/dev/null",
            link,
        ])
        .await;
        assert_eq!(wrong.stdout, b"403");
        let put = curl(&["--fail", "-T", &file, "-H", "Content-Type: image/png", link]).await;
        assert!(put.status.success(), "{}", String::from_utf8_lossy(&put.stderr));
        for _ in 0..2 {
            let (got, kept) = s3_server.post(&complete, &json!({})).await;
            assert_eq!(got, status, "{kept}");
            if status == 200 {
                assert_eq!((&kept["data"]["id"], &kept["data"]["filename"]), (&json!(id), &json!("x.png")));
            }
        }
        let read = s3_server.get(&format!("/v1/media/{id}")).await;
        assert_eq!(read.status(), if status == 200 { 200 } else { 404 });
        if status == 200 {
            assert!(read.bytes().await.unwrap() == bytes, "the same bytes");
            assert_eq!(s3_server.counts().await, (1, 1), "the temporary object was removed");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_store_is_503_and_creates_no_row() {
    let Some(mut s3_server) = S3Server::start().await else { return };
    let kept: Value = s3_server.upload(png(1, 1, b"before")).await.json().await.unwrap();
    let path = format!("/v1/media/{}", kept["data"]["id"].as_str().unwrap());
    s3_server.minio.kill().await;
    for bytes in [png(1, 1, b"after"), png(1, 1, &vec![b'y'; LARGE])] {
        let (status, code, _) = refused(s3_server.upload(bytes).await).await;
        assert_eq!((status, code.as_str()), (503, "media_store_failed"));
    }
    assert_eq!(refused(s3_server.get(&path).await).await.0, 503);
    s3_server.minio.restart().await;
    assert_eq!(s3_server.counts().await, (1, 1));
    assert_eq!(s3_server.get(&path).await.bytes().await.unwrap(), png(1, 1, b"before"));
    assert_eq!(s3_server.upload(png(1, 1, b"after")).await.status(), 200);
    assert_eq!(s3_server.counts().await, (2, 2));
}
