//! A database in memory. It holds one value per type: a store keeps all its data in one value, a [`Part`]. Stores of
//! the same type that were made on clones of one handle share that value.
//!
//! Two locks make transactions work. Readers see the committed values under a read-write lock that is held only while
//! a closure reads. A second lock admits one writer at a time; a transaction holds it from its beginning to its end. A
//! transaction changes copies of the parts that it touches. Its commit replaces all of those parts at once; dropping
//! it discards the copies. So nobody sees half of a transaction, and a transaction that is not committed changes
//! nothing. Parts are cloned often and should be cheap to clone, so stores keep [`Arc`]s in them.

use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::lock::{Mutex, OwnedMutexGuard};

use super::transaction::{DatabaseTransaction, Transaction, another_database};
use crate::{Error, Result};

type Parts = HashMap<TypeId, Box<dyn Any + Send + Sync>>;

/// A database in the memory of this process. Cheap to clone; clones are the same database. It starts no task and no
/// thread.
#[derive(Clone, Default)]
pub struct Memory(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// Held by the writer, or by an open transaction. It is an asynchronous lock, so a waiting task does not block its
    /// thread: the transaction that holds the lock may need that thread to go on.
    writer: Arc<Mutex<()>>,
    /// The committed values.
    parts: RwLock<Parts>,
}

impl Memory {
    /// The part of this type. All callers of this database get the same part.
    pub fn part<T: Default + Clone + Send + Sync + 'static>(&self) -> Part<T> {
        Part { memory: self.clone(), value: PhantomData }
    }

    /// Begins a transaction as soon as no other writer is active.
    pub async fn begin(&self) -> Transaction {
        let writer = self.0.writer.clone().lock_owned().await;
        Transaction::new(MemoryTransaction { memory: self.clone(), changed: Parts::new(), _writer: writer })
    }

    fn read(&self) -> RwLockReadGuard<'_, Parts> {
        self.0.parts.read()
    }

    fn write(&self) -> RwLockWriteGuard<'_, Parts> {
        self.0.parts.write()
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").finish_non_exhaustive()
    }
}

/// The data of a store in memory. Cheap to clone; clones are the same part.
pub struct Part<T> {
    memory: Memory,
    value: PhantomData<fn() -> T>,
}

impl<T: Default + Clone + Send + Sync + 'static> Part<T> {
    /// Calls `read` with the committed value of the part. A commit waits while `read` runs, so it must be short and
    /// must not take other locks.
    pub fn read<R>(&self, read: impl FnOnce(&T) -> R) -> R {
        match self.memory.read().get(&TypeId::of::<T>()).and_then(|part| part.downcast_ref()) {
            Some(part) => read(part),
            None => read(&T::default()),
        }
    }

    /// Changes the part in place, without a transaction, as soon as no other writer is active. If `change` fails, it
    /// must leave the part unchanged.
    ///
    /// # Errors
    /// Those of `change`.
    pub async fn write<R>(&self, change: impl FnOnce(&mut T) -> Result<R> + Send) -> Result<R> {
        let _writer = self.memory.0.writer.lock().await;
        let mut parts = self.memory.write();
        let part = parts.entry(TypeId::of::<T>()).or_insert_with(|| Box::new(T::default()));
        change(part.downcast_mut().ok_or_else(wrong_type)?)
    }

    /// Begins a transaction of the database that this part belongs to.
    pub async fn begin(&self) -> Transaction {
        self.memory.begin().await
    }

    /// The transaction's own copy of the part. Changes to it are committed with the transaction.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Internal`] when the transaction belongs to another database.
    pub fn of<'t>(&self, tx: &'t mut Transaction) -> Result<&'t mut T> {
        let tx = tx.get_mut::<MemoryTransaction>()?;
        if !Arc::ptr_eq(&tx.memory.0, &self.memory.0) {
            return Err(another_database());
        }
        let copy = || Box::new(self.read(T::clone)) as Box<dyn Any + Send + Sync>;
        tx.changed.entry(TypeId::of::<T>()).or_insert_with(copy).downcast_mut().ok_or_else(wrong_type)
    }
}

impl<T> Clone for Part<T> {
    fn clone(&self) -> Self {
        Self { memory: self.memory.clone(), value: PhantomData }
    }
}

impl<T> fmt::Debug for Part<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part").finish_non_exhaustive()
    }
}

/// Cannot happen: every part is stored under its own type.
fn wrong_type() -> Error {
    Error::internal("a part in memory is of another type than its key")
}

/// A transaction in memory: copies of the parts that it changes.
struct MemoryTransaction {
    memory: Memory,
    changed: Parts,
    _writer: OwnedMutexGuard<()>,
}

#[async_trait]
impl DatabaseTransaction for MemoryTransaction {
    async fn commit(self: Box<Self>) -> Result<()> {
        // The writer lock is held until all parts are replaced, so no other writer sees a mixture.
        let Self { memory, changed, _writer } = *self;
        memory.write().extend(changed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Numbers(Vec<u32>);
    #[derive(Clone, Default)]
    struct Words(Vec<&'static str>);

    async fn push(numbers: &Part<Numbers>, number: u32) {
        let push = |part: &mut Numbers| {
            part.0.push(number);
            Ok(())
        };
        numbers.write(push).await.unwrap();
    }

    fn committed(memory: &Memory) -> (Vec<u32>, Vec<&'static str>) {
        (
            memory.part::<Numbers>().read(|part| part.0.clone()),
            memory.part::<Words>().read(|part| part.0.clone()),
        )
    }

    #[tokio::test]
    async fn a_transaction_becomes_visible_as_a_whole_when_it_is_committed() {
        let memory = Memory::default();
        let (numbers, words) = (memory.part::<Numbers>(), memory.clone().part::<Words>());
        push(&numbers, 1).await;
        for commits in [false, true] {
            let mut tx = memory.begin().await;
            numbers.of(&mut tx).unwrap().0.push(2);
            words.of(&mut tx).unwrap().0.push("two");
            assert_eq!(numbers.of(&mut tx).unwrap().0, [1, 2], "its own writes are visible in it");
            assert_eq!(committed(&memory), (vec![1], vec![]));
            assert!(numbers.write(|_| Ok(())).now_or_never().is_none(), "nobody else writes meanwhile");
            if commits {
                tx.commit().await.unwrap();
            }
        }
        assert_eq!(committed(&memory), (vec![1, 2], vec!["two"]));
        push(&numbers, 3).await;
    }

    #[tokio::test]
    async fn a_transaction_of_another_database_is_refused() {
        let mut tx = Memory::default().begin().await;
        assert!(Memory::default().part::<Numbers>().of(&mut tx).is_err());
    }
}
