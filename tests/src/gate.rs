//! Slow parts without sleeping: a fake waits at a [`Gate`] until the test lets it continue. A test can then act exactly
//! while, for example, the model sends nothing.

use std::sync::Arc;

use tokio::sync::{Semaphore, watch};

use crate::within;

/// A point where a fake waits for the test. It is closed at first. Clones share the same gate.
#[derive(Debug, Clone)]
pub struct Gate {
    passes: Arc<Semaphore>,
    arrivals: watch::Sender<usize>,
}

impl Default for Gate {
    fn default() -> Self {
        Self { passes: Arc::new(Semaphore::new(0)), arrivals: watch::Sender::new(0) }
    }
}

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets `count` more waits continue, present or future ones.
    pub fn pass(&self, count: usize) {
        self.passes.add_permits(count);
    }

    /// Opens the gate for all waits, present and future.
    pub fn open(&self) {
        self.passes.close();
    }

    /// Waits until `count` calls of [`Gate::wait`] have begun since the gate was created, finished or not.
    ///
    /// # Panics
    /// When they do not begin within [`crate::WAIT_LIMIT`].
    pub async fn reached(&self, count: usize) {
        let mut arrivals = self.arrivals.subscribe();
        let what = format!("{count} waits at the gate");
        let _ = within(&what, arrivals.wait_for(|arrived| *arrived >= count)).await;
    }

    /// Waits until the test lets it continue.
    pub async fn wait(&self) {
        self.arrivals.send_modify(|arrived| *arrived += 1);
        // An error means that the gate was opened for all.
        if let Ok(pass) = self.passes.acquire().await {
            pass.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[tokio::test]
    async fn a_gate_lets_the_given_number_pass() {
        let gate = Gate::new();
        assert!(gate.wait().now_or_never().is_none());
        gate.pass(1);
        gate.wait().await;
        assert!(gate.wait().now_or_never().is_none());
        gate.open();
        gate.wait().await;
        gate.reached(4).await;
    }
}
