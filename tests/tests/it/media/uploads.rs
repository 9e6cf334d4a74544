//! Uploads by data URL, by form and by announcement, and refused uploads.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use reqwest::Body;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use super::{DOT, by_data_url, png, refused};
use crate::app::App;

#[tokio::test]
async fn the_same_bytes_are_the_same_media_for_one_owner_only() {
    let app = App::start(|_| {}).await;
    let first = app.ok("POST", "/media/v1/media", Some(by_data_url(DOT))).await;
    let (id, media) = (first["data"]["id"].as_str().unwrap(), &first["data"]);
    assert!(id.starts_with("jan_") && id.len() == 30, "{first}");
    assert_eq!(
        (&media["mime"], &media["bytes"], &media["deduped"]),
        (&json!("image/png"), &json!(70), &json!(false))
    );
    assert!(first["meta"]["request_id"].is_string());

    let again = app.ok("POST", "/v1/media", Some(by_data_url(DOT))).await;
    assert_eq!((&again["data"]["id"], &again["data"]["deduped"]), (&json!(id), &json!(true)));
    let other = app.guest().await;
    let (_, theirs) = app.call_as(&other, "POST", "/v1/media", Some(by_data_url(DOT))).await;
    assert_ne!(theirs["data"]["id"], id);
    assert_eq!(theirs["data"]["deduped"], false, "users cannot find out what others have");

    let known = app.ok("GET", &format!("/v1/media/{id}/metadata"), None).await;
    for (member, value) in [
        ("content_type", json!("image/png")),
        ("size", json!(70)),
        ("width", json!(1)),
        ("filename", Value::Null),
    ] {
        assert_eq!(known["data"][member], value, "{member}");
    }
    let list = app.ok("GET", "/v1/media?limit=1", None).await;
    assert_eq!((&list["data"][0]["id"], &list["has_more"]), (&json!(id), &json!(false)));

    let bare = App::start(|config| config.api.bare = true).await;
    let kept = bare.ok("POST", "/v1/media", Some(by_data_url(DOT))).await;
    assert!(kept["id"].as_str().unwrap().starts_with("jan_"), "{kept}");
}

#[tokio::test]
async fn a_repeated_request_with_a_key_is_replayed() {
    let app = App::start(|_| {}).await;
    let ask = || app.post("/v1/media", &by_data_url(DOT)).header("idempotency-key", "k").send();
    let (first, again) = (ask().await.unwrap(), ask().await.unwrap());
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    assert_eq!(first.bytes().await.unwrap(), again.bytes().await.unwrap());
}

#[tokio::test]
async fn a_file_in_a_form_is_stored_as_it_arrives() {
    let app = App::start(|_| {}).await;
    // 20 MiB, the maximum; client and server hold only one piece of it in memory.
    let size = 20 * 1024 * 1024_u64;
    let start = Bytes::from(png(10, 10, b""));
    let rest = usize::try_from(size).unwrap() - start.len();
    let pieces = std::iter::once(start).chain(
        (0..rest.div_ceil(65_536)).map(move |n| Bytes::from(vec![7; (rest - n * 65_536).min(65_536)])),
    );
    let body = Body::wrap_stream(stream::iter(pieces.map(Ok::<_, std::io::Error>)));
    let part = Part::stream(body).file_name("large.png").mime_str("image/png").unwrap();
    // Fields may follow the file.
    let kept = app.form("/v1/media/upload", Form::new().part("file", part).text("public", "true")).await;
    let kept: Value = kept.json().await.unwrap();
    assert_eq!(
        (&kept["data"]["bytes"], &kept["data"]["filename"]),
        (&json!(size), &json!("large.png")),
        "{kept}"
    );
    assert_eq!(kept["data"]["public"], true);
    let bytes = app.open(kept["data"]["url"].as_str().unwrap()).await.bytes().await.unwrap();
    assert_eq!((bytes.len() as u64, bytes.iter().rev().take(9).all(|byte| *byte == 7)), (size, true));
}

#[tokio::test]
async fn a_file_that_is_too_large_is_refused_as_it_arrives() {
    let app = App::start(|_| {}).await;
    // This body never ends, so the server must refuse it before its end.
    let endless = stream::once(async { Ok::<_, std::io::Error>(Bytes::from(png(1, 1, b""))) })
        .chain(stream::repeat_with(|| Ok(Bytes::from(vec![1; 65_536]))).take(21 * 16))
        .chain(stream::pending());
    let part = Part::stream(Body::wrap_stream(endless));
    let reply = app.form("/v1/media/upload", Form::new().part("file", part)).await;
    assert_eq!(refused(reply).await, (413, "max_size_exceeded".into(), String::new()));
    // A body with a `content-length` that is too large is refused before it is read.
    let reply = app.upload(vec![0; 30 << 20], "x", "image/png").await;
    assert_eq!(refused(reply).await, (413, "max_size_exceeded".into(), String::new()));
    let url = format!("data:image/png;base64,{}", "A".repeat(27_962_040));
    let reply = app.post("/v1/media", &by_data_url(&url)).send().await.unwrap();
    assert_eq!(refused(reply).await, (413, "max_size_exceeded".into(), String::new()));
    assert_eq!(app.ok("GET", "/v1/media", None).await["data"], json!([]));
}

#[tokio::test]
async fn bad_uploads_are_errors_that_name_the_reason() {
    let app = App::start(|_| {}).await;
    let bomb = app.upload(png(60_000, 60_000, b"x"), "bomb.png", "image/png").await;
    assert_eq!(refused(bomb).await, (422, "too_many_pixels".into(), String::new()));
    for (bytes, kind) in [
        (b"MZ\x90\0 a program".to_vec(), "image/png"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec(), "image/svg+xml"),
        (b"<html><script>alert(1)</script>".to_vec(), "text/html"),
        (b"%PDF-1.7".to_vec(), "application/pdf"),
        (png(1, 1, b"x"), "text/plain"),
    ] {
        let reply = refused(app.upload(bytes, "x", kind).await).await;
        assert_eq!(reply, (415, "unsupported_media_type".into(), String::new()), "{kind}");
    }
    assert_eq!(
        refused(app.upload(Vec::new(), "x", "image/png").await).await,
        (400, "empty_file".into(), "file".into())
    );
    let source = |source: Value| json!({ "source": source });
    for (body, param) in [
        (json!({}), "source"),
        (source(json!({"type": "ftp", "url": "x"})), "source.type"),
        (source(json!({"type": "remote"})), "source.url"),
        (by_data_url("data:image/png;base64,%%%"), "data_url"),
        (by_data_url("no data url"), "data_url"),
        (by_data_url("data:image/png;base64"), "data_url"),
    ] {
        let (status, error) = app.call("POST", "/v1/media", Some(body)).await;
        assert_eq!((status, error["error"]["param"].as_str()), (400, Some(param)), "{error}");
    }
    let no_file = app.form("/v1/media/upload", Form::new().text("user_id", "x")).await;
    assert_eq!(refused(no_file).await, (400, "missing_parameter".into(), "file".into()));
    let two =
        Form::new().part("file", Part::bytes(png(1, 1, b"a"))).part("file", Part::bytes(png(1, 1, b"b")));
    assert_eq!(refused(app.form("/v1/media/upload", two).await).await.2, "file");
    let no_form = app.post("/v1/media/upload", &json!({})).send().await.unwrap();
    assert_eq!(refused(no_form).await.0, 415);
    assert_eq!(app.ok("GET", "/v1/media", None).await["data"], json!([]), "nothing was stored");
    let (status, error) = app.call("GET", "/v1/media?after=jan_00000000000000000000000000", None).await;
    assert_eq!((status, &error["error"]["code"]), (400, &json!("unknown_cursor")));
}

#[tokio::test]
async fn an_upload_is_announced_and_then_sent_by_put() {
    let app = App::start(|_| {}).await;
    let bytes = png(2, 2, b"later");
    for path in ["/v1/media/prepare-upload", "/media/v1/media/upload-presigned"] {
        for field in ["mime_type", "content_type"] {
            let body = json!({field: "image/png", "user_id": "x", "filename": "l.png", "size": bytes.len()});
            let prepared = app.ok("POST", path, Some(body)).await["data"].clone();
            assert_eq!((&prepared["mime_type"], &prepared["method"]), (&json!("image/png"), &json!("PUT")));
            assert!((890..=900).contains(&prepared["expires_in"].as_i64().unwrap()), "{prepared}");
        }
    }
    let prepared = app.ok("POST", "/v1/media/prepare-upload", Some(json!({"mime_type": "image/png"}))).await
        ["data"]
        .clone();
    let (id, link) = (prepared["id"].as_str().unwrap(), prepared["upload_url"].as_str().unwrap());
    let put = |link: String, body: Vec<u8>| app.client.put(app.at(&link)).body(body).send();
    let early = app.call("POST", &format!("/v1/media/{id}/complete"), None).await;
    assert_eq!((early.0, &early.1["error"]["code"]), (409, &json!("not_uploaded")));
    for wrong in [
        link.replace("sig=", "sig=x"),
        link.replace("exp=", "exp=1"),
        format!("/api/media/{id}"),
        link.split('&').next().unwrap().to_owned(),
    ] {
        assert_eq!(refused(put(wrong, bytes.clone()).await.unwrap()).await.1, "bad_link");
    }
    assert_eq!(refused(put(link.to_owned(), b"words".to_vec()).await.unwrap()).await.0, 415);
    for _ in 0..2 {
        let kept: Value = put(link.to_owned(), bytes.clone()).await.unwrap().json().await.unwrap();
        assert_eq!(
            (&kept["data"]["id"], &kept["data"]["bytes"]),
            (&json!(id), &json!(bytes.len())),
            "{kept}"
        );
    }
    let done = app.ok("POST", &format!("/v1/media/{id}/complete"), None).await;
    assert_eq!((&done["data"]["id"], &done["data"]["content_type"]), (&json!(id), &json!("image/png")));
    let reply = app.get(link).send().await.unwrap();
    assert_eq!(refused(reply).await.1, "bad_link", "an upload link cannot be used to read");
    let (status, error) = app.call("POST", "/v1/media/prepare-upload", Some(json!({}))).await;
    assert_eq!((status, &error["error"]["param"]), (400, &json!("mime_type")));
}
