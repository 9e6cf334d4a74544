//! What the fake upstream received: the requests, byte for byte, and counters that a test can wait on. Only here a test
//! can see that a proxy drops its upstream connection when its client disconnects.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::Value;
use tokio::sync::watch;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The HTTP method.
    pub method: Method,
    /// The path with the query.
    pub path: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The bytes of the body.
    pub body: Bytes,
}

impl Recorded {
    /// The body as JSON; `null` if it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A header as text; empty when it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// How often each event happened so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Accepted connections.
    pub connections: usize,
    /// Requests that were read completely.
    pub requests: usize,
    /// Streams that began (also a reply that waits at the gate before its head).
    pub streams_started: usize,
    /// Streams that were sent completely.
    pub streams_completed: usize,
    /// Streams that the client dropped before their end.
    pub streams_dropped: usize,
    /// Streams that this upstream broke off intentionally.
    pub streams_cut: usize,
    /// Pieces of streams that were passed to the connection.
    pub pieces: usize,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Log {
    requests: Arc<Mutex<Vec<Recorded>>>,
    counts: watch::Sender<Counts>,
}

impl Log {
    pub(super) fn record(&self, request: Recorded) {
        self.requests.lock().unwrap().push(request);
        self.count(|counts| counts.requests += 1);
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut Counts)) {
        self.counts.send_modify(change);
    }

    pub(super) fn requests(&self) -> Vec<Recorded> {
        self.requests.lock().unwrap().clone()
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Counts> {
        self.counts.subscribe()
    }

    /// Counts a stream as started now. The guard counts it as completed, cut or dropped later.
    pub(super) fn stream_guard(&self) -> StreamGuard {
        self.count(|counts| counts.streams_started += 1);
        StreamGuard { log: self.clone(), ended: false }
    }
}

/// A running stream. If the guard is dropped before the stream ended, the client has dropped it.
#[derive(Debug)]
pub(super) struct StreamGuard {
    log: Log,
    ended: bool,
}

impl StreamGuard {
    pub(super) fn sent(&self) {
        self.log.count(|counts| counts.pieces += 1);
    }

    pub(super) fn complete(&mut self) {
        self.ended = true;
        self.log.count(|counts| counts.streams_completed += 1);
    }

    pub(super) fn cut(&mut self) {
        self.ended = true;
        self.log.count(|counts| counts.streams_cut += 1);
    }

    /// The wait at the gate has ended; the stream that begins now gets its own guard.
    pub(super) fn discard(mut self) {
        self.ended = true;
        self.log.count(|counts| counts.streams_started -= 1);
    }
}

impl Drop for StreamGuard {
    fn drop(&mut self) {
        if !self.ended {
            self.log.count(|counts| counts.streams_dropped += 1);
        }
    }
}
