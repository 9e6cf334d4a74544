//! Where connections come from: a listener, or whoever accepts for several runtimes.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

/// After a failed accept (too many open files, say) a moment is left for things to get better.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Where connections come from.
pub(super) trait Source: Send {
    /// The next one. Dropping the future loses none.
    fn next(&mut self) -> impl Future<Output = io::Result<Accepted>> + Send;
}

/// An accepted connection.
pub(super) struct Accepted {
    pub(super) socket: TcpStream,
    pub(super) peer: SocketAddr,
    /// Dropped when it has ended.
    pub(super) counted: Option<Counted>,
}

/// One connection in a count. Dropping it takes it out.
pub(super) struct Counted(Arc<AtomicUsize>);

impl Counted {
    pub(super) fn by(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Source for TcpListener {
    async fn next(&mut self) -> io::Result<Accepted> {
        let (socket, peer) = self.accept().await?;
        Ok(Accepted { socket, peer, counted: None })
    }
}
