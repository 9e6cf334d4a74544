//! The time limit of a request that waits for others: for the writer slot, and for the file while another process
//! writes to it. One deadline covers both waits. So a request that queued behind others, which waited for the file,
//! does not start a new wait: of forty queued writers, the last one gives up at the same time as the first.
//!
//! Waiting never blocks a thread. SQLite's own busy timeout would put the thread to sleep, and with it all requests,
//! streams and health checks that the runtime runs on it. So the timeout is off: a request that finds the file locked
//! yields, and tries again after a short pause.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};

use super::statement::{busy, fault, is_busy};
use crate::Result;

/// The total time that a request waits.
const WAIT: Duration = Duration::from_secs(5);
/// The pause between the first two attempts; it doubles after each attempt.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
/// The longest pause. An attempt takes only microseconds and other requests may be waiting, so pauses stay short.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// A deadline that is set at the first wait. A request that never waits needs no timer, and no runtime that has one.
#[derive(Default)]
pub(super) struct Deadline(Option<Instant>);

impl Deadline {
    fn end(&mut self) -> Instant {
        *self.0.get_or_insert_with(|| Instant::now() + WAIT)
    }

    /// Waits for something that another task of this process holds.
    pub(super) async fn wait<T>(&mut self, future: impl Future<Output = T>) -> Result<T> {
        timeout_at(self.end(), future).await.map_err(|_| busy())
    }

    /// Repeats `attempt` until no other process has locked the file. An attempt that finds it locked must have no
    /// effect.
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
