//! Restarts background tasks that must run for as long as the server does, and logs each restart.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;

/// The pause before a restart. It doubles with each restart in a row, up to [`LONGEST`].
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// Polls the future that `work` returns. When that future ends or panics, calls `work` for a new one after a pause.
/// Dropping this future stops the work.
pub(crate) async fn supervise<F: Future>(name: &'static str, mut work: impl FnMut() -> F) {
    let mut pause = SHORTEST;
    loop {
        let started = tokio::time::Instant::now();
        let ended = AssertUnwindSafe(work()).catch_unwind().await;
        // Work that ran for long without a fault starts again with the short pause.
        if started.elapsed() > LONGEST {
            pause = SHORTEST;
        }
        let how = if ended.is_err() { "panicked" } else { "ended" };
        tracing::error!(task = name, how, ?pause, "a background task is started again");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn work_that_panics_or_ends_is_restarted() {
        let runs = AtomicU32::new(0);
        let work = || {
            let run = runs.fetch_add(1, Ordering::SeqCst);
            async move {
                match run {
                    0 => panic!("on purpose"),
                    1 => {}
                    _ => std::future::pending().await,
                }
            }
        };
        let supervised = supervise("test", work);
        assert!(tokio::time::timeout(Duration::from_secs(10), supervised).await.is_err());
        assert_eq!(runs.load(Ordering::SeqCst), 3);
    }
}
