//! Fetches from loopback addresses, which the tests put on the allow-list. One listener accepts connections to all
//! addresses of 127.0.0.0/8, so the tests can see which address was connected to.

use parking_lot::Mutex;
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};

use async_trait::async_trait;
use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::*;
use crate::{ErrorKind, Result};

const NEAR: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 1));
const SECRET: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

enum Reply {
    /// Sends these bytes and closes the connection.
    Ends(String),
    /// Sends these bytes and a signal, and then sends nothing more until the client closes the connection.
    Holds(String),
}
use Reply::{Ends, Holds};

/// A connection that the server accepted.
#[derive(Debug)]
enum Seen {
    Asked { by: IpAddr, head: String },
    Held,
    Left,
}

struct Server {
    port: u16,
    seen: UnboundedReceiver<Seen>,
}

impl Server {
    /// Starts a server whose reply depends on the path.
    async fn start(answer: impl Fn(&str) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, seen) = unbounded_channel();
        tokio::spawn(async move {
            while let Ok((mut tcp, _)) = listener.accept().await {
                let Some(head) = head(&mut tcp).await else { continue };
                let reply = answer(head.split(' ').nth(1).unwrap());
                let _ = tell.send(Seen::Asked { by: tcp.local_addr().unwrap().ip(), head });
                tokio::spawn(send(tcp, reply, tell.clone()));
            }
        });
        Self { port, seen }
    }

    fn url(&self, host: &str) -> String {
        format!("http://{host}:{}/", self.port)
    }

    /// The addresses that clients have connected to so far.
    fn asked(&mut self) -> Vec<IpAddr> {
        let mut asked = Vec::new();
        while let Ok(seen) = self.seen.try_recv() {
            if let Seen::Asked { by, .. } = seen {
                asked.push(by);
            }
        }
        asked
    }

    async fn next(&mut self) -> Seen {
        let seen = tokio::time::timeout(Duration::from_secs(60), self.seen.recv()).await;
        seen.expect("a client connects within a minute").unwrap()
    }
}

async fn head(tcp: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(tcp.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

async fn send(mut tcp: TcpStream, reply: Reply, tell: UnboundedSender<Seen>) {
    let (Ends(text) | Holds(text)) = &reply;
    let _ = tcp.write_all(text.as_bytes()).await;
    if let Holds(_) = reply {
        let _ = tell.send(Seen::Held);
        let _ = tcp.read(&mut [0]).await;
        let _ = tell.send(Seen::Left);
    }
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn to(location: &str) -> Reply {
    Ends(format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n"))
}

/// A DNS server that answers from a list, and repeats the last answer.
struct Script {
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    asked: Mutex<Vec<String>>,
}

#[async_trait]
impl Resolve for Script {
    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>> {
        self.asked.lock().push(name.to_owned());
        let mut answers = self.answers.lock();
        let answer = answers.front().cloned().unwrap_or_default();
        if answers.len() > 1 {
            answers.pop_front();
        }
        Ok(answer)
    }
}

fn script(answers: &[&[IpAddr]]) -> Arc<Script> {
    let answers = answers.iter().map(|answer| answer.to_vec()).collect();
    Arc::new(Script { answers: Mutex::new(answers), asked: Mutex::default() })
}

/// Settings that open 127.0.0.1, no more of loopback, and the server's port.
fn settings(server: &Server, dns: &Arc<Script>) -> FetchSettings {
    FetchSettings {
        allow: vec!["127.0.0.1/32".parse().unwrap()],
        ports: vec![80, 443, server.port],
        resolver: dns.clone(),
        ..FetchSettings::default()
    }
}

fn fetcher(server: &Server) -> Fetcher {
    Fetcher::new(settings(server, &script(&[&[NEAR]]))).unwrap()
}

/// Fetches `/` and reads the whole body.
async fn fetch(server: &Server, limits: FetchLimits) -> Result<bytes::Bytes> {
    fetcher(server).get(&server.url("127.0.0.1"), limits).await?.bytes().await
}

fn at_most(bytes: u64) -> FetchLimits {
    FetchLimits { bytes, ..FetchLimits::default() }
}

fn is_forbidden<T: fmt::Debug>(fetched: Result<T>) {
    let error = fetched.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Invalid, "forbidden_url"), "{error:?}");
    assert!(!format!("{error:?}").contains("127.0.0"), "{error:?} reveals the address of a name");
}

#[tokio::test]
async fn a_reply_is_returned_unchanged_and_the_request_contains_nothing_of_the_caller() {
    let mut server = Server::start(|path| match path {
        "/" => to("/next?x=1#part"),
        "/next?x=1" => Ends(ok("hello")),
        _ => Ends("HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nno".into()),
    })
    .await;
    let (fetcher, limits) = (fetcher(&server), FetchLimits::default());
    let fetched = fetcher.get(&server.url("files.example"), limits).await.unwrap();
    assert_eq!(fetched.url, format!("http://files.example:{}/next?x=1", server.port));
    assert_eq!((fetched.status, fetched.content_type.as_deref()), (200, Some("text/plain")));
    assert_eq!((fetched.length, &fetched.bytes().await.unwrap()[..]), (Some(5), &b"hello"[..]));
    for _ in 0..2 {
        let Seen::Asked { head, .. } = server.next().await else { panic!("asked") };
        let mut names: Vec<_> = head.lines().skip(1).filter_map(|line| line.split(':').next()).collect();
        names.sort_unstable();
        assert_eq!(names, ["", "accept", "accept-encoding", "host", "user-agent"], "{head}");
        assert!(
            head.contains("accept-encoding: identity\r\n") && head.contains("user-agent: jan/"),
            "{head}"
        );
    }
    let missing = fetcher.get(&format!("{}missing", server.url("127.0.0.1")), limits).await.unwrap();
    assert_eq!(missing.status, 404);
    assert_eq!(missing.success().unwrap_err().kind(), ErrorKind::Upstream);
}

#[tokio::test]
async fn connections_go_only_to_the_addresses_that_were_checked() {
    let mut server = Server::start(|path| if path == "/" { Ends(ok("hello")) } else { to("/") }).await;
    let dns = script(&[&[NEAR], &[SECRET]]);
    let rebound = Fetcher::new(settings(&server, &dns)).unwrap();
    let (url, limits) = (server.url("rebind.example"), FetchLimits::default());
    assert_eq!(rebound.get(&url, limits).await.unwrap().bytes().await.unwrap(), "hello");
    assert_eq!(*dns.asked.lock(), ["rebind.example"]);
    // No connection is reused from before the answer changed.
    is_forbidden(rebound.get(&url, limits).await);

    let rebound = Fetcher::new(settings(&server, &script(&[&[NEAR], &[SECRET]]))).unwrap();
    is_forbidden(rebound.get(&format!("{url}on"), limits).await);
    assert_eq!(server.asked(), [NEAR; 2]);
}

#[tokio::test]
async fn a_name_with_one_forbidden_address_is_refused() {
    let mut server = Server::start(|_| Ends(ok("secret"))).await;
    let metadata = IpAddr::from([169, 254, 169, 254]);
    for answer in [[NEAR, SECRET], [SECRET, NEAR], [NEAR, metadata], [metadata, metadata]] {
        let fetcher = Fetcher::new(settings(&server, &script(&[&answer]))).unwrap();
        is_forbidden(fetcher.get(&server.url("mixed.example"), FetchLimits::default()).await);
    }
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn redirects_into_a_private_network_are_refused() {
    for location in [
        "http://127.0.0.2:PORT/",
        "//127.0.0.2:PORT/",
        "http://0x7f000002:PORT/",
        "http://[::ffff:127.0.0.2]:PORT/",
        "http://169.254.169.254/latest/meta-data/",
        "http://localhost:PORT/",
        "http://db.internal:PORT/",
        "http://[::1]:PORT/",
        "http://0:PORT/",
        "http://user:pw@127.0.0.1:PORT/",
        "http://127.0.0.1:22/",
        "ftp://127.0.0.1:PORT/",
        "file:///etc/passwd",
        "http:\\\\127.0.0.2:PORT",
    ] {
        let (port, known) = (Arc::new(Mutex::new(0_u16)), location);
        let there = Arc::clone(&port);
        let mut server = Server::start(move |path| match path {
            "/" => to(&known.replace("PORT", &there.lock().to_string())),
            _ => Ends(ok("secret")),
        })
        .await;
        *port.lock() = server.port;
        is_forbidden(fetcher(&server).get(&server.url("127.0.0.1"), FetchLimits::default()).await);
        assert_eq!(server.asked(), [NEAR], "{location}");
    }
}

#[tokio::test]
async fn the_number_of_redirects_is_limited() {
    let mut server = Server::start(|path| match path {
        "/nowhere" => Ends("HTTP/1.1 302 Found\r\ncontent-length: 0\r\n\r\n".into()),
        "/nonsense" => to("http://[nonsense"),
        _ => to("/again"),
    })
    .await;
    let fetcher = fetcher(&server);
    let get = async |path: &str, redirects| {
        let limits = FetchLimits { redirects, ..FetchLimits::default() };
        fetcher.get(&format!("{}{path}", server.url("127.0.0.1")), limits).await
    };
    for redirects in [0, 1, 5] {
        let error = get("", redirects).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Upstream, "too_many_redirects"));
    }
    assert_eq!(get("nowhere", 5).await.unwrap().status, 302);
    assert_eq!(get("nonsense", 5).await.unwrap_err().kind(), ErrorKind::Upstream);
    assert_eq!(server.asked().len(), 1 + 2 + 6 + 1 + 1);
}

#[tokio::test]
async fn a_body_over_the_limit_is_an_error_with_and_without_a_length() {
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n";
    // The same source must decide for the length and for the bytes.
    let lying = chunked.replacen("\r\n", "\r\ncontent-length: 1\r\n", 1);
    for reply in [ok("abcdef"), chunked.into(), lying, "HTTP/1.0 200 OK\r\n\r\nabcdef".into()] {
        let again = reply.clone();
        let server = Server::start(move |_| Ends(again.clone())).await;
        assert_eq!(fetch(&server, at_most(6)).await.unwrap(), "abcdef", "{reply}");
        assert_eq!(fetch(&server, at_most(5)).await.unwrap_err().kind(), ErrorKind::TooLarge, "{reply}");
    }
    // A body whose announced length is over the limit is not read, and an endless body is read only up to the limit.
    for head in ["content-length: 9999999999\r\n\r\n", "\r\nabcdefghi"] {
        let mut server = Server::start(move |_| Holds(format!("HTTP/1.1 200 OK\r\n{head}"))).await;
        assert_eq!(fetch(&server, at_most(5)).await.unwrap_err().kind(), ErrorKind::TooLarge);
        while !matches!(server.next().await, Seen::Left) {}
    }
}

#[tokio::test]
async fn a_body_shorter_than_its_length_is_an_error() {
    let reply = |length: &str| format!("HTTP/1.1 200 OK\r\n{length}\r\n\r\nabcdef");
    let short = Server::start(move |_| Ends(reply("content-length: 2"))).await;
    assert_eq!(fetch(&short, at_most(4)).await.unwrap(), "ab");
    for length in ["content-length: 9", "content-length: 2\r\ncontent-length: 6", "content-length: -1"] {
        let server = Server::start(move |_| Ends(reply(length))).await;
        assert_eq!(fetch(&server, at_most(100)).await.unwrap_err().kind(), ErrorKind::Upstream, "{length}");
    }
}

#[tokio::test]
async fn a_compressed_reply_is_refused() {
    for (encoding, taken) in [("gzip", false), ("identity, br", false), ("Identity", true), ("", true)] {
        let text = format!("HTTP/1.1 200 OK\r\ncontent-encoding: {encoding}\r\ncontent-length: 1\r\n\r\nx");
        let server = Server::start(move |_| Ends(text.clone())).await;
        let fetched = fetch(&server, FetchLimits::default()).await;
        assert_eq!(
            fetched.map_err(|e| e.kind()),
            if taken { Ok("x".into()) } else { Err(ErrorKind::Upstream) }
        );
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_times_out() {
    let mut server = Server::start(|_| Holds(String::new())).await;
    let (fetcher, url) = (fetcher(&server), server.url("127.0.0.1"));
    let fetched = tokio::spawn(async move { fetcher.get(&url, FetchLimits::default()).await.map(|_| ()) });
    while !matches!(server.next().await, Seen::Held) {}
    // From here on, tokio's clock jumps to the next timer.
    tokio::time::pause();
    assert_eq!(fetched.await.unwrap().unwrap_err().kind(), ErrorKind::UpstreamTimeout);
}

#[tokio::test]
async fn a_body_that_stops_ends_with_a_timeout() {
    let server = Server::start(|_| Holds("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc".into())).await;
    let mut fetched = fetcher(&server).get(&server.url("127.0.0.1"), FetchLimits::default()).await.unwrap();
    assert_eq!(fetched.body.next().await.unwrap().unwrap(), "abc");
    tokio::time::pause();
    let error = fetched.body.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UpstreamTimeout);
    assert!(fetched.body.next().await.is_none());
}

#[tokio::test]
async fn dropping_a_fetch_or_its_body_closes_the_connection() {
    let mut server = Server::start(|path| match path {
        "/" => Holds("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc".into()),
        _ => Holds(String::new()),
    })
    .await;
    let fetched = fetcher(&server).get(&server.url("127.0.0.1"), FetchLimits::default()).await.unwrap();
    drop(fetched);
    while !matches!(server.next().await, Seen::Left) {}

    let (fetcher, url) = (fetcher(&server), format!("{}silent", server.url("127.0.0.1")));
    let fetched = tokio::spawn(async move { fetcher.get(&url, FetchLimits::default()).await.map(|_| ()) });
    while !matches!(server.next().await, Seen::Held) {}
    fetched.abort();
    while !matches!(server.next().await, Seen::Left) {}
}

struct NoAnswer;

#[async_trait]
impl Resolve for NoAnswer {
    async fn resolve(&self, _: &str) -> Result<Vec<IpAddr>> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_resolver_that_does_not_answer_times_out() {
    let fetcher =
        Fetcher::new(FetchSettings { resolver: Arc::new(NoAnswer), ..FetchSettings::default() }).unwrap();
    let error = fetcher.get("http://slow.example/", FetchLimits::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UpstreamTimeout);
}

#[tokio::test]
async fn a_name_without_addresses_and_a_closed_port_are_upstream_errors() {
    let server = Server::start(|_| Ends(ok(""))).await;
    let nowhere = Fetcher::new(settings(&server, &script(&[]))).unwrap();
    let error = nowhere.get("http://nowhere.example/", FetchLimits::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Upstream, "{error:?}");

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let mut settings = settings(&server, &script(&[&[NEAR]]));
    settings.ports.push(port);
    let closed = Fetcher::new(settings).unwrap();
    for host in ["127.0.0.1", "closed.example"] {
        let error = closed.get(&format!("http://{host}:{port}/"), FetchLimits::default()).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.message()),
            (ErrorKind::Upstream, "The server could not be reached.")
        );
    }
}

#[tokio::test]
async fn private_hosts_are_opened_by_name_by_range_or_by_allow_private() {
    let mut server = Server::start(|_| Ends(ok("mine"))).await;
    let allowed = |allow: &str| vec![allow.parse::<Allowed>().unwrap()];
    let of = |allow, allow_private| FetchSettings {
        allow,
        allow_private,
        ..settings(&server, &script(&[&[SECRET]]))
    };
    let get = async |settings, host: &str| {
        Fetcher::new(settings).unwrap().get(&server.url(host), FetchLimits::default()).await.map(|f| f.status)
    };
    is_forbidden(get(of(Vec::new(), false), "files.corp").await);
    is_forbidden(get(of(allowed("127.0.0.2"), false), "127.0.0.3").await);
    is_forbidden(get(of(allowed("files.corp"), false), "127.0.0.2").await);
    assert_eq!(get(of(allowed("files.corp"), false), "Files.Corp.").await.unwrap(), 200);
    assert_eq!(get(of(allowed("127.0.0.0/30"), false), "files.corp").await.unwrap(), 200);
    assert_eq!(get(of(Vec::new(), true), "localhost").await.unwrap(), 200);
    assert_eq!(server.asked(), [SECRET; 3]);
}
