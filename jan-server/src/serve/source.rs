//! Where connections come from: a listener, or the thread that accepts for all cores.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

/// The pause after a failed accept, for example with too many open files: without it the loop would spin.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A source of accepted connections.
pub(super) trait Source: Send {
    /// The next connection. Dropping the future loses none.
    fn next(&mut self) -> impl Future<Output = io::Result<Accepted>> + Send;
}

/// An accepted connection.
pub(super) struct Accepted {
    pub(super) socket: TcpStream,
    pub(super) peer: SocketAddr,
    /// The connection's place in a count; dropped when the connection ends.
    pub(super) guard: Option<CountGuard>,
}

/// Counts one connection for as long as it exists; dropping it lowers the count.
pub(super) struct CountGuard(Arc<AtomicUsize>);

impl CountGuard {
    pub(super) fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count.clone())
    }
}

impl Drop for CountGuard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Source for TcpListener {
    async fn next(&mut self) -> io::Result<Accepted> {
        let (socket, peer) = self.accept().await?;
        Ok(Accepted { socket, peer, guard: None })
    }
}
