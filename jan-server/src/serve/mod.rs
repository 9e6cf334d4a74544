//! The accept loop. hyper does the protocol; this folder bounds what a stranger can hold on to (connections, and time in
//! every state of one) and ends in good order: no stream is cut that can finish within the limit.
//!
//! | file | holds |
//! |---|---|
//! | `connection` | one connection: which protocol it speaks, its end |
//! | `socket` | the time limit for a peer that does not read |
//! | `streams` | the same for one stream of HTTP/2 |
//! | `remainder` | what still comes of a body that nobody reads any more |
//! | `head` | what a request must say before it is looked at |
//! | `settings` | the limits |
//! | `source` | where connections come from |
//! | `cores` | a runtime for each core |

mod connection;
mod cores;
mod head;
mod remainder;
mod settings;
mod socket;
mod source;
mod streams;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jan_core::causes::Causes;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

pub use self::settings::ServeSettings;

use self::connection::Protocols;
use self::source::{ACCEPT_PAUSE, Source};
use crate::server::Server;
use crate::supervise::supervise;

/// How many connections may wait to be accepted. The usual 128 overflows when a few hundred clients come at once, and
/// those over it wait a second for their next try.
const BACKLOG: u32 = 4096;
/// How often what was counted in memory is written down: the most that a sudden death forgets.
const FLUSH_EVERY: Duration = Duration::from_secs(1);

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
        self.serve_from(listener, stop, limits).await
    }

    /// As [`Server::serve_with`], wherever the connections come from.
    async fn serve_from<F: Future>(
        &self,
        mut source: impl Source,
        stop: F,
        limits: &ServeSettings,
    ) -> io::Result<()> {
        let (places, protocols) =
            (Arc::new(Semaphore::new(limits.connections)), Arc::new(Protocols::new(limits)));
        let (stopping, stopped) = watch::channel(false);
        let mut connections = JoinSet::new();
        // In the background while this serves; a set, because it ends its tasks when it is dropped.
        let mut chores = JoinSet::new();
        let (sweeping, writing) = (self.inner.clone(), self.clone());
        chores.spawn(supervise("sweeper", move || {
            let inner = sweeping.clone();
            async move { inner.sweeper.sweep_regularly().await }
        }));
        chores.spawn(supervise("usage writer", move || write_down(writing.clone())));
        let mut stop = std::pin::pin!(stop);
        loop {
            // A place first, so that whoever is over the cap waits in the backlog and costs nothing.
            let next = async {
                let place = places.clone().acquire_owned().await;
                (place, source.next().await)
            };
            let (place, accepted) = tokio::select! {
                biased;
                _ = &mut stop => break,
                Some(_) = connections.join_next() => continue,
                next = next => next,
            };
            match accepted {
                Ok(accepted) => {
                    let serving = protocols.clone().serve(self.clone(), accepted, stopped.clone());
                    connections.spawn(async move {
                        serving.await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(source);
        self.inner.rooms.draining.store(true, Ordering::Relaxed);
        tracing::info!(connections = connections.len(), limit = ?limits.drain, "stopping: running requests may finish");
        stopping.send_replace(true);
        let ended = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(limits.drain, ended).await.is_err() {
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
