//! Waits with a time limit. A test that waits for something that never happens must fail and name it: a test that hangs
//! reports nothing and blocks the whole run.

use std::future::Future;
use std::time::{Duration, Instant};

/// How long a test waits for something that should happen at once, before it fails. It is long because the machine may
/// be busy with other tests: when this limit is reached, the product is faulty and the machine is not just slow.
pub const WAIT_LIMIT: Duration = Duration::from_secs(60);

/// The pause between two checks of a condition that cannot be awaited.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Waits for `future`; `what` completes the error "waited 60 s for …", for example "the server to stop".
///
/// # Panics
/// When `future` is not ready within [`WAIT_LIMIT`].
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(WAIT_LIMIT, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited {WAIT_LIMIT:?} for {what}, in vain"),
    }
}

/// Calls `attempt` until it returns a value, for conditions that can only be polled.
///
/// # Panics
/// When there is no value within [`WAIT_LIMIT`]; an attempt that hangs is cancelled then.
pub async fn until<T>(what: &str, mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
    within(what, async {
        loop {
            if let Some(value) = attempt().await {
                return value;
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    })
    .await
}

/// As [`until`], without async. Blocks the thread.
///
/// # Panics
/// When there is no value within [`WAIT_LIMIT`].
pub fn until_blocking<T>(what: &str, attempt: impl FnMut() -> Option<T>) -> T {
    blocking_within(WAIT_LIMIT, what, attempt)
}

pub(crate) fn blocking_within<T>(limit: Duration, what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = attempt() {
            return value;
        }
        assert!(started.elapsed() < limit, "waited {limit:?} for {what}, in vain");
        std::thread::sleep(POLL_INTERVAL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_error_names_what_never_happened() {
        let waiting = tokio::spawn(within("the end of all days", std::future::pending::<()>()));
        let panic = waiting.await.unwrap_err().into_panic();
        assert!(panic.downcast_ref::<String>().unwrap().contains("the end of all days"));
        let mut remaining = 3;
        let third = async || {
            remaining -= 1;
            (remaining == 0).then_some("third")
        };
        assert_eq!(until("the third attempt", third).await, "third");
    }
}
