//! The current time behind a trait: services read it from a [`Clock`], so that tests set the time instead of sleeping.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Returns the current time.
///
/// ```
/// use std::time::Duration;
///
/// use jan_core::clock::{Clock, SystemClock};
///
/// /// Runs an hour ahead.
/// struct Ahead;
///
/// impl Clock for Ahead {
///     fn now(&self) -> Duration {
///         SystemClock.now() + Duration::from_secs(3600)
///     }
/// }
///
/// assert!(Ahead.unix_seconds() > SystemClock.unix_seconds());
/// ```
pub trait Clock: Send + Sync + 'static {
    /// Time since the Unix epoch.
    fn now(&self) -> Duration;

    /// Milliseconds since the Unix epoch, as stores hold them.
    fn millis(&self) -> i64 {
        i64::try_from(self.now().as_millis()).unwrap_or(i64::MAX)
    }

    /// Whole seconds since the Unix epoch, as OpenAI's `created` fields hold them.
    fn unix_seconds(&self) -> u64 {
        self.now().as_secs()
    }
}

/// Milliseconds as whole seconds, the unit of times in replies.
pub fn seconds(millis: i64) -> i64 {
    millis.div_euclid(1000)
}

/// The clock of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        // A clock set before 1970 reads as 1970.
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}

/// A clock for tests: its time changes only by [`MovedClock::advance`]. Clones share the time.
#[derive(Debug, Clone)]
pub struct MovedClock(Arc<AtomicU64>);

impl MovedClock {
    /// A clock whose time is `seconds` since the Unix epoch.
    pub fn at(seconds: u64) -> Self {
        Self(Arc::new(AtomicU64::new(seconds.saturating_mul(1000))))
    }

    /// Moves the time forward, with a precision of one millisecond.
    pub fn advance(&self, by: Duration) {
        let millis = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for MovedClock {
    fn now(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst))
    }
}
