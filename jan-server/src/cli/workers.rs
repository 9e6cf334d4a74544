//! One runtime per core, each accepting from the same listener. A request then stays on the thread that accepted it, with
//! the upstream's connection beside it; in a runtime that spans all cores most of the time went into waking each other.

use std::io;
use std::thread;

use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::watch;

use crate::{ServeSettings, Server};

/// Serves `listener` on every core until `stop` turns true, and returns when the last core is done.
///
/// # Errors
/// When a thread or its runtime cannot be started.
pub(super) async fn serve(
    server: &Server,
    listener: TcpListener,
    stop: &watch::Receiver<bool>,
    limits: &ServeSettings,
) -> io::Result<()> {
    let listener = listener.into_std()?;
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let mut workers = Vec::with_capacity(cores);
    for core in 0..cores {
        let (server, listener, mut stop) = (server.clone(), listener.try_clone()?, stop.clone());
        let limits = ServeSettings { connections: limits.connections.div_ceil(cores), ..limits.clone() };
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let work = move || {
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener)?;
                let stopped = async move { stop.wait_for(|stop| *stop).await.map(|_| ()) };
                server.serve_with(listener, stopped, &limits).await
            })
        };
        workers.push(thread::Builder::new().name(format!("core-{core}")).spawn(work)?);
    }
    // Only the workers hold the listener now: when they have stopped accepting, new clients are refused.
    drop(listener);
    let join = || {
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into())))
    };
    tokio::task::spawn_blocking(join).await?
}
