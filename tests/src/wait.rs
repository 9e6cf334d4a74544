//! Waiting that always ends. A test that waits for something which never happens must fail and name it: a test that hangs
//! says nothing, and takes all others with it.

use std::future::Future;
use std::time::{Duration, Instant};

/// How long a test waits for something that the product should do at once, before it fails. Long, because the machine may
/// be busy with other tests; whoever sees it run out has found a fault and not a slow machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks at something that tells nobody when it changes.
const LOOK: Duration = Duration::from_millis(10);

/// Waits for `future`; `what` says what it waits for, as in "waited 60 s for the server to stop".
///
/// # Panics
/// When it does not come within [`PATIENCE`].
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(came) => came,
        Err(_) => panic!("waited {PATIENCE:?} for {what}, in vain"),
    }
}

/// Tries until `attempt` answers something, for what can only be asked and not awaited.
///
/// # Panics
/// When it does not come within [`PATIENCE`]; an attempt that hangs is cut off then.
pub async fn until<T>(what: &str, mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
    within(what, async {
        loop {
            if let Some(came) = attempt().await {
                return came;
            }
            tokio::time::sleep(LOOK).await;
        }
    })
    .await
}

/// As [`until`], where nothing is async. Blocks.
///
/// # Panics
/// When it does not come within [`PATIENCE`].
pub fn until_blocking<T>(what: &str, attempt: impl FnMut() -> Option<T>) -> T {
    blocking_within(PATIENCE, what, attempt)
}

pub(crate) fn blocking_within<T>(
    patience: Duration,
    what: &str,
    mut attempt: impl FnMut() -> Option<T>,
) -> T {
    let begun = Instant::now();
    loop {
        if let Some(came) = attempt() {
            return came;
        }
        assert!(begun.elapsed() < patience, "waited {patience:?} for {what}, in vain");
        std::thread::sleep(LOOK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_never_comes_is_named() {
        let waiting = tokio::spawn(within("the end of all days", std::future::pending::<()>()));
        let said = waiting.await.unwrap_err().into_panic();
        assert!(said.downcast_ref::<String>().unwrap().contains("the end of all days"));
        let mut left = 3;
        let third = async || {
            left -= 1;
            (left == 0).then_some("third")
        };
        assert_eq!(until("the third attempt", third).await, "third");
    }
}
