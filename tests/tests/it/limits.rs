//! Limits for connections and bodies, and the end of the server.

use std::time::Duration;

use jan_tests::{Upstream, within};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::app::{App, chat, events};

async fn connect(app: &App) -> TcpStream {
    TcpStream::connect(app.url.trim_start_matches("http://")).await.unwrap()
}

async fn wait_until_closed(mut socket: TcpStream) -> String {
    let mut received = Vec::new();
    within("the server to close the connection", socket.read_to_end(&mut received)).await.unwrap();
    String::from_utf8_lossy(&received).into_owned()
}

/// The beginning of a reply, up to its status.
async fn status_line(socket: &mut TcpStream) -> String {
    let mut received = [0; 12];
    within("the head of a reply", socket.read_exact(&mut received)).await.unwrap();
    String::from_utf8_lossy(&received).into_owned()
}

#[tokio::test]
async fn silent_connections_and_slow_heads_are_closed() {
    let app = App::start(|config| {
        config.limits.first_byte = Duration::from_millis(50);
        config.limits.head = Duration::from_millis(100);
    })
    .await;
    wait_until_closed(connect(&app).await).await;
    let mut slow = connect(&app).await;
    slow.write_all(b"GET /healthz HTTP/1.1\r\nHost:").await.unwrap();
    wait_until_closed(slow).await;
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_while_it_arrives() {
    let app = App::start(|config| config.limits.body = bytesize::ByteSize::kib(64)).await;
    let mut body = chat("echo", false);
    body["messages"][0]["content"] = json!("x".repeat(100 * 1024));
    let reply = app.post("/v1/chat/completions", &body).send().await.unwrap();
    assert_eq!(reply.status(), 413);
    let error: Value = reply.json().await.unwrap();
    assert_eq!(error["error"]["code"], "body_too_large");

    // A body without a `content-length`.
    let mut socket = connect(&app).await;
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n",
        app.token
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("8000\r\n{}\r\n", "x".repeat(0x8000));
    for _ in 0..4 {
        if socket.write_all(chunk.as_bytes()).await.is_err() {
            break;
        }
    }
    assert_eq!(status_line(&mut socket).await, "HTTP/1.1 413");
}

#[tokio::test]
async fn a_body_that_never_ends_times_out() {
    let app = App::start(|config| config.limits.body_timeout = Duration::from_millis(50)).await;
    let mut socket = connect(&app).await;
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: 100\r\n\r\n{{",
        app.token
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(status_line(&mut socket).await, "HTTP/1.1 408");
}

#[tokio::test]
async fn a_connection_over_the_limit_waits() {
    let app = App::start(|config| config.limits.connections = 2).await;
    // The app's client uses one of the two connections; this is the other.
    let mut held = connect(&app).await;
    held.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    status_line(&mut held).await;
    let mut third = connect(&app).await;
    third.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let early = tokio::time::timeout(Duration::from_millis(100), third.readable()).await;
    assert!(early.is_err(), "no answer while all connections are in use");
    drop(held);
    status_line(&mut third).await;
}

#[tokio::test]
async fn bad_json_and_bad_fields_are_400_and_named() {
    let app = App::start(|_| {}).await;
    let post = |body: &'static str| {
        app.client.post(format!("{}/v1/chat/completions", app.url)).bearer_auth(&app.token).body(body).send()
    };
    for (body, code, param) in [
        ("", "invalid_json", Value::Null),
        ("{", "invalid_json", Value::Null),
        ("[]", "invalid_json", Value::Null),
        ("\u{feff}{}", "invalid_json", Value::Null),
        ("{}", "missing_parameter", json!("model")),
        (r#"{"model":"echo"}"#, "missing_parameter", json!("messages")),
        (r#"{"model":"echo","model":"x","messages":[]}"#, "duplicate_member", json!("model")),
        (
            r#"{"model":"echo","messages":[{"role":"user","content":"x"}],"top_p":"much"}"#,
            "invalid_parameter",
            json!("top_p"),
        ),
    ] {
        let reply = post(body).await.unwrap();
        assert_eq!(reply.status(), 400, "{body}");
        let error: Value = reply.json().await.unwrap();
        assert_eq!((&error["error"]["code"], &error["error"]["param"]), (&json!(code), &param), "{body}");
    }
}

#[tokio::test]
async fn a_stream_that_can_finish_is_not_cut_by_a_stop() {
    let upstream = Upstream::start().await;
    let mut app = App::with_upstream(&upstream).await;
    upstream.gate().pass(1);
    let mut reply = app.ask("slow-chunks", true).await;
    let first = reply.chunk().await.unwrap().unwrap();
    app.stop.take().unwrap().send(()).unwrap();
    upstream.gate().open();
    let mut text = String::from_utf8(first.to_vec()).unwrap();
    while let Some(chunk) = reply.chunk().await.unwrap() {
        text.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
    app.stopped().await;
}

#[tokio::test]
async fn a_stream_that_exceeds_the_drain_limit_is_cut() {
    let upstream = Upstream::start().await;
    let url = upstream.url();
    let mut app = App::start(|config| {
        config.echo.enabled = false;
        config.providers.insert("upstream".into(), crate::app::provider(&url));
        config.limits.drain = Duration::from_millis(50);
    })
    .await;
    upstream.gate().pass(1);
    let mut reply = app.ask("slow-chunks", true).await;
    reply.chunk().await.unwrap().unwrap();
    app.stop().await;
    upstream.wait_for(|counts| counts.streams_dropped == 1).await;
}

#[tokio::test]
async fn two_hundred_simultaneous_streams_all_complete() {
    let app = App::start(|_| {}).await;
    let app = std::sync::Arc::new(app);
    let streams = (0..200).map(|_| {
        let app = app.clone();
        tokio::spawn(async move { events(app.ask("echo", true).await).await })
    });
    for stream in futures_util::future::join_all(streams).await {
        assert_eq!(stream.unwrap().last().unwrap(), "[DONE]");
    }
}
