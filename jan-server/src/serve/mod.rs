//! The accept loop. hyper implements the protocols. These files limit what a client can hold (connections, and the time
//! in every state of a connection) and stop the server in good order: a stream that can finish within the drain limit
//! is not cut.
//!
//! | file | holds |
//! |---|---|
//! | `connection` | one connection: detecting its protocol, serving it, closing it |
//! | `socket` | the time limit for a client that does not read |
//! | `streams` | the same limit for one HTTP/2 stream |
//! | `remainder` | discards the unread rest of a request body |
//! | `head` | checks of an HTTP/1 request's head |
//! | `settings` | the limits |
//! | `source` | where connections come from |
//! | `cores` | one runtime for each core |

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

use self::connection::ConnectionHandler;
use self::source::{ACCEPT_PAUSE, Source};
use crate::server::Server;
use crate::supervise::supervise;

/// The backlog: how many connections may wait to be accepted. The usual 128 overflows when a few hundred clients
/// connect at once, and the kernel makes the others retry after a second.
const BACKLOG: u32 = 4096;
/// How often counters are written to the store: a crash loses at most this much.
const FLUSH_EVERY: Duration = Duration::from_secs(1);

/// A listener on `address` with a backlog of 4096. Any other [`TcpListener`] can be served as well.
///
/// # Errors
/// When the address is in use or does not belong to this machine.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Lets a restarted server bind at once, while the kernel still holds old connections of the address.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

impl Server {
    /// Serves `listener` until the future `stop` is done, with the default limits.
    ///
    /// # Errors
    /// None in practice: errors of one connection are logged and do not end the server.
    pub async fn serve<F: Future>(&self, listener: TcpListener, stop: F) -> io::Result<()> {
        self.serve_with(listener, stop, &ServeSettings::default()).await
    }

    /// Serves `listener` until the future `stop` is done. Then accepts no more connections, lets running requests
    /// finish, and closes what still runs after the drain limit. Dropping the future closes everything at once.
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

    /// As [`Server::serve_with`], for any source of connections.
    async fn serve_from<F: Future>(
        &self,
        mut source: impl Source,
        stop: F,
        limits: &ServeSettings,
    ) -> io::Result<()> {
        let (slots, handler) =
            (Arc::new(Semaphore::new(limits.connections)), Arc::new(ConnectionHandler::new(limits)));
        let (stopping, stopped) = watch::channel(false);
        let mut connections = JoinSet::new();
        // Background tasks of this listener. A `JoinSet`, because dropping it ends its tasks.
        let mut background = JoinSet::new();
        let (inner, server) = (self.inner.clone(), self.clone());
        background.spawn(supervise("sweeper", move || {
            let inner = inner.clone();
            async move { inner.sweeper.sweep_hourly().await }
        }));
        background.spawn(supervise("usage writer", move || flush_regularly(server.clone())));
        let mut stop = std::pin::pin!(stop);
        loop {
            // The slot first: when all slots are taken, new connections wait in the kernel's backlog and use nothing of
            // this process.
            let next = async {
                let slot = slots.clone().acquire_owned().await;
                (slot, source.next().await)
            };
            let (slot, accepted) = tokio::select! {
                biased;
                _ = &mut stop => break,
                Some(_) = connections.join_next() => continue,
                next = next => next,
            };
            match accepted {
                Ok(accepted) => {
                    let serving = handler.clone().serve(self.clone(), accepted, stopped.clone());
                    connections.spawn(async move {
                        serving.await;
                        drop(slot);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(source);
        self.inner.services.draining.store(true, Ordering::Relaxed);
        tracing::info!(connections = connections.len(), limit = ?limits.drain, "stopping: running requests may finish");
        stopping.send_replace(true);
        let ended = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(limits.drain, ended).await.is_err() {
            tracing::warn!("the drain limit is over: what still runs is cut");
        }
        connections.shutdown().await;
        background.shutdown().await;
        flush(self).await;
        Ok(())
    }
}

/// Writes counters to the store every [`FLUSH_EVERY`].
async fn flush_regularly(server: Server) {
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
