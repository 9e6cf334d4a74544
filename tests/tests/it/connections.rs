//! Every state of a connection has a time limit: a client cannot hold one by sending little or by reading nothing, and
//! a stop does not wait for connections without a request.

use std::time::Duration;

use jan_cli::config::Config;
use jan_tests::WAIT_LIMIT;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::app::App;

/// The connection preface of HTTP/2.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// An empty SETTINGS frame.
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
const HEALTH: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";

/// Beginnings of connections after which a client sends nothing more.
fn beginnings() -> Vec<Vec<u8>> {
    vec![
        Vec::new(),
        b"P".to_vec(),
        b"PRI * HTTP/2.0\r\n".to_vec(),
        PREFACE[..PREFACE.len() - 1].to_vec(),
        PREFACE.to_vec(),
        [PREFACE, SETTINGS].concat(),
        // The head of a HEADERS frame, without the rest.
        [PREFACE, SETTINGS, &[0, 0, 9, 1, 4, 0, 0, 0, 1, 0x82]].concat(),
        b"G".to_vec(),
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n".to_vec(),
        HEALTH.to_vec(),
        [HEALTH, b"GET /he"].concat(),
    ]
}

pub(crate) async fn connect(app: &App) -> TcpStream {
    TcpStream::connect(app.url.trim_start_matches("http://")).await.unwrap()
}

/// What the server sends until it closes the connection. `why` is for the error.
pub(crate) async fn until_closed(socket: &mut TcpStream, why: &str) -> Vec<u8> {
    let mut received = Vec::new();
    // A reset also counts as an end.
    let ended = timeout(WAIT_LIMIT, socket.read_to_end(&mut received)).await;
    assert!(ended.is_ok(), "the server does not close the connection: {why}");
    received
}

fn with_short_limits(config: &mut Config) {
    config.limits.first_byte = Duration::from_millis(100);
    config.limits.head = Duration::from_millis(200);
    config.limits.write = Duration::from_millis(200);
}

#[tokio::test]
async fn a_client_that_stops_sending_is_disconnected_in_every_state() {
    let app = App::start(with_short_limits).await;
    for beginning in beginnings() {
        let mut socket = connect(&app).await;
        socket.write_all(&beginning).await.unwrap();
        until_closed(&mut socket, &format!("after {}", beginning.escape_ascii())).await;
    }
}

#[tokio::test]
async fn both_protocols_are_recognised_byte_by_byte() {
    let app = App::start(|_| {}).await;
    for request in [
        &b"POST /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"[..],
        b"PUT /healthz HTTP/1.0\r\n\r\n",
    ] {
        let mut socket = connect(&app).await;
        for byte in request {
            socket.write_all(&[*byte]).await.unwrap();
        }
        let received = until_closed(&mut socket, "after the reply").await;
        assert!(
            received.starts_with(b"HTTP/1.") && received[9..].starts_with(b"405"),
            "{}",
            received.escape_ascii()
        );
    }
    let mut socket = connect(&app).await;
    for byte in [PREFACE, SETTINGS].concat() {
        socket.write_all(&[byte]).await.unwrap();
    }
    let mut head = [0; 9];
    timeout(WAIT_LIMIT, socket.read_exact(&mut head)).await.expect("HTTP/2 is spoken").unwrap();
    assert_eq!(head[3], 4, "settings come first");
}

/// A minimal HTTP/2 client: it acknowledges pings and settings, and opens no window for replies.
struct Frames(TcpStream);

impl Frames {
    async fn open(app: &App, settings: &[u8]) -> Self {
        let mut socket = connect(app).await;
        let length = u8::try_from(settings.len()).unwrap();
        let head = [0, 0, length, 4, 0, 0, 0, 0, 0];
        socket.write_all(&[PREFACE, &head, settings].concat()).await.unwrap();
        Self(socket)
    }

    async fn send(&mut self, kind: u8, flags: u8, stream: u8, payload: &[u8]) {
        let length = u8::try_from(payload.len()).unwrap();
        let head = [0, 0, length, kind, flags, 0, 0, 0, stream];
        // The server may have closed the connection already.
        let _ = self.0.write_all(&[&head, payload].concat()).await;
    }

    /// Sends a GET request for this path on stream 1.
    async fn get(&mut self, path: &str) {
        let length = u8::try_from(path.len()).unwrap();
        let block = [&[0x82, 0x86, 0x04, length], path.as_bytes(), &[0x01, 1, b'x']].concat();
        self.send(1, 5, 1, &block).await;
    }

    /// The next frame (its type and its stream); pings and settings are acknowledged. `None` at the end.
    async fn next(&mut self) -> Option<(u8, u8)> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).await.ok()?;
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let mut payload = vec![0; length];
        self.0.read_exact(&mut payload).await.ok()?;
        match (head[3], head[4] & 1) {
            (4, 0) => self.send(4, 1, 0, &[]).await,
            (6, 0) => self.send(6, 1, 0, &payload).await,
            _ => {}
        }
        Some((head[3], head[8]))
    }
}

#[tokio::test]
async fn a_connection_that_only_answers_pings_gets_a_goaway() {
    let app = App::start(with_short_limits).await;
    let mut client = Frames::open(&app, &[]).await;
    let mut got_goaway = false;
    let ended = timeout(WAIT_LIMIT, async {
        while let Some((kind, _)) = client.next().await {
            got_goaway |= kind == 7;
        }
    });
    ended.await.expect("the server closes the connection");
    assert!(got_goaway);
}

#[tokio::test]
async fn a_stream_without_a_window_is_reset_and_the_connection_stays_open() {
    let app = App::start(|config| config.limits.write = Duration::from_millis(200)).await;
    // SETTINGS_INITIAL_WINDOW_SIZE = 0
    let mut client = Frames::open(&app, &[0, 4, 0, 0, 0, 0]).await;
    client.get("/healthz").await;
    let reset = async { while client.next().await.expect("the connection stays open") != (3, 1) {} };
    timeout(WAIT_LIMIT, reset).await.expect("the stream is reset");
    client.send(6, 0, 0, b"12345678").await;
    let pong = async { while client.next().await.expect("the connection stays open").0 != 6 {} };
    timeout(WAIT_LIMIT, pong).await.expect("the connection answers");
}

#[tokio::test]
async fn a_client_that_does_not_read_replies_is_disconnected() {
    let app = App::start(|config| {
        config.limits.write = Duration::from_millis(200);
        config.limits.connections = 2;
    })
    .await;
    // The app's client uses one of the two connections, this the other: it requests more than a socket buffers, and
    // reads nothing.
    let mut not_reading = connect(&app).await;
    let bundle = b"GET /api/swagger/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n";
    not_reading.write_all(&bundle.repeat(60)).await.unwrap();
    let mut next = connect(&app).await;
    next.write_all(HEALTH).await.unwrap();
    let mut received = [0; 15];
    timeout(WAIT_LIMIT, next.read_exact(&mut received)).await.expect("the connection is free again").unwrap();
    assert_eq!(&received, b"HTTP/1.1 200 OK");
}

#[tokio::test]
async fn an_upload_that_is_too_slow_is_refused() {
    let app = App::start(|config| {
        config.limits.body_timeout = Duration::from_millis(100);
        config.limits.body_rate = bytesize::ByteSize::kib(64);
    })
    .await;
    let prepared = app
        .ok("POST", "/v1/media/prepare-upload", Some(serde_json::json!({"mime_type": "text/plain"})))
        .await;
    let link = prepared["data"]["upload_url"].as_str().unwrap().to_owned();
    let link = link.trim_start_matches(&app.url).to_owned();
    let form = "content-type: multipart/form-data; boundary=XX\r\n";
    let begun = "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\n";
    let json = "content-type: application/json\r\n";
    for (method, path, kind, begun) in [
        ("POST", "/v1/media/upload", form, begun),
        ("POST", "/v1/files", form, begun),
        ("POST", "/v1/images/edits", form, begun),
        ("POST", "/v1/media", json, "{"),
        ("POST", "/v1/chat/completions", json, "{"),
        ("PUT", link.as_str(), "content-type: text/plain\r\n", ""),
    ] {
        let mut socket = connect(&app).await;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: 100000\r\n{kind}\r\n{begun}",
            app.token
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        let (mut reading, mut writing) = socket.into_split();
        // One byte every 5 ms, for as long as the server accepts them.
        let trickle = tokio::spawn(async move {
            while writing.write_all(b" ").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        let mut received = [0; 12];
        timeout(WAIT_LIMIT, reading.read_exact(&mut received)).await.expect("the server answers").unwrap();
        trickle.abort();
        assert_eq!(received.escape_ascii().to_string(), "HTTP/1.1 408", "{method} {path}");
    }
}

#[tokio::test]
async fn an_upload_at_a_sufficient_rate_may_take_longer() {
    let app = App::start(|config| {
        config.limits.body_timeout = Duration::from_millis(100);
        config.limits.body_rate = bytesize::ByteSize::b(1);
    })
    .await;
    let mut socket = connect(&app).await;
    let form = format!(
        "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\n{}\r\n--XX--\r\n",
        "x".repeat(500)
    );
    let head = format!(
        "POST /v1/files/upload HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: {}\r\n\
         content-type: multipart/form-data; boundary=XX\r\n\r\n",
        app.token,
        form.len()
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let (first, rest) = form.as_bytes().split_at(400);
    socket.write_all(first).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    socket.write_all(rest).await.unwrap();
    let mut received = [0; 15];
    timeout(WAIT_LIMIT, socket.read_exact(&mut received)).await.expect("the server answers").unwrap();
    assert_eq!(&received, b"HTTP/1.1 200 OK");
}

#[tokio::test]
async fn a_stop_does_not_wait_for_connections_without_a_request() {
    let long = Duration::from_secs(600);
    let mut app = App::start(|config| {
        (config.limits.first_byte, config.limits.head, config.limits.drain) = (long, long, long);
    })
    .await;
    let mut sockets = Vec::new();
    for beginning in beginnings() {
        let mut socket = connect(&app).await;
        socket.write_all(&beginning).await.unwrap();
        sockets.push(socket);
    }
    // This later request is answered, so the earlier connections have been accepted.
    assert_eq!(app.get("/healthz").send().await.unwrap().status(), 200);
    app.stop.take().unwrap().send(()).unwrap();
    timeout(WAIT_LIMIT, app.serving).await.expect("the server stops").unwrap().unwrap();
}
