//! What the fake upstream saw: the requests to the byte, and counters that a test can wait on. That a proxy lets go of
//! its upstream when its client leaves is seen here and nowhere else.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::Value;
use tokio::sync::watch;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Its method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, to the byte.
    pub body: Bytes,
}

impl Recorded {
    /// The body as JSON; `null` when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A header as text; empty when it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// What happened so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections taken.
    pub connections: usize,
    /// Requests read to their end.
    pub requests: usize,
    /// Streams begun (also a reply that waits at the gate before its head).
    pub streams_started: usize,
    /// Streams sent to their end.
    pub streams_completed: usize,
    /// Streams that the client let go of.
    pub streams_dropped: usize,
    /// Streams that this upstream broke on purpose.
    pub streams_cut: usize,
    /// Pieces of streams handed to the connection.
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

    /// Counts a stream as started now, and as completed, cut or dropped later.
    pub(super) fn stream_guard(&self) -> StreamGuard {
        self.count(|counts| counts.streams_started += 1);
        StreamGuard { log: self.clone(), over: false }
    }
}

/// A stream under way; dropped before its end it counts as let go of by the client.
#[derive(Debug)]
pub(super) struct StreamGuard {
    log: Log,
    over: bool,
}

impl StreamGuard {
    pub(super) fn sent(&self) {
        self.log.count(|counts| counts.pieces += 1);
    }

    pub(super) fn complete(&mut self) {
        self.over = true;
        self.log.count(|counts| counts.streams_completed += 1);
    }

    pub(super) fn cut(&mut self) {
        self.over = true;
        self.log.count(|counts| counts.streams_cut += 1);
    }

    /// The wait is over and the stream proper begins: it will be counted by a guard of its own.
    pub(super) fn unwatch(mut self) {
        self.over = true;
        self.log.count(|counts| counts.streams_started -= 1);
    }
}

impl Drop for StreamGuard {
    fn drop(&mut self) {
        if !self.over {
            self.log.count(|counts| counts.streams_dropped += 1);
        }
    }
}
