//! The accept loop. hyper does the protocol; this file bounds what a stranger can hold on to (connections, silence, slow
//! heads) and ends in good order: no stream is cut that can finish within the limit.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use jan_core::causes::Causes;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use crate::http::body::BoxError;
use crate::server::Server;
use crate::supervise::supervise;

/// How many connections may wait to be accepted. The usual 128 overflows when a few hundred clients come at once, and
/// those over it wait a second for their next try.
const BACKLOG: u32 = 4096;
/// What every HTTP/2 connection begins with, and no HTTP/1 request.
const HTTP2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// What is read of a connection in one go: the most that the head of a request may have, and that is held in memory of a
/// body that comes faster than it is taken.
const READ: usize = 128 * 1024;
/// After a failed accept (too many open files, say) a moment is left for things to get better.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How often what was counted in memory is written down: the most that a sudden death forgets.
const FLUSH_EVERY: Duration = Duration::from_secs(1);

/// The address of the peer of a request, for limits counted by address. [`Server::serve`] adds it to the request's
/// extensions; whoever mounts the service elsewhere can add it too.
#[derive(Debug, Clone, Copy)]
pub struct PeerAddr(pub SocketAddr);

/// What one listener allows.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ServeSettings {
    /// Connections open at once; more wait in the backlog. Default: 8192.
    pub connections: usize,
    /// How long a new connection may say nothing at all. Default: 10 s.
    pub first_byte: Duration,
    /// How long the head of a request may take, and how long a connection may be idle between requests. Default: 30 s.
    pub head: Duration,
    /// After the stop signal: how long running requests may take to finish. Default: 30 s.
    pub drain: Duration,
}

impl Default for ServeSettings {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { connections: 8192, first_byte: seconds(10), head: seconds(30), drain: seconds(30) }
    }
}

/// A listener on `address` with a backlog fit for a server. Any other [`TcpListener`] serves as well.
///
/// # Errors
/// When the address is taken or not this machine's.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restart need not wait for the kernel to forget the last connections.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Where connections come from.
pub(crate) trait Door: Send {
    /// The next one. Dropping the future loses none.
    fn next(&mut self) -> impl Future<Output = io::Result<Visitor>> + Send;
}

/// Somebody at the door.
pub(crate) struct Visitor {
    pub(crate) socket: TcpStream,
    pub(crate) peer: SocketAddr,
    /// Dropped when they have gone.
    pub(crate) counted: Option<Counted>,
}

/// One of those who are counted. Dropping it counts them off.
pub(crate) struct Counted(Arc<AtomicUsize>);

impl Counted {
    #[cfg(feature = "cli")]
    pub(crate) fn by(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Door for TcpListener {
    async fn next(&mut self) -> io::Result<Visitor> {
        let (socket, peer) = self.accept().await?;
        Ok(Visitor { socket, peer, counted: None })
    }
}

impl Server {
    /// Serves `listener` until `stop` is done, with the default limits.
    ///
    /// # Errors
    /// Never after the listener stands: what fails is one connection, not the server.
    pub async fn serve<F: Future>(&self, listener: TcpListener, stop: F) -> io::Result<()> {
        self.serve_with(listener, stop, &ServeSettings::default()).await
    }

    /// Serves `listener` until `stop` is done; then takes no more connections, lets running requests finish, and cuts
    /// what is left after the drain limit. Dropping the future cuts everything at once.
    ///
    /// # Errors
    /// As [`Server::serve`].
    pub async fn serve_with<F: Future>(
        &self,
        listener: TcpListener,
        stop: F,
        limits: &ServeSettings,
    ) -> io::Result<()> {
        self.serve_from(listener, stop, limits).await
    }

    /// As [`Server::serve_with`], wherever the connections come from.
    pub(crate) async fn serve_from<F: Future>(
        &self,
        mut door: impl Door,
        stop: F,
        limits: &ServeSettings,
    ) -> io::Result<()> {
        let (places, drain) = (Arc::new(Semaphore::new(limits.connections)), GracefulShutdown::new());
        let protocols = Arc::new(Protocols::new(limits));
        let mut connections = JoinSet::new();
        // In the background while this serves; a set, because it ends its tasks when it is dropped.
        let mut chores = JoinSet::new();
        let (sweeping, writing) = (self.clone(), self.clone());
        chores.spawn(supervise("sweeper", move || sweeping.clone().sweep_regularly()));
        chores.spawn(supervise("usage writer", move || write_down(writing.clone())));
        let mut stop = std::pin::pin!(stop);
        loop {
            // A place first, so that whoever is over the cap waits in the backlog and costs nothing.
            let next = async {
                let place = places.clone().acquire_owned().await;
                (place, door.next().await)
            };
            let (place, accepted) = tokio::select! {
                biased;
                _ = &mut stop => break,
                Some(_) = connections.join_next() => continue,
                next = next => next,
            };
            match accepted {
                Ok(visitor) => {
                    let (server, protocols) = (self.clone(), protocols.clone());
                    let watcher = drain.watcher();
                    connections.spawn(connection(server, protocols, visitor, watcher, place));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(door);
        self.rooms.draining.store(true, Ordering::Relaxed);
        tracing::info!(connections = connections.len(), limit = ?limits.drain, "stopping: running requests may finish");
        if tokio::time::timeout(limits.drain, drain.shutdown()).await.is_err() {
            tracing::warn!("the drain limit is over: what still runs is cut");
        }
        connections.shutdown().await;
        chores.shutdown().await;
        flush(self).await;
        Ok(())
    }
}

/// Writes down what was counted, again and again.
async fn write_down(server: Server) {
    let mut every = tokio::time::interval(FLUSH_EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        flush(&server).await;
    }
}

async fn flush(server: &Server) {
    if let Err(error) = server.flush().await {
        let error = Causes(&error);
        tracing::warn!(%error, "what was counted could not be written down; it is kept for the next time");
    }
}

/// How connections are spoken with.
struct Protocols {
    first_byte: Duration,
    http1: http1::Builder,
    /// HTTP/2 by prior knowledge, and what cannot be told apart yet.
    either: auto::Builder<TokioExecutor>,
}

impl Protocols {
    fn new(limits: &ServeSettings) -> Self {
        // hyper measures nothing unless it is given a timer.
        let mut http1 = http1::Builder::new();
        http1.timer(TokioTimer::new()).header_read_timeout(limits.head).max_buf_size(READ);
        let mut either = auto::Builder::new(TokioExecutor::new());
        either.http1().timer(TokioTimer::new()).header_read_timeout(limits.head).max_buf_size(READ);
        either
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(limits.head)
            .keep_alive_timeout(limits.head);
        Self { first_byte: limits.first_byte, http1, either }
    }
}

/// Serves one connection to its end, and gives its place back then.
async fn connection(
    server: Server,
    protocols: Arc<Protocols>,
    Visitor { socket, peer, counted: _counted }: Visitor,
    watcher: Watcher,
    _place: Result<OwnedSemaphorePermit, AcquireError>,
) {
    // hyper waits for the first byte without a timer of its own.
    let mut start = [0; HTTP2.len()];
    let Ok(Ok(seen @ 1..)) = tokio::time::timeout(protocols.first_byte, socket.peek(&mut start)).await else {
        return;
    };
    // Small chunks are the rule here: none may wait for the next.
    let _ = socket.set_nodelay(true);
    // Boxed, because hyper keeps the room of a request's future for as long as its reply streams.
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(PeerAddr(peer));
        Box::pin(server.handle(request).map(Ok::<_, Infallible>))
    });
    let socket = TokioIo::new(socket);
    // hyper's own way to tell the protocols apart costs every request and every open stream something.
    let may_be_http2 = start.iter().zip(HTTP2).take(seen).all(|(is, wanted)| is == wanted);
    let ended: Result<(), BoxError> = if may_be_http2 {
        let either = protocols.either.serve_connection(socket, service).into_owned();
        Box::pin(watcher.watch(either)).await
    } else {
        watcher.watch(protocols.http1.serve_connection(socket, service)).await.map_err(Into::into)
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, error, "a connection ended early");
    }
}
