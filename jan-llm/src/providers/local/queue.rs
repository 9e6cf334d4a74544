//! The queue of a model: first in, first out, with a limited length. Requests whose client has disconnected are
//! skipped. They are also removed before the length is checked, so that they do not take the place of a new request.

use parking_lot::{Condvar, Mutex, MutexGuard};
use std::collections::VecDeque;
use std::time::Duration;

use jan_core::{Error, ErrorKind, Result};

/// An item of the queue.
pub(super) trait Waiting {
    /// Whether its client has disconnected, so that it need not be served.
    fn is_abandoned(&self) -> bool;
}

/// A bounded queue with one consumer.
pub(super) struct Queue<T> {
    inner: Mutex<Inner<T>>,
    changed: Condvar,
    capacity: usize,
}

struct Inner<T> {
    waiting: VecDeque<T>,
    busy: bool,
    closed: bool,
    /// The moving average of the time that one item takes. Rejected callers get a `Retry-After` that is computed from
    /// it.
    average: Duration,
}

impl<T: Waiting> Queue<T> {
    /// A queue in which `capacity` items can wait while one is served.
    pub(super) fn new(capacity: usize) -> Self {
        let inner =
            Inner { waiting: VecDeque::new(), busy: false, closed: false, average: Duration::from_secs(2) };
        Self { inner: Mutex::new(inner), changed: Condvar::new(), capacity }
    }

    /// Adds an item to the end of the queue.
    ///
    /// # Errors
    /// [`ErrorKind::RateLimited`] with a time to retry after, when the queue is full.
    pub(super) fn push(&self, item: T) -> Result<()> {
        let mut inner = self.lock();
        inner.waiting.retain(|item| !item.is_abandoned());
        let ahead = inner.waiting.len() + usize::from(inner.busy);
        if ahead > self.capacity {
            let wait = inner.average * u32::try_from(ahead).unwrap_or(u32::MAX);
            let wait = wait.clamp(Duration::from_secs(1), Duration::from_secs(60));
            let message =
                format!("The model is busy and {} requests wait for it already.", inner.waiting.len());
            return Err(Error::new(ErrorKind::RateLimited, message).with_retry_after(wait));
        }
        inner.waiting.push_back(item);
        self.changed.notify_one();
        Ok(())
    }

    /// Waits for the next item and calls `work` with it. Returns false when the queue is closed and empty.
    pub(super) fn serve(&self, work: impl FnOnce(T)) -> bool {
        let mut inner = self.lock();
        let item = loop {
            match inner.waiting.pop_front() {
                Some(item) if item.is_abandoned() => {}
                Some(item) => break item,
                None if inner.closed => return false,
                None => self.changed.wait(&mut inner),
            }
        };
        inner.busy = true;
        drop(inner);
        let begun = std::time::Instant::now();
        work(item);
        let mut inner = self.lock();
        inner.average = (inner.average * 3 + begun.elapsed()) / 4;
        inner.busy = false;
        true
    }

    /// Closes the queue: `serve` still serves the waiting items and then returns false.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        self.inner.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Waiting for Option<u8> {
        fn is_abandoned(&self) -> bool {
            self.is_none()
        }
    }

    #[test]
    fn items_are_served_in_order_and_a_full_queue_rejects_more() {
        let queue = Queue::new(2);
        for n in 0..3 {
            queue.push(Some(n)).unwrap();
        }
        let error = queue.push(Some(9)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RateLimited);
        assert!(error.retry_after().unwrap() >= Duration::from_secs(1));
        let mut served = Vec::new();
        queue.close();
        while queue.serve(|item| served.push(item)) {}
        assert_eq!(served, [Some(0), Some(1), Some(2)]);
    }

    #[test]
    fn abandoned_items_take_no_place_and_are_not_served() {
        let queue = Queue::new(1);
        for _ in 0..9 {
            queue.push(None).unwrap();
        }
        queue.push(Some(1)).unwrap();
        queue.close();
        let mut served = Vec::new();
        while queue.serve(|item| served.push(item)) {}
        assert_eq!(served, [Some(1)]);
    }
}
