//! Slowness without sleeping: a fake stops at a [`Gate`] and goes on when the test says so, so that "while the model is
//! silent" is a place in a test and not a guess about time.

use std::sync::Arc;

use tokio::sync::{Semaphore, watch};

use crate::within;

/// A closed door. Clones are the same door.
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

    /// Lets `count` more pass, those who wait already or those who come later.
    pub fn pass(&self, count: usize) {
        self.passes.add_permits(count);
    }

    /// Opens the gate for good.
    pub fn open(&self) {
        self.passes.close();
    }

    /// Waits until `count` have come to the gate since it was built, passed or not.
    ///
    /// # Panics
    /// When they do not come within [`crate::PATIENCE`].
    pub async fn reached(&self, count: usize) {
        let mut arrivals = self.arrivals.subscribe();
        let what = format!("{count} to come to the gate");
        let _ = within(&what, arrivals.wait_for(|came| *came >= count)).await;
    }

    /// Comes to the gate and waits until it may pass.
    pub async fn wait(&self) {
        self.arrivals.send_modify(|came| *came += 1);
        // An error means that the gate was opened for good.
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
    async fn a_gate_lets_pass_as_many_as_it_is_told() {
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
