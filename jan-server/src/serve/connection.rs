//! One connection from its first byte to its end. Every state of a connection has a time limit, and a connection
//! without a request ends at once when the server stops.

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
use super::remainder::{self, IncomingBody};
use super::settings::ServeSettings;
use super::socket::Socket;
use super::source::Accepted;
use super::streams::{self, SplitBody, Streams};
use crate::gateway::admit::PeerAddr;
use crate::http::body::Body;
use crate::server::Server;

/// The connection preface: every HTTP/2 connection begins with it, and no HTTP/1 request does.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The read buffer of a connection, in bytes. It bounds the head of a request, and the part of a body that is buffered
/// while the handler reads slower than the client sends.
const READ_BUFFER: usize = 128 * 1024;
/// When the server stops, an HTTP/2 client without open streams gets a GOAWAY and this much time to close the
/// connection.
const GOAWAY_WAIT: Duration = Duration::from_secs(1);

/// Serves connections with the protocol that each client uses.
pub(super) struct ConnectionHandler {
    limits: ServeSettings,
    http1: http1::Builder,
}

/// The protocol of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Http1,
    Http2,
}

impl Protocol {
    /// The protocol of a connection that begins with these bytes; `None` while it can be either.
    fn of(start: &[u8]) -> Option<Self> {
        match PREFACE.strip_prefix(start) {
            None => Some(Self::Http1),
            Some([]) => Some(Self::Http2),
            Some(_) => None,
        }
    }
}

impl ConnectionHandler {
    pub(super) fn new(limits: &ServeSettings) -> Self {
        // hyper applies its time limits only if it has a timer.
        let mut http1 = http1::Builder::new();
        http1.timer(TokioTimer::new()).header_read_timeout(limits.head).max_buf_size(READ_BUFFER);
        Self { limits: limits.clone(), http1 }
    }

    /// Serves one connection to its end.
    pub(super) async fn serve(
        self: Arc<Self>,
        server: Server,
        accepted: Accepted,
        mut stopped: watch::Receiver<bool>,
    ) {
        let Accepted { socket, peer, guard: _guard } = accepted;
        let detected = tokio::select! {
            detected = self.detect(socket) => detected,
            () = wait_for_stop(&mut stopped) => None,
        };
        match detected {
            None => {}
            Some((Protocol::Http1, socket)) => self.http1(server, socket, peer, stopped).await,
            Some((Protocol::Http2, socket)) => Box::pin(self.http2(server, socket, peer, stopped)).await,
        }
    }

    /// Detects the protocol. It peeks first, which is mostly enough and leaves the bytes in the socket, so that nothing
    /// has to be buffered. hyper's own detection adds a cost to every request and every open stream, and has no time
    /// limit.
    async fn detect(&self, mut socket: TcpStream) -> Option<(Protocol, Socket)> {
        let mut start = [0; PREFACE.len()];
        let Ok(Ok(seen @ 1..)) = timeout(self.limits.first_byte, socket.peek(&mut start)).await else {
            return None;
        };
        // Streamed chunks are small: without this, the kernel would hold a chunk back until the one before is
        // acknowledged.
        let _ = socket.set_nodelay(true);
        let (protocol, read) = match Protocol::of(start.get(..seen)?) {
            Some(protocol) => (protocol, Bytes::new()),
            None => timeout(self.limits.head, read_until_known(&mut socket)).await.ok()??,
        };
        Some((protocol, Socket::new(socket, read, self.limits.write)))
    }

    async fn http1(
        &self,
        server: Server,
        socket: Socket,
        peer: SocketAddr,
        mut stopped: watch::Receiver<bool>,
    ) {
        let state = Arc::new(Http1State::default());
        let service_state = state.clone();
        // Boxed, because hyper keeps the memory of a request's future until its reply has been sent.
        let service = service_fn(move |request: Request<Incoming>| {
            Box::pin(answer(server.clone(), request, peer, service_state.clone()))
        });
        let mut serving = self.http1.serve_connection(TokioIo::new(socket), service);
        let ended = tokio::select! {
            biased;
            ended = &mut serving => Some(ended),
            () = wait_for_stop(&mut stopped) => None,
        };
        let ended = match ended {
            Some(ended) => ended,
            // No request has been received in full: there is nothing to finish.
            None if !state.has_request.load(Ordering::Relaxed) => return,
            None => {
                std::pin::Pin::new(&mut serving).graceful_shutdown();
                (&mut serving).await
            }
        };
        let Err(error) = ended else { return };
        tracing::debug!(%peer, %error, "a connection ended early");
        if error.is_parse() {
            // hyper has answered with an error. The client may still be writing, and closing now could reset the
            // connection before it reads the reply.
            let mut socket = serving.into_parts().io.into_inner();
            tokio::select! {
                () = remainder::discard_socket(&mut socket) => {}
                () = wait_for_stop(&mut stopped) => {}
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
            let request = request.map(|body| IncomingBody::new(body, None));
            server.handle(request).map(|reply| Ok::<_, Infallible>(reply.map(SplitBody::new)))
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
            () = wait_for_stop(&mut stopped) => {}
        }
        // GOAWAY: the client may open no more streams. Streams that are open are finished.
        serving.as_mut().graceful_shutdown();
        let mut seen = opened.clone();
        tokio::select! {
            biased;
            end = serving => ended(end),
            () = streams::idle(&mut opened, self.limits.head) => {}
            () = async {
                wait_for_stop(&mut stopped).await;
                streams::idle(&mut seen, GOAWAY_WAIT).await;
            } => {}
        }
    }
}

/// Waits until the server stops.
async fn wait_for_stop(stopped: &mut watch::Receiver<bool>) {
    // An error means that the sender was dropped, which happens only with the server.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// Reads until the bytes decide the protocol.
async fn read_until_known(socket: &mut TcpStream) -> Option<(Protocol, Bytes)> {
    let mut read = BytesMut::with_capacity(PREFACE.len());
    loop {
        let missing = PREFACE.len() - read.len();
        if socket.read_buf(&mut (&mut read).limit(missing)).await.ok()? == 0 {
            return None;
        }
        if let Some(protocol) = Protocol::of(&read) {
            return Some((protocol, read.freeze()));
        }
    }
}

/// The state of an HTTP/1 connection that hyper does not report.
#[derive(Default)]
struct Http1State {
    /// Set when the first request has been received.
    has_request: AtomicBool,
    /// Set when too much of the last request's body was left unread: the connection is closed after the reply.
    must_close: Arc<AtomicBool>,
}

/// Answers one request of an HTTP/1 connection.
async fn answer(
    server: Server,
    mut request: Request<Incoming>,
    peer: SocketAddr,
    state: Arc<Http1State>,
) -> Result<Response<Body>, Infallible> {
    state.has_request.store(true, Ordering::Relaxed);
    request.extensions_mut().insert(PeerAddr(peer));
    let head_error = head::check(&request).err();
    let expects_continue = head::expects_continue(request.headers());
    let request =
        request.map(|body| IncomingBody::new(body, Some((state.must_close.clone(), expects_continue))));
    let mut reply = match head_error {
        None => server.handle(request).await,
        Some(error) => server.refuse(request, error).await,
    };
    if state.must_close.swap(false, Ordering::Relaxed) {
        reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(reply)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_protocol_is_detected_from_as_few_bytes_as_possible() {
        for undecided in [&b"P"[..], b"PRI", &PREFACE[..23]] {
            assert_eq!(Protocol::of(undecided), None);
        }
        for http1 in [&b"G"[..], b"PO", b"PRI * HTTP/1.1", b"\x16\x03"] {
            assert_eq!(Protocol::of(http1), Some(Protocol::Http1));
        }
        assert_eq!(Protocol::of(PREFACE), Some(Protocol::Http2));
    }
}
