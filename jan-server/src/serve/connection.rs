//! One connection from its first byte to its end. Every state in which it can be has a time limit, and one without a request
//! ends at once when the server stops.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::FutureExt;
use http::header::CONNECTION;
use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

use super::head;
use super::remainder::{self, Arriving};
use super::settings::ServeSettings;
use super::socket::Socket;
use super::source::Accepted;
use super::streams::{self, InPieces, Streams};
use crate::gateway::admit::PeerAddr;
use crate::http::body::Body;
use crate::server::Server;

/// What every HTTP/2 connection begins with, and no HTTP/1 request.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// What is read of a connection in one go: the most that the head of a request may have, and that is held in memory of a
/// body that comes faster than it is taken.
const READ: usize = 128 * 1024;
/// When the server stops, an HTTP/2 client that has no stream open is told so and given this time to hang up.
const GOODBYE: Duration = Duration::from_secs(1);

/// How connections are spoken with.
pub(super) struct Protocols {
    limits: ServeSettings,
    http1: http1::Builder,
}

/// Which protocol a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    Http1,
    Http2,
}

impl Version {
    /// What it is that begins so; `None` while it can be either.
    fn of(start: &[u8]) -> Option<Self> {
        match PREFACE.strip_prefix(start) {
            None => Some(Self::Http1),
            Some([]) => Some(Self::Http2),
            Some(_) => None,
        }
    }
}

impl Protocols {
    pub(super) fn new(limits: &ServeSettings) -> Self {
        // hyper measures nothing unless it is given a timer.
        let mut http1 = http1::Builder::new();
        http1.timer(TokioTimer::new()).header_read_timeout(limits.head).max_buf_size(READ);
        Self { limits: limits.clone(), http1 }
    }

    /// Serves one connection to its end.
    pub(super) async fn serve(
        self: Arc<Self>,
        server: Server,
        accepted: Accepted,
        mut stopped: watch::Receiver<bool>,
    ) {
        let Accepted { socket, peer, counted: _counted } = accepted;
        let begun = tokio::select! {
            begun = self.begin(socket) => begun,
            () = stop(&mut stopped) => None,
        };
        match begun {
            None => {}
            Some((Version::Http1, socket)) => self.http1(server, socket, peer, stopped).await,
            Some((Version::Http2, socket)) => Box::pin(self.http2(server, socket, peer, stopped)).await,
        }
    }

    /// Tells HTTP/1 from HTTP/2. Mostly the first look decides; looking takes nothing away, so that the socket needs no
    /// memory of it. hyper's own way to tell them apart costs every request and every open stream something, and has no
    /// time limit.
    async fn begin(&self, mut socket: TcpStream) -> Option<(Version, Socket)> {
        let mut start = [0; PREFACE.len()];
        let Ok(Ok(seen @ 1..)) = timeout(self.limits.first_byte, socket.peek(&mut start)).await else {
            return None;
        };
        // Small chunks are the rule here: none may wait for the next.
        let _ = socket.set_nodelay(true);
        let (version, read) = match Version::of(start.get(..seen)?) {
            Some(version) => (version, Bytes::new()),
            None => timeout(self.limits.head, decide(&mut socket)).await.ok()??,
        };
        Some((version, Socket::new(socket, read, self.limits.write)))
    }

    async fn http1(
        &self,
        server: Server,
        socket: Socket,
        peer: SocketAddr,
        mut stopped: watch::Receiver<bool>,
    ) {
        let state = Arc::new(Http1State::default());
        let of_service = state.clone();
        // Boxed, because hyper keeps the room of a request's future for as long as its reply streams.
        let service = service_fn(move |request: Request<Incoming>| {
            Box::pin(answer(server.clone(), request, peer, of_service.clone()))
        });
        let mut serving = self.http1.serve_connection(TokioIo::new(socket), service);
        let ended = tokio::select! {
            biased;
            ended = &mut serving => Some(ended),
            () = stop(&mut stopped) => None,
        };
        let ended = match ended {
            Some(ended) => ended,
            // Without a request, even if one has begun to come, there is nothing to finish.
            None if !state.asked.load(Ordering::Relaxed) => return,
            None => {
                std::pin::Pin::new(&mut serving).graceful_shutdown();
                (&mut serving).await
            }
        };
        let Err(error) = ended else { return };
        tracing::debug!(%peer, %error, "a connection ended early");
        if error.is_parse() {
            // hyper has said so. Whoever is still writing has to get to read it.
            let mut socket = serving.into_parts().io.into_inner();
            tokio::select! {
                () = remainder::of_socket(&mut socket) => {}
                () = stop(&mut stopped) => {}
            }
        }
    }

    async fn http2(
        &self,
        server: Server,
        socket: Socket,
        peer: SocketAddr,
        mut stopped: watch::Receiver<bool>,
    ) {
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(PeerAddr(peer));
            let request = request.map(|body| Arriving::new(body, None));
            server.handle(request).map(|reply| Ok::<_, Infallible>(reply.map(InPieces::new)))
        });
        let (streams, mut opened) = Streams::new(self.limits.write);
        let mut builder = http2::Builder::new(streams);
        builder
            .timer(TokioTimer::new())
            .keep_alive_interval(self.limits.head)
            .keep_alive_timeout(self.limits.head);
        let mut serving = pin!(builder.serve_connection(TokioIo::new(socket), service));
        let ended = |ended: hyper::Result<()>| {
            if let Err(error) = ended {
                tracing::debug!(%peer, %error, "a connection ended early");
            }
        };
        tokio::select! {
            biased;
            end = serving.as_mut() => return ended(end),
            () = streams::idle(&mut opened, self.limits.head) => {}
            () = stop(&mut stopped) => {}
        }
        // The client is told to open no more streams (GOAWAY); what it has opened is finished.
        serving.as_mut().graceful_shutdown();
        let mut seen = opened.clone();
        tokio::select! {
            biased;
            end = serving => ended(end),
            () = streams::idle(&mut opened, self.limits.head) => {}
            () = async {
                stop(&mut stopped).await;
                streams::idle(&mut seen, GOODBYE).await;
            } => {}
        }
    }
}

/// Until the server stops.
async fn stop(stopped: &mut watch::Receiver<bool>) {
    // The sender goes only with the server.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// Reads until the protocol is known.
async fn decide(socket: &mut TcpStream) -> Option<(Version, Bytes)> {
    let mut read = BytesMut::with_capacity(PREFACE.len());
    loop {
        let missing = PREFACE.len() - read.len();
        if socket.read_buf(&mut (&mut read).limit(missing)).await.ok()? == 0 {
            return None;
        }
        if let Some(version) = Version::of(&read) {
            return Some((version, read.freeze()));
        }
    }
}

/// What is known of an HTTP/1 connection besides what hyper knows.
#[derive(Default)]
struct Http1State {
    /// A request has come.
    asked: AtomicBool,
    /// Much of the last request's body was not read: the connection will be closed.
    much_left: Arc<AtomicBool>,
}

/// Answers one request of an HTTP/1 connection.
async fn answer(
    server: Server,
    mut request: Request<Incoming>,
    peer: SocketAddr,
    state: Arc<Http1State>,
) -> Result<Response<Body>, Infallible> {
    state.asked.store(true, Ordering::Relaxed);
    request.extensions_mut().insert(PeerAddr(peer));
    let fault = head::check(&request).err();
    let waits = head::waits_to_be_asked(request.headers());
    let request = request.map(|body| Arriving::new(body, Some((state.much_left.clone(), waits))));
    let mut reply = match fault {
        None => server.handle(request).await,
        Some(fault) => server.refuse(request, fault).await,
    };
    if state.much_left.swap(false, Ordering::Relaxed) {
        reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(reply)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_protocol_is_known_as_soon_as_it_can_be() {
        for undecided in [&b"P"[..], b"PRI", &PREFACE[..23]] {
            assert_eq!(Version::of(undecided), None);
        }
        for http1 in [&b"G"[..], b"PO", b"PRI * HTTP/1.1", b"\x16\x03"] {
            assert_eq!(Version::of(http1), Some(Version::Http1));
        }
        assert_eq!(Version::of(PREFACE), Some(Version::Http2));
    }
}
