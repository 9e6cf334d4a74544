//! An OpenAI-compatible service on a port of its own, for tests: it answers by the model's name ([`NAMES`]) or by a
//! script, remembers every request to the byte, counts what becomes of its streams, and never sleeps.

mod behaviour;
mod log;
mod reply;
mod sample;
mod serve;
mod wire;
pub mod words;

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::net::TcpListener;
use tokio::task::AbortHandle;

pub use behaviour::{Behaviour, HUGE, NAMES};
pub use log::{Counts, Recorded};
pub use reply::{Reply, Step};
pub use wire::Wire;

use crate::Gate;
use crate::wait::PATIENCE;

/// A fake upstream; it stops, with all its connections, when it is dropped.
pub struct Upstream {
    address: SocketAddr,
    shared: Arc<Shared>,
    running: AbortHandle,
}

/// What the connections of one upstream have in common.
struct Shared {
    key: Option<String>,
    gate: Gate,
    log: log::Log,
    script: Mutex<VecDeque<Behaviour>>,
    connections: Mutex<VecDeque<Wire>>,
}

impl Upstream {
    /// Starts one on a free port of the loopback; it takes any credential.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn start() -> Self {
        Self::listen(([127, 0, 0, 1], 0).into(), None).await.unwrap()
    }

    /// Starts one that answers 401 to every request without `Authorization: Bearer {key}`.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn start_with_key(key: &str) -> Self {
        Self::listen(([127, 0, 0, 1], 0).into(), Some(key.into())).await.unwrap()
    }

    /// Starts one at an address.
    ///
    /// # Errors
    /// When the address is taken.
    pub async fn listen(address: SocketAddr, key: Option<String>) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            key,
            gate: Gate::new(),
            log: log::Log::default(),
            script: Mutex::default(),
            connections: Mutex::default(),
        });
        let running = tokio::spawn(serve::serve(listener, shared.clone())).abort_handle();
        Ok(Self { address, shared, running })
    }

    /// The base URL that clients are given, with `/v1` and without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The gate at which its slow replies wait.
    pub fn gate(&self) -> &Gate {
        &self.shared.gate
    }

    /// Lets the next chat and embeddings requests be answered so, one after the other, whatever model they name.
    pub fn script<B: Into<Behaviour>>(&self, behaviours: impl IntoIterator<Item = B>) {
        self.shared.script.lock().unwrap().extend(behaviours.into_iter().map(Into::into));
    }

    /// Lets the next new connection misbehave below HTTP. Connections that a client keeps open are not concerned.
    pub fn next_connection(&self, wire: Wire) {
        self.shared.connections.lock().unwrap().push_back(wire);
    }

    /// The requests that came so far, models lists included.
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.log.requests()
    }

    /// The requests for chats and embeddings that came so far.
    pub fn asked(&self) -> Vec<Recorded> {
        self.requests().into_iter().filter(|request| request.method == http::Method::POST).collect()
    }

    /// What happened so far.
    pub fn counts(&self) -> Counts {
        *self.shared.log.subscribe().borrow()
    }

    /// Waits until the counts are as `what` wants them.
    ///
    /// # Panics
    /// When that does not happen within [`PATIENCE`].
    pub async fn wait_for(&self, what: impl FnMut(&Counts) -> bool) -> Counts {
        let mut counts = self.shared.log.subscribe();
        let waited = tokio::time::timeout(PATIENCE, counts.wait_for(what)).await.map(|found| *found.unwrap());
        waited.unwrap_or_else(|_| panic!("waited in vain; the upstream saw {:?}", self.counts()))
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.running.abort();
    }
}

#[cfg(test)]
mod tests;
