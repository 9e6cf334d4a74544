//! The accept loop. hyper does the protocol; this file bounds what a stranger can hold on to (connections, silence, slow
//! heads) and ends in good order: no stream is cut that can finish within the limit.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::server::Server;

/// How many connections may wait to be accepted. The usual 128 overflows when a few hundred clients come at once, and
/// those over it wait a second for their next try.
const BACKLOG: u32 = 4096;
/// After a failed accept (too many open files, say) a moment is left for things to get better.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
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
        let (places, drain) = (Arc::new(Semaphore::new(limits.connections)), GracefulShutdown::new());
        let protocol = Arc::new(protocol(limits));
        let mut connections = JoinSet::new();
        // Ends when this function does, however it does.
        let mut chores = JoinSet::new();
        chores.spawn(write_down(self.clone()));
        let mut stop = std::pin::pin!(stop);
        loop {
            // A place first, so that whoever is over the cap waits in the backlog and costs nothing.
            let next = async {
                let place = places.clone().acquire_owned().await;
                (place, listener.accept().await)
            };
            let (place, accepted) = tokio::select! {
                biased;
                _ = &mut stop => break,
                Some(_) = connections.join_next() => continue,
                next = next => next,
            };
            match accepted {
                Ok((socket, peer)) => {
                    let connection = connection(
                        self.clone(),
                        protocol.clone(),
                        socket,
                        peer,
                        drain.watcher(),
                        limits.first_byte,
                    );
                    connections.spawn(async move {
                        let _place = place;
                        connection.await;
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(listener);
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
        tracing::warn!(?error, "what was counted could not be written down; it is kept for the next time");
    }
}

fn protocol(limits: &ServeSettings) -> auto::Builder<TokioExecutor> {
    let mut protocol = auto::Builder::new(TokioExecutor::new());
    // hyper measures nothing unless it is given a timer.
    protocol.http1().timer(TokioTimer::new()).header_read_timeout(limits.head);
    protocol
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(limits.head)
        .keep_alive_timeout(limits.head);
    protocol
}

async fn connection(
    server: Server,
    protocol: Arc<auto::Builder<TokioExecutor>>,
    socket: TcpStream,
    peer: SocketAddr,
    watcher: hyper_util::server::graceful::Watcher,
    first_byte: Duration,
) {
    // hyper waits for the first byte without a timer of its own, to tell HTTP/1 from HTTP/2.
    let mut byte = [0];
    if !matches!(tokio::time::timeout(first_byte, socket.peek(&mut byte)).await, Ok(Ok(1))) {
        return;
    }
    // Small chunks are the rule here: none may wait for the next.
    let _ = socket.set_nodelay(true);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(PeerAddr(peer));
        let server = server.clone();
        async move { Ok::<_, std::convert::Infallible>(server.handle(request).await) }
    });
    let connection = protocol.serve_connection(TokioIo::new(socket), service).into_owned();
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%peer, error, "a connection ended early");
    }
}
