//! The limits of one listener.

use std::time::Duration;

/// The limits that apply to the connections of one listener.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ServeSettings {
    /// The most connections that are open at once; further ones wait in the backlog. Default: 8192.
    pub connections: usize,
    /// How long a new connection may send nothing. Default: 10 s.
    pub first_byte: Duration,
    /// How long the head of a request may take to arrive, and how long a connection may be idle between requests. An
    /// HTTP/2 connection without an open stream counts as idle, even if it sends pings. Default: 30 s.
    pub head: Duration,
    /// How long a write waits for a client that does not read. Default: 60 s.
    pub write: Duration,
    /// How long running requests may take to finish after the stop signal. Default: 30 s.
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
