//! How long a request waits for what others hold: its place at the connection that writes, and the file itself while
//! another process writes to it. One deadline covers both, so that whoever queued behind others that waited for the file
//! does not begin to wait anew: of forty writers, the last one gives up when the first one does.
//!
//! Nobody waits in place. SQLite's own busy timeout would put the thread to sleep, and with it every request, stream and
//! health check that the runtime has on that core. It is off: whoever finds the file held leaves the core and tries again
//! after a short pause.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};

use super::statement::{busy, fault, is_busy};
use crate::Result;

/// How long a request waits in all.
const WAIT: Duration = Duration::from_secs(5);
/// Between the first two attempts; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
/// An attempt takes some microseconds and others may be waiting, so the file is not left free for long.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// Begins to run at the first wait: who waits for nothing needs no timer, nor a runtime that has one.
#[derive(Default)]
pub(super) struct Deadline(Option<Instant>);

impl Deadline {
    fn end(&mut self) -> Instant {
        *self.0.get_or_insert_with(|| Instant::now() + WAIT)
    }

    /// Waits for something that somebody in this process holds.
    pub(super) async fn wait<T>(&mut self, future: impl Future<Output = T>) -> Result<T> {
        timeout_at(self.end(), future).await.map_err(|_| busy())
    }

    /// Tries until no other process holds the file. `attempt` must leave nothing behind when it finds it held.
    pub(super) async fn retry<T>(&mut self, mut attempt: impl FnMut() -> rusqlite::Result<T>) -> Result<T> {
        let mut pause = FIRST_PAUSE;
        loop {
            match attempt() {
                Err(error) if is_busy(&error) => {
                    let (now, end) = (Instant::now(), self.end());
                    if now >= end {
                        return Err(busy().because(error));
                    }
                    sleep_until(end.min(now + pause)).await;
                    pause = LONGEST_PAUSE.min(pause * 2);
                }
                done => return done.map_err(fault),
            }
        }
    }
}
