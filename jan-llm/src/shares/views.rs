//! How often shares were looked at, gathered in memory: a look costs no write.

use parking_lot::{Mutex, MutexGuard};
use std::collections::HashMap;

use jan_core::UserId;
use jan_core::record::Millis;

/// Views by share, since they were last taken.
#[derive(Default)]
pub(super) struct Views(Mutex<HashMap<String, Seen>>);

/// The views of one share.
pub(super) struct Seen {
    pub(super) owner: UserId,
    pub(super) count: u64,
    pub(super) last: Millis,
}

impl Views {
    pub(super) fn count(&self, id: String, owner: UserId, now: Millis) {
        let mut views = self.lock();
        let seen = views.entry(id).or_insert(Seen { owner, count: 0, last: now });
        seen.count += 1;
        seen.last = seen.last.max(now);
    }

    pub(super) fn take(&self) -> HashMap<String, Seen> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Seen>> {
        self.0.lock()
    }
}
