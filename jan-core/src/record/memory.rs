//! Records in memory: for the first run, for tests, for apps that keep nothing.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use async_trait::async_trait;

use super::{Millis, Record, RecordStore};
use crate::page::{Page, PageRequest};
use crate::{Error, ErrorKind, Result, UserId};

/// Keeps records until it is dropped.
#[derive(Debug, Default)]
pub struct MemoryRecords {
    owners: RwLock<BTreeMap<UserId, Vec<Record>>>,
}

impl MemoryRecords {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    // Nobody panics while holding the lock, so a poisoned one holds good data.
    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<UserId, Vec<Record>>> {
        self.owners.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<UserId, Vec<Record>>> {
        self.owners.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn first(&self, owner: &UserId, wanted: impl Fn(&Record) -> bool) -> Option<Record> {
        self.read().get(owner)?.iter().find(|record| wanted(record)).cloned()
    }
}

fn taken() -> Error {
    Error::new(ErrorKind::Conflict, "It is there already.")
}

fn same_key(a: &Record, b: &Record) -> bool {
    a.kind == b.kind && a.key.is_some() && a.key == b.key
}

#[async_trait]
impl RecordStore for MemoryRecords {
    async fn insert(&self, owner: &UserId, records: Vec<Record>) -> Result<()> {
        let mut owners = self.write();
        let ids = |new: &Record| {
            owners.values().flatten().any(|known| known.kind == new.kind && known.id == new.id)
        };
        let keys = |new: &Record| owners.get(owner).into_iter().flatten().any(|known| same_key(known, new));
        let twice = |(i, new): (usize, &Record)| {
            let same = |other: &Record| other.kind == new.kind && other.id == new.id || same_key(other, new);
            records.iter().take(i).any(same)
        };
        if records.iter().any(|new| ids(new) || keys(new)) || records.iter().enumerate().any(twice) {
            return Err(taken());
        }
        let mine = owners.entry(owner.clone()).or_default();
        for record in records {
            let at = mine.partition_point(|known| place(known) < place(&record));
            mine.insert(at, record);
        }
        Ok(())
    }

    async fn get(&self, owner: &UserId, kind: &str, id: &str) -> Result<Option<Record>> {
        Ok(self.first(owner, |record| record.kind == kind && record.id == id))
    }

    async fn find(&self, owner: &UserId, kind: &str, key: &str) -> Result<Option<Record>> {
        Ok(self.first(owner, |record| record.kind == kind && record.key.as_deref() == Some(key)))
    }

    async fn list(
        &self,
        owner: &UserId,
        kind: &str,
        group: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<Record>> {
        let owners = self.read();
        let mine = owners.get(owner).map_or(&[][..], Vec::as_slice);
        let of_kind: Vec<_> = mine.iter().filter(|record| record.kind == kind).collect();
        let after = match &page.after {
            None => None,
            Some(id) => {
                let cursor =
                    of_kind.iter().find(|record| record.id == *id).ok_or_else(|| page.unknown_cursor())?;
                Some(place(cursor))
            }
        };
        let wanted = of_kind
            .into_iter()
            .filter(|record| group.is_none_or(|group| record.group.as_deref() == Some(group)));
        Ok(page.cut(wanted, after, place))
    }

    async fn count(&self, owner: &UserId, kind: &str, group: Option<&str>) -> Result<u64> {
        let owners = self.read();
        let mine = owners.get(owner).map_or(&[][..], Vec::as_slice).iter();
        let counted = mine.filter(|record| {
            record.kind == kind && group.is_none_or(|group| record.group.as_deref() == Some(group))
        });
        Ok(counted.count() as u64)
    }

    async fn everything(
        &self,
        owner: &UserId,
        after: Option<(&str, &str)>,
        limit: u32,
    ) -> Result<Vec<Record>> {
        let owners = self.read();
        let place = |record: &Record| (record.kind.clone(), record.id.clone());
        let after = after.map(|(kind, id)| (kind.to_owned(), id.to_owned()));
        let mut rest: Vec<_> = owners.get(owner).into_iter().flatten().collect();
        rest.retain(|record| after.as_ref().is_none_or(|after| place(record) > *after));
        rest.sort_by_key(|record| place(record));
        Ok(rest.into_iter().take(limit as usize).cloned().collect())
    }

    async fn replace(&self, owner: &UserId, record: Record) -> Result<bool> {
        let mut owners = self.write();
        let Some(mine) = owners.get_mut(owner) else { return Ok(false) };
        let is_it = |known: &Record| {
            known.kind == record.kind && known.id == record.id && known.version == record.version
        };
        let Some(at) = mine.iter().position(is_it) else { return Ok(false) };
        if mine.iter().any(|known| known.id != record.id && same_key(known, &record)) {
            return Err(taken());
        }
        let Some(known) = mine.get_mut(at) else { return Ok(false) };
        let (created_at, version) = (known.created_at, known.version + 1);
        *known = Record { created_at, version, ..record };
        Ok(true)
    }

    async fn delete(&self, owner: &UserId, kind: &str, id: &str) -> Result<bool> {
        let mut owners = self.write();
        let Some(mine) = owners.get_mut(owner) else { return Ok(false) };
        let before = mine.len();
        mine.retain(|record| !(record.kind == kind && record.id == id));
        Ok(mine.len() < before)
    }

    async fn delete_owner(&self, owner: &UserId) -> Result<u64> {
        Ok(self.write().remove(owner).map_or(0, |records| records.len() as u64))
    }

    async fn sweep(&self, now: Millis, limit: u32) -> Result<u64> {
        let mut swept = 0;
        for mine in self.write().values_mut() {
            mine.retain(|record| {
                let goes = swept < u64::from(limit) && record.expires_at.is_some_and(|at| at < now);
                swept += u64::from(goes);
                !goes
            });
        }
        Ok(swept)
    }
}

/// Where a record stands in lists.
fn place(record: &Record) -> (Millis, String) {
    (record.created_at, record.id.clone())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn memory_keeps_the_promises() {
        crate::promises::records(Arc::new(MemoryRecords::new())).await;
    }
}
