//! Requests that are refused before their body was read: the client receives the error, also while it is still writing.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use jan_tests::{Upstream, WAIT_LIMIT};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::app::App;
use crate::connections::{connect, until_closed};
use crate::sdks::run;

const LARGE: usize = 9 * 1024 * 1024;

fn text(received: &[u8]) -> String {
    String::from_utf8_lossy(received).into_owned()
}

/// Refused requests of all kinds: method and path, whether with a credential, and the status.
const REFUSED: [(&str, bool, u16); 5] = [
    ("POST /v1/chat/completions", false, 401),
    ("POST /v1/nothing", true, 404),
    ("PUT /v1/models", true, 405),
    ("POST /v1/chat/completions", true, 413),
    ("PUT /api/media/jan_01?exp=1&sig=x", false, 403),
];

#[tokio::test]
async fn a_client_that_writes_all_before_it_reads_is_answered() {
    let app = App::start(|_| {}).await;
    for (request, authenticated, status) in REFUSED {
        for chunked in [false, true] {
            let mut socket = connect(&app).await;
            let credential = if authenticated {
                format!("Authorization: Bearer {}\r\n", app.token)
            } else {
                String::new()
            };
            let coding = if chunked {
                "Transfer-Encoding: chunked".to_owned()
            } else {
                format!("Content-Length: {LARGE}")
            };
            let head = format!("{request} HTTP/1.1\r\nHost: x\r\n{credential}{coding}\r\n\r\n");
            socket.write_all(head.as_bytes()).await.unwrap();
            let body = vec![b'x'; LARGE];
            let writing = async {
                if chunked {
                    socket.write_all(format!("{LARGE:x}\r\n").as_bytes()).await?;
                    socket.write_all(&body).await?;
                    socket.write_all(b"\r\n0\r\n\r\n").await
                } else {
                    socket.write_all(&body).await
                }
            };
            let written = timeout(WAIT_LIMIT, writing).await.expect("the server reads");
            assert!(written.is_ok(), "{request}, chunked: {chunked}: {written:?}");
            let received = text(&until_closed(&mut socket, request).await);
            assert!(
                received.starts_with(&format!("HTTP/1.1 {status} ")),
                "{request}, chunked: {chunked}: {received}"
            );
            assert!(
                received.contains("connection: close\r\n") && received.contains("\"error\""),
                "{received}"
            );
        }
    }
}

#[tokio::test]
async fn after_a_small_refused_body_the_connection_stays_open() {
    let app = App::start(|_| {}).await;
    let mut socket = connect(&app).await;
    for _ in 0..3 {
        let head = "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\n";
        socket.write_all(head.as_bytes()).await.unwrap();
        // In a separate write, after the head.
        socket.write_all(b"{\"a\":1}").await.unwrap();
        let mut received = vec![0; 4096];
        let length =
            timeout(WAIT_LIMIT, socket.read(&mut received)).await.expect("the server answers").unwrap();
        let received = text(&received[..length]);
        assert!(
            received.starts_with("HTTP/1.1 401 ") && !received.contains("connection: close"),
            "{received}"
        );
    }
}

#[tokio::test]
async fn a_client_that_waits_for_100_continue_is_refused_without_it() {
    let app = App::start(|_| {}).await;
    let mut socket = connect(&app).await;
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {LARGE}\r\nExpect: 100-continue\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let received = text(&until_closed(&mut socket, "nothing follows").await);
    assert!(received.starts_with("HTTP/1.1 401 ") && !received.contains("100 Continue"), "{received}");
    assert!(received.contains("connection: close\r\n"), "{received}");
}

#[tokio::test]
async fn refused_bodies_are_read_on_http2_too() {
    let app = App::start(|_| {}).await;
    let socket = TokioIo::new(connect(&app).await);
    let (mut client, connection) = http2::handshake(TokioExecutor::new(), socket).await.unwrap();
    let connection = tokio::spawn(connection);
    for round in 0..10 {
        let request = hyper::Request::post(format!("{}/v1/chat/completions", app.url));
        let request = if round % 2 == 0 {
            request
        } else {
            request.header("authorization", format!("Bearer {}", app.token))
        };
        let sent = client.send_request(request.body(Full::new(Bytes::from(vec![b'x'; LARGE]))).unwrap());
        let reply = timeout(WAIT_LIMIT, sent).await.expect("the server answers").unwrap();
        assert_eq!(reply.status(), if round % 2 == 0 { 401 } else { 413 });
        let body = timeout(WAIT_LIMIT, reply.into_body().collect()).await.expect("the reply ends").unwrap();
        assert!(text(&body.to_bytes()).contains("\"error\""));
    }
    connection.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn real_clients_receive_the_error_for_a_large_body() {
    let upstream = Upstream::start().await;
    let app = App::with_upstream(&upstream).await;
    run(&app, "refused_bodies", "good", &[]).await;
}

async fn answer_to(app: &App, request: &str) -> String {
    let mut socket = connect(app).await;
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut received = vec![0; 4096];
    let length = timeout(WAIT_LIMIT, socket.read(&mut received)).await.expect("the server answers").unwrap();
    text(&received[..length])
}

#[tokio::test]
async fn a_request_has_exactly_one_valid_host() {
    let app = App::start(|_| {}).await;
    for hosts in [
        "",
        "Host: a\r\nHost: b\r\n",
        "Host: a\r\nHost: a\r\n",
        "Host:\r\n",
        "Host: a b\r\n",
        "Host: a/b\r\n",
        "Host: me@a\r\n",
    ] {
        let received = answer_to(&app, &format!("GET /healthz HTTP/1.1\r\n{hosts}\r\n")).await;
        assert!(received.starts_with("HTTP/1.1 400 "), "{hosts:?}: {received}");
        assert!(
            received.contains("\"param\":\"Host\"") && received.contains("x-request-id: "),
            "{hosts:?}: {received}"
        );
    }
    for good in [
        "GET /healthz HTTP/1.1\r\nHost: [::1]:8000\r\n\r\n",
        "GET /healthz HTTP/1.0\r\n\r\n",
        "GET http://a/healthz HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        let received = answer_to(&app, good).await;
        assert!(
            received.starts_with("HTTP/1.1 200 ") || received.starts_with("HTTP/1.0 200 "),
            "{good}: {received}"
        );
    }
}

#[tokio::test]
async fn only_known_transfer_codings_are_accepted() {
    let app = App::start(|config| config.limits.head = Duration::from_millis(300)).await;
    let post =
        |headers: &str| format!("POST /auth/guest-login HTTP/1.1\r\nHost: x\r\n{headers}\r\n0\r\n\r\n");
    for wrong in [
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Content-Length: 1\r\nContent-Length: 2\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 1, 2\r\n",
    ] {
        let received = answer_to(&app, &post(wrong)).await;
        assert!(received.starts_with("HTTP/1.1 400 "), "{wrong:?}: {received}");
    }
    // The transfer coding has priority, and the bytes after such a request are not read as another request.
    for both in [
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
    ] {
        let mut socket = connect(&app).await;
        let next = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
        socket.write_all(format!("{}{next}", post(both)).as_bytes()).await.unwrap();
        let received = text(&until_closed(&mut socket, both).await);
        assert!(
            received.starts_with("HTTP/1.1 201 ") && received.matches("HTTP/1.1").count() == 1,
            "{both:?}: {received}"
        );
    }
}
