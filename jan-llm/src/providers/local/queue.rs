//! The line in front of a model: first come, first served, and only so long. Who left the line is forgotten before
//! their turn comes, and leaves their place to the next one at once.

use parking_lot::{Condvar, Mutex, MutexGuard};
use std::collections::VecDeque;
use std::time::Duration;

use jan_core::{Error, ErrorKind, Result};

/// Something that waits.
pub(super) trait Waiting {
    /// Nobody is interested in it any more.
    fn is_abandoned(&self) -> bool;
}

/// See the module.
pub(super) struct Queue<T> {
    inner: Mutex<Inner<T>>,
    changed: Condvar,
    places: usize,
}

struct Inner<T> {
    waiting: VecDeque<T>,
    busy: bool,
    closed: bool,
    /// How long one takes, averaged, to tell those who are turned away when to come back.
    each: Duration,
}

impl<T: Waiting> Queue<T> {
    /// A queue with this many places behind the one that is served.
    pub(super) fn new(places: usize) -> Self {
        let inner =
            Inner { waiting: VecDeque::new(), busy: false, closed: false, each: Duration::from_secs(2) };
        Self { inner: Mutex::new(inner), changed: Condvar::new(), places }
    }

    /// Joins the line.
    ///
    /// # Errors
    /// [`ErrorKind::RateLimited`] with a time to come back when every place is taken.
    pub(super) fn push(&self, item: T) -> Result<()> {
        let mut inner = self.lock();
        inner.waiting.retain(|item| !item.is_abandoned());
        let ahead = inner.waiting.len() + usize::from(inner.busy);
        if ahead > self.places {
            let wait = inner.each * u32::try_from(ahead).unwrap_or(u32::MAX);
            let wait = wait.clamp(Duration::from_secs(1), Duration::from_secs(60));
            let message =
                format!("The model is busy and {} requests wait for it already.", inner.waiting.len());
            return Err(Error::new(ErrorKind::RateLimited, message).with_retry_after(wait));
        }
        inner.waiting.push_back(item);
        self.changed.notify_one();
        Ok(())
    }

    /// Waits for the next in line and serves it; false when the queue is closed and empty.
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
        inner.each = (inner.each * 3 + begun.elapsed()) / 4;
        inner.busy = false;
        true
    }

    /// Lets the line run out; `serve` then ends.
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
    fn served_in_order_and_never_more_than_fit() {
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
    fn who_left_takes_no_place_and_is_not_served() {
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
