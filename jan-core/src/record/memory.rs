//! Records in memory: for a first run, for tests, and for apps that need no storage across restarts.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use super::{Millis, Record, RecordStore};
use crate::database::{Memory, Part};
use crate::page::{Page, PageRequest};
use crate::{Error, ErrorKind, Result, Transaction, Transactional, UserId};

/// Stores records in a part of a database in memory.
pub(super) struct MemoryRecords(Part<Owners>);

/// The records of each owner, ordered by creation time and id. Cheap to clone, because a transaction works on a copy.
#[derive(Clone, Default)]
struct Owners(BTreeMap<UserId, Arc<Vec<Arc<Record>>>>);

impl MemoryRecords {
    pub(super) fn on(memory: &Memory) -> Self {
        Self(memory.part())
    }

    fn first(&self, owner: &UserId, wanted: impl Fn(&Record) -> bool) -> Option<Record> {
        self.0.read(|owners| owners.first(owner, wanted))
    }
}

impl Owners {
    /// The owner's records, ordered by creation time and id.
    fn of(&self, owner: &UserId) -> &[Arc<Record>] {
        self.0.get(owner).map_or(&[], |mine| mine.as_slice())
    }

    fn of_mut(&mut self, owner: &UserId) -> Option<&mut Vec<Arc<Record>>> {
        self.0.get_mut(owner).map(Arc::make_mut)
    }

    fn first(&self, owner: &UserId, wanted: impl Fn(&Record) -> bool) -> Option<Record> {
        self.of(owner).iter().find(|record| wanted(record)).map(|record| (**record).clone())
    }

    fn insert(&mut self, owner: &UserId, records: Vec<Record>) -> Result<()> {
        let ids = |new: &Record| {
            let known = self.0.values().flat_map(|theirs| theirs.iter());
            known.into_iter().any(|known| known.kind == new.kind && known.id == new.id)
        };
        let keys = |new: &Record| self.of(owner).iter().any(|known| same_key(known, new));
        let repeated = |(i, new): (usize, &Record)| {
            let same = |other: &Record| other.kind == new.kind && other.id == new.id || same_key(other, new);
            records.iter().take(i).any(same)
        };
        if records.iter().any(|new| ids(new) || keys(new)) || records.iter().enumerate().any(repeated) {
            return Err(taken());
        }
        let mine = Arc::make_mut(self.0.entry(owner.clone()).or_default());
        for record in records {
            let at = mine.partition_point(|known| place(known) < place(&record));
            mine.insert(at, Arc::new(record));
        }
        Ok(())
    }

    fn replace(&mut self, owner: &UserId, record: Record) -> Result<bool> {
        let Some(mine) = self.of_mut(owner) else { return Ok(false) };
        let same_version = |known: &Arc<Record>| {
            known.kind == record.kind && known.id == record.id && known.version == record.version
        };
        let Some(at) = mine.iter().position(same_version) else { return Ok(false) };
        if mine.iter().any(|known| known.id != record.id && same_key(known, &record)) {
            return Err(taken());
        }
        let Some(known) = mine.get_mut(at) else { return Ok(false) };
        let (created_at, version) = (known.created_at, known.version + 1);
        *known = Arc::new(Record { created_at, version, ..record });
        Ok(true)
    }
}

fn taken() -> Error {
    Error::new(ErrorKind::Conflict, "It is there already.")
}

fn same_key(a: &Record, b: &Record) -> bool {
    a.kind == b.kind && a.key.is_some() && a.key == b.key
}

#[async_trait]
impl Transactional for MemoryRecords {
    async fn begin(&self) -> Result<Transaction> {
        Ok(self.0.begin().await)
    }
}

#[async_trait]
impl RecordStore for MemoryRecords {
    async fn insert_in(&self, tx: &mut Transaction, owner: &UserId, records: Vec<Record>) -> Result<()> {
        self.0.of(tx)?.insert(owner, records)
    }

    /// Without a transaction, nothing needs to be copied.
    async fn insert(&self, owner: &UserId, records: Vec<Record>) -> Result<()> {
        self.0.write(|owners| owners.insert(owner, records)).await
    }

    async fn get_in(
        &self,
        tx: &mut Transaction,
        owner: &UserId,
        kind: &str,
        id: &str,
    ) -> Result<Option<Record>> {
        Ok(self.0.of(tx)?.first(owner, |record| record.kind == kind && record.id == id))
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
        self.0.read(|owners| {
            let mine = owners.of(owner).iter().map(|record| &**record);
            let of_kind: Vec<_> = mine.filter(|record| record.kind == kind).collect();
            let after = match &page.after {
                None => None,
                Some(id) => {
                    let cursor = of_kind.iter().find(|record| record.id == *id);
                    Some(place(cursor.ok_or_else(|| page.unknown_cursor())?))
                }
            };
            let wanted = of_kind.into_iter().filter(|record| is_in(record, group));
            Ok(page.cut(wanted, after, place))
        })
    }

    async fn count(&self, owner: &UserId, kind: &str, group: Option<&str>) -> Result<u64> {
        let counted = |record: &&Arc<Record>| record.kind == kind && is_in(record, group);
        Ok(self.0.read(|owners| owners.of(owner).iter().filter(counted).count()) as u64)
    }

    async fn everything(
        &self,
        owner: &UserId,
        after: Option<(&str, &str)>,
        limit: u32,
    ) -> Result<Vec<Record>> {
        self.0.read(|owners| {
            let place = |record: &Record| (record.kind.clone(), record.id.clone());
            let after = after.map(|(kind, id)| (kind.to_owned(), id.to_owned()));
            let mut rest: Vec<&Record> = owners.of(owner).iter().map(|record| &**record).collect();
            rest.retain(|record| after.as_ref().is_none_or(|after| place(record) > *after));
            rest.sort_by_key(|record| place(record));
            Ok(rest.into_iter().take(limit as usize).cloned().collect())
        })
    }

    async fn replace_in(&self, tx: &mut Transaction, owner: &UserId, record: Record) -> Result<bool> {
        self.0.of(tx)?.replace(owner, record)
    }

    async fn replace(&self, owner: &UserId, record: Record) -> Result<bool> {
        self.0.write(|owners| owners.replace(owner, record)).await
    }

    async fn delete(&self, owner: &UserId, kind: &str, id: &str) -> Result<bool> {
        let delete = |owners: &mut Owners| {
            let Some(mine) = owners.of_mut(owner) else { return Ok(false) };
            let before = mine.len();
            mine.retain(|record| !(record.kind == kind && record.id == id));
            Ok(mine.len() < before)
        };
        self.0.write(delete).await
    }

    async fn delete_owner(&self, owner: &UserId) -> Result<u64> {
        let gone = self.0.write(|owners| Ok(owners.0.remove(owner))).await?;
        Ok(gone.map_or(0, |records| records.len() as u64))
    }

    async fn sweep(&self, now: Millis, limit: u32) -> Result<u64> {
        let sweep = |owners: &mut Owners| {
            let mut swept = 0;
            for mine in owners.0.values_mut() {
                Arc::make_mut(mine).retain(|record| {
                    let goes = swept < u64::from(limit) && record.expires_at.is_some_and(|at| at < now);
                    swept += u64::from(goes);
                    !goes
                });
            }
            Ok(swept)
        };
        self.0.write(sweep).await
    }
}

fn is_in(record: &Record, group: Option<&str>) -> bool {
    group.is_none_or(|group| record.group.as_deref() == Some(group))
}

/// A record's position in lists.
fn place(record: &Record) -> (Millis, String) {
    (record.created_at, record.id.clone())
}

#[cfg(test)]
mod tests {
    use crate::{Database, record};

    #[tokio::test]
    async fn memory_passes_the_record_suite() {
        crate::promises::records(record::on(&Database::memory()).await.unwrap()).await;
    }

    #[tokio::test]
    async fn stores_on_clones_of_one_database_share_their_records() {
        let database = Database::memory();
        let (one, other) =
            (record::on(&database).await.unwrap(), record::on(&database.clone()).await.unwrap());
        let me = crate::UserId::new("me");
        one.insert(&me, vec![crate::promises::records::record("note")]).await.unwrap();
        assert_eq!(other.count(&me, "note", None).await.unwrap(), 1);
    }
}
