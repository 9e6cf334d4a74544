//! One connection to the measured server, and the reading of its streams.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderValue, Request, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::Target;
use crate::numbers::Times;

/// One or more requests that are built once and sent in rotation. Clones share the position in the rotation.
#[derive(Clone)]
pub(crate) struct Requests {
    address: SocketAddr,
    requests: Arc<[Request<Full<Bytes>>]>,
    position: Arc<AtomicUsize>,
}

impl Requests {
    /// A chat, or one chat for each of the target's conversations.
    pub(crate) fn chat(target: &Target, stream: bool) -> io::Result<Self> {
        let model = serde_json::Value::from(target.model.as_str());
        let extra = if stream { r#","stream":true,"stream_options":{"include_usage":true}"# } else { "" };
        let messages =
            r#"[{"role":"system","content":"Be brief."},{"role":"user","content":"Tell me of rivers."}]"#;
        let body = |more: &str| format!(r#"{{"model":{model},"messages":{messages}{extra}{more}}}"#);
        let bodies: Vec<_> = match &target.conversations {
            None => vec![body("")],
            Some(file) => std::fs::read_to_string(file)?
                .split_whitespace()
                .map(|id| body(&format!(r#","conversation":"{id}""#)))
                .collect(),
        };
        Self::post(target, bodies)
    }

    /// POST requests with these bodies, as JSON.
    pub(crate) fn post(target: &Target, bodies: Vec<String>) -> io::Result<Self> {
        let mut requests = Self::get_as(target)?;
        let with_body = |body: String| {
            let mut request = requests.request().clone();
            *request.method_mut() = http::Method::POST;
            *request.body_mut() = Full::new(body.into());
            request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            request
        };
        requests.requests = bodies.into_iter().map(with_body).collect();
        if requests.requests.is_empty() { Err(io::Error::other("nothing to ask")) } else { Ok(requests) }
    }

    /// The target's URL, with its token.
    pub(crate) fn get_as(target: &Target) -> io::Result<Self> {
        let mut requests = Self::get(&target.url)?;
        if let Some(token) = &target.token {
            let value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(io::Error::other)?;
            let mut request = requests.request().clone();
            request.headers_mut().insert(header::AUTHORIZATION, value);
            requests.requests = Arc::new([request]);
        }
        Ok(requests)
    }

    pub(crate) fn get(url: &str) -> io::Result<Self> {
        let wrong = || io::Error::other("the URL must be http://127.0.0.1:PORT/PATH");
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let host = uri.authority().ok_or_else(wrong)?.as_str().to_owned();
        let address: SocketAddr = host.parse().map_err(|_| wrong())?;
        if !address.ip().is_loopback() {
            return Err(wrong());
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let request = Request::get(path).header(header::HOST, host);
        let request = request.body(Full::default()).map_err(io::Error::other)?;
        Ok(Self { address, requests: Arc::new([request]), position: Arc::default() })
    }

    /// The next request.
    fn request(&self) -> &Request<Full<Bytes>> {
        let position = self.position.fetch_add(1, Ordering::Relaxed);
        #[expect(
            clippy::indexing_slicing,
            reason = "there is at least one, and the index is less than their number"
        )]
        &self.requests[position % self.requests.len()]
    }
}

/// An open connection.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
}

impl Connection {
    pub(crate) async fn open(requests: &Requests) -> io::Result<Self> {
        let socket = TcpStream::connect(requests.address).await?;
        socket.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(socket)).await.map_err(io::Error::other)?;
        // An error of the connection is also returned to the reader of the reply.
        tokio::spawn(connection);
        Ok(Self { sender })
    }

    async fn send(&mut self, requests: &Requests) -> io::Result<Incoming> {
        self.sender.ready().await.map_err(io::Error::other)?;
        let response =
            self.sender.send_request(requests.request().clone()).await.map_err(io::Error::other)?;
        let status = response.status();
        if status.is_success() {
            return Ok(response.into_body());
        }
        let body = response.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
        let text: String = String::from_utf8_lossy(&body).chars().take(200).collect();
        Err(io::Error::other(format!("{status} {text}")))
    }

    /// Sends a request, reads its answer and returns the time that both took.
    pub(crate) async fn timed(&mut self, requests: &Requests) -> io::Result<Duration> {
        let sent = Instant::now();
        self.answer(requests).await?;
        Ok(sent.elapsed())
    }

    /// Sends a request and reads its answer.
    pub(crate) async fn answer(&mut self, requests: &Requests) -> io::Result<Bytes> {
        let body = self.send(requests).await?.collect().await.map_err(io::Error::other)?.to_bytes();
        if body.is_empty() { Err(io::Error::other("an empty answer")) } else { Ok(body) }
    }

    /// Sends a request for a stream.
    pub(crate) async fn stream(&mut self, requests: &Requests) -> io::Result<StreamReader> {
        let sent = Instant::now();
        let body = self.send(requests).await?;
        Ok(StreamReader { body, sent, stats: StreamStats::default() })
    }
}

/// A stream that is being read.
pub(crate) struct StreamReader {
    body: Incoming,
    sent: Instant,
    stats: StreamStats,
}

/// The measurements of one stream.
#[derive(Default)]
pub(crate) struct StreamStats {
    /// Time from the request to the first bytes of the body.
    pub(crate) first: Option<Duration>,
    /// Times between two reads that returned bytes.
    pub(crate) gaps: Times,
    /// Number of events, with `[DONE]`.
    pub(crate) events: usize,
    last: Option<Instant>,
    tail: Vec<u8>,
}

impl StreamReader {
    /// Reads until the first bytes have arrived.
    pub(crate) async fn first(&mut self) -> io::Result<()> {
        while self.stats.first.is_none() {
            if !self.read().await? {
                return Err(io::Error::other("an empty stream"));
            }
        }
        Ok(())
    }

    /// Reads to the end.
    pub(crate) async fn read_all(mut self) -> io::Result<StreamStats> {
        while self.read().await? {}
        if self.stats.tail.trim_ascii_end().ends_with(b"data: [DONE]") {
            Ok(self.stats)
        } else {
            Err(io::Error::other("the stream ended without [DONE]"))
        }
    }

    /// Reads to the end, and accepts a stream without `[DONE]`.
    pub(crate) async fn hold(mut self) -> io::Result<()> {
        while self.read().await? {}
        Ok(())
    }

    async fn read(&mut self) -> io::Result<bool> {
        let Some(frame) = self.body.frame().await else { return Ok(false) };
        let frame = frame.map_err(io::Error::other)?;
        if let Some(bytes) = frame.data_ref().filter(|bytes| !bytes.is_empty()) {
            self.stats.take(bytes, self.sent);
        }
        Ok(true)
    }
}

impl StreamStats {
    fn take(&mut self, bytes: &[u8], sent: Instant) {
        let now = Instant::now();
        match self.last.replace(now) {
            None => self.first = Some(now - sent),
            Some(last) => self.gaps.push(now - last),
        }
        // An event ends with an empty line: two line feeds in sequence, which may be in two reads.
        for at in memchr::memchr_iter(b'\n', bytes) {
            let before = if at == 0 { self.tail.last() } else { bytes.get(at - 1) };
            if before == Some(&b'\n') {
                self.events += 1;
            }
        }
        let keep = bytes.len().saturating_sub(32);
        self.tail.extend_from_slice(bytes.get(keep..).unwrap_or_default());
        let over = self.tail.len().saturating_sub(32);
        self.tail.drain(..over);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_that_span_reads_are_counted_once() {
        let mut stats = StreamStats::default();
        for bytes in [&b"data: 1\n"[..], b"\ndata: 2\n\ndata", b": 3\n\n", b"data: [DO", b"NE]\n\n"] {
            stats.take(bytes, Instant::now());
        }
        assert_eq!((stats.events, stats.gaps.count()), (4, 4));
        assert!(stats.tail.ends_with(b"data: [DONE]\n\n"));
    }
}
