//! OpenAI's Files API. It uses the same store as media, so a `file_id` works in chats.

use jan_tests::{PrivatePostgres, Upstream};
use reqwest::Response;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use super::{png, refused};
use crate::app::App;

const LINES: &[u8] = b"{\"a\": 1}\n{\"a\": 2}\n";

fn file(bytes: &[u8], name: &str) -> Part {
    Part::bytes(bytes.to_vec()).file_name(name.to_owned())
}

async fn made(reply: Response) -> Value {
    assert_eq!(reply.status(), 200);
    reply.json().await.unwrap()
}

#[tokio::test]
async fn a_file_has_openais_format_from_upload_to_deletion() {
    let app = App::start(|_| {}).await;
    // Some clients send the purpose after the file, others before it.
    let form = Form::new().part("file", file(LINES, "train.jsonl")).text("purpose", "fine-tune");
    let lines = made(app.form("/v1/files", form).await).await;
    let id = lines["id"].as_str().unwrap();
    assert!(id.starts_with("jan_"));
    for (member, value) in [
        ("object", json!("file")),
        ("bytes", json!(LINES.len())),
        ("filename", json!("train.jsonl")),
        ("purpose", json!("fine-tune")),
        ("status", json!("processed")),
    ] {
        assert_eq!(lines[member], value, "{member}");
    }
    let month = 30 * 24 * 60 * 60;
    assert_eq!(lines["expires_at"].as_i64(), lines["created_at"].as_i64().map(|made| made + month));
    for path in [format!("/v1/files/{id}"), format!("/media/v1/files/{id}/metadata")] {
        assert_eq!(app.ok("GET", &path, None).await, lines, "{path}");
    }
    let content = app.get(&format!("/v1/files/{id}/content")).send().await.unwrap();
    assert_eq!(content.headers()["x-content-type-options"], "nosniff");
    assert_eq!(content.bytes().await.unwrap(), LINES);
    let media = app.ok("GET", &format!("/v1/media/{id}/metadata"), None).await;
    assert_eq!(media["data"]["purpose"], "fine-tune", "a file is media");

    let picture = Form::new().text("purpose", "vision").part("file", file(&png(1, 1, b"x"), "x.png"));
    let picture = made(app.form("/v1/files", picture).await).await;
    let all = app.ok("GET", "/v1/files", None).await;
    assert_eq!((&all["data"], &all["has_more"]), (&json!([picture, lines]), &json!(false)));
    let first = app.ok("GET", "/v1/files?limit=1&order=asc", None).await;
    assert_eq!((&first["data"], &first["has_more"]), (&json!([lines]), &json!(true)));
    let next = app.ok("GET", &format!("/v1/files?order=asc&after={id}"), None).await;
    assert_eq!(next["data"], json!([picture]));
    assert_eq!(app.ok("GET", "/v1/files?purpose=vision", None).await["data"], json!([picture]));
    assert_eq!(app.ok("GET", "/v1/files?purpose=evals", None).await["data"], json!([]));

    let gone = app.ok("DELETE", &format!("/v1/files/{id}"), None).await;
    assert_eq!(gone, json!({"id": id, "object": "file", "deleted": true}));
    for path in [format!("/v1/files/{id}"), format!("/v1/files/{id}/content"), format!("/v1/media/{id}")] {
        assert_eq!(app.call("GET", &path, None).await.0, 404, "{path}");
    }
}

#[tokio::test]
async fn the_purpose_decides_which_types_are_accepted() {
    let app = App::start(|_| {}).await;
    let form = |purpose: &str, bytes: &[u8]| {
        Form::new().part("file", file(bytes, "x")).text("purpose", purpose.to_owned())
    };
    for (bytes, purpose, (status, code, param)) in [
        (LINES, "vision", (415, "unsupported_media_type", "")),
        (LINES, "fun", (400, "invalid_parameter", "purpose")),
        (b"MZ\x90\0 a program", "assistants", (415, "unsupported_media_type", "")),
        (b"<html><script>alert(1)</script>", "user_data", (415, "unsupported_media_type", "")),
        (b"", "user_data", (400, "empty_file", "file")),
    ] {
        let got = refused(app.form("/v1/files", form(purpose, bytes)).await).await;
        assert_eq!((got.0, got.2.as_str()), (status, param), "{purpose}: {got:?}");
        assert!(code == "invalid_parameter" || got.1 == code, "{got:?}");
    }
    let none = refused(app.form("/v1/files", Form::new().part("file", file(LINES, "x"))).await).await;
    assert_eq!(none, (400, "missing_parameter".into(), "purpose".into()));
    let end = |seconds: &str| {
        let form = form("batch", LINES).text("expires_after[anchor]", "created_at");
        form.text("expires_after[seconds]", seconds.to_owned())
    };
    assert_eq!(refused(app.form("/v1/files", end("7")).await).await.2, "expires_after");
    assert_eq!(app.ok("GET", "/v1/files", None).await["data"], json!([]), "nothing was stored");

    let kept = made(app.form("/v1/files", end("3600")).await).await;
    assert_eq!(kept["expires_at"].as_i64(), kept["created_at"].as_i64().map(|made| made + 3600));
    for (bytes, purpose) in
        [(&b"%PDF-1.7 x"[..], "assistants"), (b"a,b\n", "user_data"), (&png(1, 1, b""), "batch")]
    {
        made(app.form("/v1/files", form(purpose, bytes)).await).await;
    }
    // Without a purpose, the original's path uses `user_data`.
    let old = Form::new().part("file", file(b"words", "words.txt")).text("user_id", "somebody");
    assert_eq!(made(app.form("/v1/files/upload", old).await).await["purpose"], "user_data");
}

/// Two uploads of the same bytes are two files; by the Media API they are one media object for their owner.
async fn two_uploads_are_two_files(database: Option<String>) {
    let app = App::start(|config| config.database.url = database.map(Into::into)).await;
    let form = |name: &str, purpose: &str| {
        Form::new().part("file", file(LINES, name)).text("purpose", purpose.to_owned())
    };
    let first = made(app.form("/v1/files", form("a.jsonl", "assistants")).await).await;
    let end = form("b.jsonl", "batch").text("expires_after[anchor]", "created_at");
    let second = made(app.form("/v1/files", end.text("expires_after[seconds]", "3600")).await).await;
    let third = made(app.form("/v1/files/upload", form("a.jsonl", "assistants")).await).await;
    let id = |file: &Value| file["id"].as_str().unwrap().to_owned();
    assert!(id(&first) != id(&second) && id(&second) != id(&third) && id(&first) != id(&third));
    assert_eq!((&second["filename"], &second["purpose"]), (&json!("b.jsonl"), &json!("batch")));
    assert_eq!(second["expires_at"].as_i64(), second["created_at"].as_i64().map(|made| made + 3600));
    let path = |file: &Value| format!("/v1/files/{}", id(file));
    assert_eq!(app.ok("GET", &path(&first), None).await, first, "the first stays as it was");
    assert_eq!(app.ok("GET", "/v1/files?purpose=batch", None).await["data"], json!([second]));
    assert_eq!(app.ok("GET", "/v1/files?order=asc", None).await["data"], json!([first, second, third]));

    for gone in [&second, &first] {
        app.ok("DELETE", &path(gone), None).await;
        assert_eq!(app.call("GET", &path(gone), None).await.0, 404);
        let content = app.get(&format!("{}/content", path(&third))).send().await.unwrap();
        assert_eq!(content.bytes().await.unwrap(), LINES, "the bytes stay for the remaining file");
    }
    // The Media API reuses its own media object, and not the file with the same bytes.
    let picture = Form::new().text("purpose", "vision").part("file", file(&png(1, 1, b"x"), "x.png"));
    let picture = made(app.form("/v1/files", picture).await).await;
    let upload = async || {
        let kept: Value = app.upload(png(1, 1, b"x"), "y.png", "image/png").await.json().await.unwrap();
        kept["data"].clone()
    };
    let (one, two) = (upload().await, upload().await);
    assert_eq!((&one["id"], &one["deduped"], &two["deduped"]), (&two["id"], &json!(false), &json!(true)));
    assert_ne!(one["id"], picture["id"]);
    app.ok("DELETE", &format!("/v1/media/{}", id(&one)), None).await;
    assert_eq!(app.ok("GET", &path(&picture), None).await, picture);
}

#[tokio::test]
async fn two_uploads_are_two_files_in_sqlite() {
    two_uploads_are_two_files(None).await;
}

#[tokio::test]
async fn two_uploads_are_two_files_in_memory() {
    two_uploads_are_two_files(Some("memory".into())).await;
}

#[tokio::test]
async fn two_uploads_are_two_files_in_postgres() {
    let Some(postgres) = PrivatePostgres::start_with(&[("fsync", "off")]).await else { return };
    two_uploads_are_two_files(Some(postgres.database().await)).await;
}

#[tokio::test]
async fn a_model_gets_the_file_that_a_file_id_names() {
    let upstream = Upstream::start().await;
    let app = App::with_upstream(&upstream).await;
    let form = Form::new().part("file", file(b"some words", "words.txt")).text("purpose", "user_data");
    let id = made(app.form("/v1/files", form).await).await["id"].clone();
    let part = json!({"type": "file", "file": {"file_id": id}});
    let chat = json!({"model": "good", "messages": [{"role": "user", "content": [part]}]});
    app.ok("POST", "/v1/chat/completions", Some(chat)).await;
    let shown = upstream.post_requests()[0].json()["messages"][0]["content"][0]["file"].clone();
    assert_eq!(
        shown,
        json!({"filename": "words.txt", "file_data": "data:text/plain;base64,c29tZSB3b3Jkcw=="})
    );
}
