//! The limits of one listener.

use std::time::Duration;

/// What one listener allows.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ServeSettings {
    /// Connections open at once; more wait in the backlog. Default: 8192.
    pub connections: usize,
    /// How long a new connection may say nothing at all. Default: 10 s.
    pub first_byte: Duration,
    /// How long the head of a request may take, and how long a connection may be idle between requests. An HTTP/2
    /// connection without an open stream is idle, whatever else it sends. Default: 30 s.
    pub head: Duration,
    /// How long a reply waits for a client that takes no more of it. Default: 60 s.
    pub write: Duration,
    /// After the stop signal: how long running requests may take to finish. Default: 30 s.
    pub drain: Duration,
}

impl Default for ServeSettings {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            connections: 8192,
            first_byte: seconds(10),
            head: seconds(30),
            write: seconds(60),
            drain: seconds(30),
        }
    }
}
