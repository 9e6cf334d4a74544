//! One runtime per core, each with its own connections. A request then stays on the thread that has its connection, with
//! the upstream's beside it; in a runtime that spans all cores most of the time went into waking each other.
//!
//! One thread accepts and hands each connection to the core that has the fewest: cores that accept for themselves take
//! whole bursts while the others sleep.

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
use super::source::{ACCEPT_PAUSE, Accepted, Counted, Source};
use crate::server::Server;

/// How long a core waits at its end for blocking work that nobody asks for any more.
const GOODBYE: Duration = Duration::from_secs(1);

/// A connection on its way to a core.
type Handed = (std::net::TcpStream, SocketAddr, Counted);

/// A core, as the one who accepts sees it.
struct Core {
    hand: mpsc::Sender<Handed>,
    connections: Arc<AtomicUsize>,
}

impl Server {
    /// As [`Server::serve_with`], with a thread and a runtime of its own for every core, for a process that does nothing
    /// else. It has to be called in a runtime too, which accepts the connections; that one needs no more than one thread.
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
            // One may wait here; the rest wait in the backlog, where they cost nothing.
            let (hand, handed) = mpsc::channel(1);
            cores.push(Core { hand, connections: Arc::default() });
            let (server, mut stopped) = (self.clone(), stopped.clone());
            let limits = ServeSettings { connections: limits.connections.div_ceil(count), ..limits.clone() };
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let work = move || {
                let stopped = async move { stopped.wait_for(|stopped| *stopped).await.map(|_| ()) };
                let served = runtime.block_on(server.serve_from(Handover(handed), stopped, &limits));
                // What still waits for a disk or a resolver has nobody left who asked for it.
                runtime.shutdown_timeout(GOODBYE);
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

/// Accepts until `stop` is done. When this returns, new clients are refused.
async fn accept<F: Future>(listener: TcpListener, cores: Vec<Core>, stop: F) {
    let accepting = async {
        loop {
            match listener.accept().await {
                Ok((socket, peer)) => hand_over(&cores, socket, peer).await,
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

/// Gives a connection to the core that has the fewest. If all have as many as they may, this waits for one to go.
async fn hand_over(cores: &[Core], socket: TcpStream, peer: SocketAddr) {
    let idlest = cores.iter().min_by_key(|core| core.connections.load(Ordering::Relaxed));
    if let (Some(core), Ok(socket)) = (idlest, socket.into_std()) {
        let counted = Counted::by(&core.connections);
        // A core that stops takes no more.
        let _ = core.hand.send((socket, peer, counted)).await;
    }
}

/// Where a core gets its connections.
struct Handover(mpsc::Receiver<Handed>);

impl Source for Handover {
    async fn next(&mut self) -> io::Result<Accepted> {
        match self.0.recv().await {
            Some((socket, peer, counted)) => {
                Ok(Accepted { socket: TcpStream::from_std(socket)?, peer, counted: Some(counted) })
            }
            // Nobody accepts any more: the server is about to be told to stop.
            None => std::future::pending().await,
        }
    }
}
