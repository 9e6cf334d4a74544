//! Every state of a connection ends by itself: nobody holds one by saying little, by reading nothing, or over a stop.

use std::time::Duration;

use jan_cli::config::Config;
use jan_tests::PATIENCE;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::app::App;

/// What every HTTP/2 connection begins with.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// A frame of settings that says nothing.
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
const HEALTH: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";

/// What a client may say and then say no more.
fn beginnings() -> Vec<Vec<u8>> {
    vec![
        Vec::new(),
        b"P".to_vec(),
        b"PRI * HTTP/2.0\r\n".to_vec(),
        PREFACE[..PREFACE.len() - 1].to_vec(),
        PREFACE.to_vec(),
        [PREFACE, SETTINGS].concat(),
        // The head of a request's headers, without the rest of it.
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

/// What the server says until it hangs up.
pub(crate) async fn until_closed(socket: &mut TcpStream, why: &str) -> Vec<u8> {
    let mut said = Vec::new();
    // A reset is an end too.
    let ended = timeout(PATIENCE, socket.read_to_end(&mut said)).await;
    assert!(ended.is_ok(), "the server does not hang up: {why}");
    said
}

fn impatient(config: &mut Config) {
    config.limits.first_byte = Duration::from_millis(100);
    config.limits.head = Duration::from_millis(200);
    config.limits.write = Duration::from_millis(200);
}

#[tokio::test]
async fn who_says_little_is_left_whatever_it_is() {
    let app = App::start(impatient).await;
    for beginning in beginnings() {
        let mut socket = connect(&app).await;
        socket.write_all(&beginning).await.unwrap();
        until_closed(&mut socket, &format!("after {}", beginning.escape_ascii())).await;
    }
}

#[tokio::test]
async fn a_slow_beginning_of_either_protocol_is_understood() {
    let app = App::start(|_| {}).await;
    for request in [
        &b"POST /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"[..],
        b"PUT /healthz HTTP/1.0\r\n\r\n",
    ] {
        let mut socket = connect(&app).await;
        for byte in request {
            socket.write_all(&[*byte]).await.unwrap();
        }
        let said = until_closed(&mut socket, "after the reply").await;
        assert!(said.starts_with(b"HTTP/1.") && said[9..].starts_with(b"405"), "{}", said.escape_ascii());
    }
    let mut socket = connect(&app).await;
    for byte in [PREFACE, SETTINGS].concat() {
        socket.write_all(&[byte]).await.unwrap();
    }
    let mut head = [0; 9];
    timeout(PATIENCE, socket.read_exact(&mut head)).await.expect("HTTP/2 is spoken").unwrap();
    assert_eq!(head[3], 4, "settings come first");
}

/// A client of HTTP/2 by hand: it answers what keeps a connection alive, and gives no room for replies.
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
        // The server may have hung up by now.
        let _ = self.0.write_all(&[&head, payload].concat()).await;
    }

    /// A GET of this path on stream 1.
    async fn get(&mut self, path: &str) {
        let length = u8::try_from(path.len()).unwrap();
        let block = [&[0x82, 0x86, 0x04, length], path.as_bytes(), &[0x01, 1, b'x']].concat();
        self.send(1, 5, 1, &block).await;
    }

    /// The next frame (its kind and its stream), pings and settings being answered; `None` at the end.
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
async fn a_connection_that_only_answers_pings_is_told_to_go() {
    let app = App::start(impatient).await;
    let mut client = Frames::open(&app, &[]).await;
    let mut told = false;
    let ended = timeout(PATIENCE, async {
        while let Some((kind, _)) = client.next().await {
            told |= kind == 7;
        }
    });
    ended.await.expect("the server hangs up");
    assert!(told, "by a GOAWAY");
}

#[tokio::test]
async fn a_stream_whose_client_gives_no_room_is_reset_and_the_others_go_on() {
    let app = App::start(|config| config.limits.write = Duration::from_millis(200)).await;
    // SETTINGS_INITIAL_WINDOW_SIZE = 0
    let mut client = Frames::open(&app, &[0, 4, 0, 0, 0, 0]).await;
    client.get("/healthz").await;
    let reset = async { while client.next().await.expect("the connection goes on") != (3, 1) {} };
    timeout(PATIENCE, reset).await.expect("the stream is reset");
    client.send(6, 0, 0, b"12345678").await;
    let pong = async { while client.next().await.expect("the connection goes on").0 != 6 {} };
    timeout(PATIENCE, pong).await.expect("the connection answers");
}

#[tokio::test]
async fn who_does_not_read_the_replies_loses_the_connection() {
    let app = App::start(|config| {
        config.limits.write = Duration::from_millis(200);
        config.limits.connections = 2;
    })
    .await;
    // The client of the app has one place; this takes the other: more than any socket holds is asked for and not read.
    let mut deaf = connect(&app).await;
    let bundle = b"GET /api/swagger/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n";
    deaf.write_all(&bundle.repeat(60)).await.unwrap();
    let mut next = connect(&app).await;
    next.write_all(HEALTH).await.unwrap();
    let mut said = [0; 15];
    timeout(PATIENCE, next.read_exact(&mut said)).await.expect("the place is free again").unwrap();
    assert_eq!(&said, b"HTTP/1.1 200 OK");
}

#[tokio::test]
async fn a_file_that_comes_too_slowly_is_refused() {
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
        // A byte now and then, for as long as the server takes them.
        let trickle = tokio::spawn(async move {
            while writing.write_all(b" ").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        let mut said = [0; 12];
        timeout(PATIENCE, reading.read_exact(&mut said)).await.expect("the server answers").unwrap();
        trickle.abort();
        assert_eq!(said.escape_ascii().to_string(), "HTTP/1.1 408", "{method} {path}");
    }
}

#[tokio::test]
async fn a_file_that_keeps_coming_may_take_longer() {
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
    let mut said = [0; 15];
    timeout(PATIENCE, socket.read_exact(&mut said)).await.expect("the server answers").unwrap();
    assert_eq!(&said, b"HTTP/1.1 200 OK");
}

#[tokio::test]
async fn a_stop_waits_for_nobody_without_a_request() {
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
    // Whoever came later is served, so those before have been accepted.
    assert_eq!(app.get("/healthz").send().await.unwrap().status(), 200);
    app.stop.take().unwrap().send(()).unwrap();
    timeout(PATIENCE, app.serving).await.expect("the server stops").unwrap().unwrap();
}
