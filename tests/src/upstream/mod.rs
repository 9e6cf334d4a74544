//! An OpenAI-compatible service on its own port, for tests. It answers by the model's name ([`NAMES`]) or by a
//! script, records every request, counts how its streams end, and never sleeps.

mod behaviour;
pub mod bodies;
mod log;
mod reply;
mod sample;
mod serve;
mod wire;

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
use crate::wait::WAIT_LIMIT;

/// A fake upstream. Dropping it stops it and closes all its connections.
pub struct Upstream {
    address: SocketAddr,
    shared: Arc<Shared>,
    running: AbortHandle,
}

/// The state that the connections of one upstream share.
struct Shared {
    key: Option<String>,
    gate: Gate,
    log: log::Log,
    script: Mutex<VecDeque<Behaviour>>,
    connections: Mutex<VecDeque<Wire>>,
}

impl Upstream {
    /// Starts one on a free loopback port. It accepts any credential.
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

    /// The base URL for clients, with `/v1` and without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The gate at which its slow replies wait (`slow-head`, `slow-chunks`).
    pub fn gate(&self) -> &Gate {
        &self.shared.gate
    }

    /// Sets the behaviours for the next chat, completions, embeddings and image requests, in order, for any model name.
    pub fn script<B: Into<Behaviour>>(&self, behaviours: impl IntoIterator<Item = B>) {
        self.shared.script.lock().unwrap().extend(behaviours.into_iter().map(Into::into));
    }

    /// Sets what the next new connection does instead of HTTP. Connections that are already open are not affected.
    pub fn next_connection(&self, wire: Wire) {
        self.shared.connections.lock().unwrap().push_back(wire);
    }

    /// All requests so far, also those for lists of models.
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.log.requests()
    }

    /// The POST requests so far: chats, completions, embeddings, images.
    pub fn post_requests(&self) -> Vec<Recorded> {
        self.requests().into_iter().filter(|request| request.method == http::Method::POST).collect()
    }

    /// The counters.
    pub fn counts(&self) -> Counts {
        *self.shared.log.subscribe().borrow()
    }

    /// Waits until `condition` is true for the counters.
    ///
    /// # Panics
    /// When that does not happen within [`WAIT_LIMIT`].
    pub async fn wait_for(&self, condition: impl FnMut(&Counts) -> bool) -> Counts {
        let mut counts = self.shared.log.subscribe();
        let waited =
            tokio::time::timeout(WAIT_LIMIT, counts.wait_for(condition)).await.map(|found| *found.unwrap());
        waited.unwrap_or_else(|_| panic!("waited in vain; the upstream counted {:?}", self.counts()))
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.running.abort();
    }
}

#[cfg(test)]
mod tests;
