//! Files on other hosts: the guarded client fetches them from allowed hosts only.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{png, refused};
use crate::app::App;

/// Starts a host with a file and with faulty replies; returns its port.
async fn host() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(answer(socket));
        }
    });
    port
}

async fn answer(mut socket: TcpStream) {
    let mut head = vec![0; 4096];
    let Ok(read) = socket.read(&mut head).await else { return };
    let head = String::from_utf8_lossy(&head[..read]).into_owned();
    let file = png(4, 4, b"from another host");
    let (start, length, body) = match head.split(' ').nth(1).unwrap_or_default() {
        "/ok" => ("200 OK\r\ncontent-type: image/png", file.len(), file),
        "/lies" => ("200 OK\r\ncontent-type: text/html", file.len(), file),
        "/cut" => ("200 OK\r\ncontent-type: image/png", file.len() + 9, file),
        "/large" => ("200 OK\r\ncontent-type: image/png", 30 << 20, file),
        "/away" => ("302 Found\r\nlocation: http://169.254.169.254/", 0, Vec::new()),
        "/slow" => return std::future::pending().await,
        _ => ("404 Not Found", 0, Vec::new()),
    };
    let head = format!("HTTP/1.1 {start}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    let _ = socket.write_all(&[head.as_bytes(), &body].concat()).await;
}

#[tokio::test]
async fn a_file_is_fetched_or_the_error_says_why_not() {
    let port = host().await;
    let app = App::start(|config| {
        config.fetch.allow = vec!["127.0.0.1".into()];
        config.fetch.ports = vec![port, 9];
        config.media.fetch_timeout = Duration::from_secs(2);
    })
    .await;
    let ask = async |url: String| {
        let body = json!({"source": {"type": "remote_url", "url": url}, "filename": "far.png"});
        app.post("/v1/media", &body).send().await.unwrap()
    };
    let here = |path: &str| format!("http://127.0.0.1:{port}/{path}");
    let kept: Value = ask(here("ok")).await.json().await.unwrap();
    assert_eq!(
        (&kept["data"]["mime"], &kept["data"]["filename"]),
        (&json!("image/png"), &json!("far.png")),
        "{kept}"
    );
    for (url, status, code) in [
        (here("nothing"), 502, "upstream_error"),
        (here("cut"), 502, "upstream_error"),
        ("http://127.0.0.1:9/".into(), 502, "upstream_error"),
        (here("slow"), 504, "upstream_timeout"),
        (here("large"), 413, "too_large"),
        (here("lies"), 415, "unsupported_media_type"),
        (here("away"), 400, "forbidden_url"),
        ("http://10.0.0.1/".into(), 400, "forbidden_url"),
        ("ftp://127.0.0.1/".into(), 400, "forbidden_url"),
        ("nonsense".into(), 400, "invalid_url"),
    ] {
        let (got, got_code, _) = refused(ask(url.clone()).await).await;
        assert_eq!((got, got_code.as_str()), (status, code), "{url}");
    }
    assert_eq!(app.ok("GET", "/v1/media", None).await["data"].as_array().unwrap().len(), 1);

    let closed = App::start(|config| config.fetch.ports = vec![port]).await;
    let body = json!({"source": {"type": "remote", "url": here("ok")}});
    let reply = closed.post("/v1/media", &body).send().await.unwrap();
    assert_eq!(
        refused(reply).await,
        (400, "forbidden_url".into(), "url".into()),
        "addresses of this machine are not public"
    );
}
