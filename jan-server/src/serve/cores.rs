//! One single-threaded runtime per core, each with its own connections. A request then stays on the thread of its
//! connection, together with its upstream connection. In a runtime that spans all cores, most of the time went into
//! threads that woke each other.
//!
//! One thread accepts and sends each connection to the core with the fewest. If each core accepted for itself, one core
//! would take a whole burst of connections while the others sleep.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::{mpsc, watch};

use super::settings::ServeSettings;
use super::source::{ACCEPT_PAUSE, Accepted, CountGuard, Source};
use crate::server::Server;

/// How long a core waits at shutdown for blocking work whose result nobody needs any more.
const BLOCKING_WAIT: Duration = Duration::from_secs(1);

/// An accepted connection that is sent to a core.
type SentConnection = (std::net::TcpStream, SocketAddr, CountGuard);

/// What the accepting thread knows of a core.
struct Core {
    sender: mpsc::Sender<SentConnection>,
    connections: Arc<AtomicUsize>,
}

impl Server {
    /// As [`Server::serve_with`], with one thread and runtime for every core. Meant for a process that does nothing
    /// else. Must be called inside a runtime as well, which accepts the connections; one thread is enough for that
    /// runtime.
    ///
    /// # Errors
    /// When a thread or its runtime cannot be started.
    pub async fn serve_per_core<F: Future>(
        &self,
        listener: TcpListener,
        stop: F,
        limits: &ServeSettings,
    ) -> io::Result<()> {
        let count = thread::available_parallelism().map_or(1, usize::from);
        let (mut cores, mut workers) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let (stopping, stopped) = watch::channel(false);
        for core in 0..count {
            // Only one connection waits in this channel. The others wait in the kernel's backlog and use nothing of
            // this process.
            let (sender, receiver) = mpsc::channel(1);
            cores.push(Core { sender, connections: Arc::default() });
            let (server, mut stopped) = (self.clone(), stopped.clone());
            let limits = ServeSettings { connections: limits.connections.div_ceil(count), ..limits.clone() };
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let work = move || {
                let stopped = async move { stopped.wait_for(|stopped| *stopped).await.map(|_| ()) };
                let served = runtime.block_on(server.serve_from(CoreSource(receiver), stopped, &limits));
                // Blocking work that still runs (a disk, a DNS lookup) has no request left that needs it.
                runtime.shutdown_timeout(BLOCKING_WAIT);
                served
            };
            workers.push(thread::Builder::new().name(format!("core-{core}")).spawn(work)?);
        }
        accept(listener, cores, stop).await;
        stopping.send_replace(true);
        let join = || {
            workers
                .into_iter()
                .try_for_each(|worker| worker.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into())))
        };
        tokio::task::spawn_blocking(join).await?
    }
}

/// Accepts until `stop` is done. When this returns, the listener is closed and new clients are refused.
async fn accept<F: Future>(listener: TcpListener, cores: Vec<Core>, stop: F) {
    let accepting = async {
        loop {
            match listener.accept().await {
                Ok((socket, peer)) => send_to_core(&cores, socket, peer).await,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    };
    tokio::select! {
        _ = stop => {}
        () = accepting => {}
    }
}

/// Sends a connection to the core with the fewest. If all cores are at their limit, waits until one connection ends.
async fn send_to_core(cores: &[Core], socket: TcpStream, peer: SocketAddr) {
    let least_loaded = cores.iter().min_by_key(|core| core.connections.load(Ordering::Relaxed));
    if let (Some(core), Ok(socket)) = (least_loaded, socket.into_std()) {
        let guard = CountGuard::new(&core.connections);
        // Fails only if the core is stopping; the connection is closed then.
        let _ = core.sender.send((socket, peer, guard)).await;
    }
}

/// The source of connections of one core.
struct CoreSource(mpsc::Receiver<SentConnection>);

impl Source for CoreSource {
    async fn next(&mut self) -> io::Result<Accepted> {
        match self.0.recv().await {
            Some((socket, peer, guard)) => {
                Ok(Accepted { socket: TcpStream::from_std(socket)?, peer, guard: Some(guard) })
            }
            // The accepting thread has ended: the stop signal follows.
            None => std::future::pending().await,
        }
    }
}
