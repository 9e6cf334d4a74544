//! Counts the views of shares in memory, so that a view needs no write to the store.

use parking_lot::{Mutex, MutexGuard};
use std::collections::HashMap;

use jan_core::UserId;
use jan_core::record::Millis;

/// The views of each share since the last [`Views::take`], by share id.
#[derive(Default)]
pub(super) struct Views(Mutex<HashMap<String, ShareViews>>);

/// The views of one share.
pub(super) struct ShareViews {
    pub(super) owner: UserId,
    pub(super) count: u64,
    pub(super) last: Millis,
}

impl Views {
    pub(super) fn count(&self, id: String, owner: UserId, now: Millis) {
        let mut views = self.lock();
        let entry = views.entry(id).or_insert(ShareViews { owner, count: 0, last: now });
        entry.count += 1;
        entry.last = entry.last.max(now);
    }

    pub(super) fn take(&self) -> HashMap<String, ShareViews> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, ShareViews>> {
        self.0.lock()
    }
}
