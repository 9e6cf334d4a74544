//! Records of one kind as values of one type.

use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Millis, Record, RecordStore};
use crate::page::{Page, PageRequest};
use crate::{Error, ErrorKind, Result, Transaction, UserId};

/// How many times a change is tried when others change the same record at the same time.
const TRIES: usize = 64;

/// The records of one kind, typed. Cheap to clone.
pub struct Records<T> {
    kind: &'static str,
    store: Arc<dyn RecordStore>,
    body: PhantomData<fn() -> T>,
}

impl<T> Clone for Records<T> {
    fn clone(&self) -> Self {
        Self { kind: self.kind, store: self.store.clone(), body: PhantomData }
    }
}

/// A record whose body has a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypedRecord<T> {
    /// Its id.
    pub id: String,
    /// A second name, unique among the owner's records of this kind.
    pub key: Option<String>,
    /// The group by which it can be listed.
    pub group: Option<String>,
    /// When it was created.
    pub created_at: Millis,
    /// When it expires; `None` when it does not.
    pub expires_at: Option<Millis>,
    /// The data.
    pub body: T,
}

impl<T> TypedRecord<T> {
    /// A record created at `created_at`, without key, group and expiry.
    pub fn new(id: impl Into<String>, created_at: Millis, body: T) -> Self {
        Self { id: id.into(), key: None, group: None, created_at, expires_at: None, body }
    }

    /// Sets its key.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Sets its group.
    #[must_use]
    pub fn group(mut self, group: Option<String>) -> Self {
        self.group = group;
        self
    }

    /// Sets its expiry.
    #[must_use]
    pub fn expires_at(mut self, at: Millis) -> Self {
        self.expires_at = Some(at);
        self
    }
}

impl<T: Serialize + DeserializeOwned + Send> Records<T> {
    /// The records of `kind` in `store`.
    pub fn new(kind: &'static str, store: Arc<dyn RecordStore>) -> Self {
        Self { kind, store, body: PhantomData }
    }

    /// Inserts a new record.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when its id or key exists already.
    pub async fn insert(&self, owner: &UserId, new: &TypedRecord<T>) -> Result<()> {
        self.store.insert(owner, vec![self.record(new, 0)?]).await
    }

    /// Inserts a new record as part of a transaction.
    ///
    /// # Errors
    /// As [`Records::insert`].
    pub async fn insert_in(&self, tx: &mut Transaction, owner: &UserId, new: &TypedRecord<T>) -> Result<()> {
        self.store.insert_in(tx, owner, vec![self.record(new, 0)?]).await
    }

    /// The record with this id.
    ///
    /// # Errors
    /// The store's errors.
    pub async fn get(&self, owner: &UserId, id: &str) -> Result<Option<TypedRecord<T>>> {
        self.store.get(owner, self.kind, id).await?.map(typed).transpose()
    }

    /// The record with this key.
    ///
    /// # Errors
    /// The store's errors.
    pub async fn find(&self, owner: &UserId, key: &str) -> Result<Option<TypedRecord<T>>> {
        self.store.find(owner, self.kind, key).await?.map(typed).transpose()
    }

    /// A page of the owner's records; only those of `group` if it is given.
    ///
    /// # Errors
    /// As [`RecordStore::list`].
    pub async fn list(
        &self,
        owner: &UserId,
        group: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<TypedRecord<T>>> {
        let page = self.store.list(owner, self.kind, group, page).await?;
        let items = page.items.into_iter().map(typed).collect::<Result<_>>()?;
        Ok(Page { items, has_more: page.has_more })
    }

    /// The number of the owner's records; only those of `group` if it is given.
    ///
    /// # Errors
    /// The store's errors.
    pub async fn count(&self, owner: &UserId, group: Option<&str>) -> Result<u64> {
        self.store.count(owner, self.kind, group).await
    }

    /// All of the owner's records; only those of `group` if it is given. For kinds of which users have few.
    ///
    /// # Errors
    /// As [`RecordStore::list`].
    pub async fn all(&self, owner: &UserId, group: Option<&str>) -> Result<Vec<TypedRecord<T>>> {
        let mut all = Vec::new();
        let mut page = PageRequest { limit: crate::page::MAX_LIMIT, ..PageRequest::default() };
        loop {
            let mut next = self.list(owner, group, &page).await?;
            page.after = next.items.last().map(|last| last.id.clone());
            all.append(&mut next.items);
            if !next.has_more {
                return Ok(all);
            }
        }
    }

    /// Changes the record with this id and returns the changed record. When another writer changes the record at the
    /// same time, it is read again and `change` is called again.
    ///
    /// # Errors
    /// The errors of `change` (then nothing was written); [`ErrorKind::NotFound`]; [`ErrorKind::Conflict`] when its
    /// new key exists already.
    pub async fn update<F>(&self, owner: &UserId, id: &str, change: F) -> Result<TypedRecord<T>>
    where
        F: Fn(&mut TypedRecord<T>) -> Result<()> + Send + Sync,
    {
        for _ in 0..TRIES {
            let (next, version) = self.changed(self.store.get(owner, self.kind, id).await?, id, &change)?;
            if self.store.replace(owner, self.record(&next, version)?).await? {
                return Ok(next);
            }
        }
        Err(changed_by_others())
    }

    /// As [`Records::update`], as part of a transaction.
    ///
    /// # Errors
    /// As [`Records::update`].
    pub async fn update_in<F>(
        &self,
        tx: &mut Transaction,
        owner: &UserId,
        id: &str,
        change: F,
    ) -> Result<TypedRecord<T>>
    where
        F: Fn(&mut TypedRecord<T>) -> Result<()> + Send + Sync,
    {
        // On Postgres, another writer may commit between the two statements; the next attempt then reads what it
        // wrote.
        for _ in 0..TRIES {
            let now = self.store.get_in(tx, owner, self.kind, id).await?;
            let (next, version) = self.changed(now, id, &change)?;
            if self.store.replace_in(tx, owner, self.record(&next, version)?).await? {
                return Ok(next);
            }
        }
        Err(changed_by_others())
    }

    /// The changed record, and the version that it had before.
    fn changed(
        &self,
        now: Option<Record>,
        id: &str,
        change: impl Fn(&mut TypedRecord<T>) -> Result<()>,
    ) -> Result<(TypedRecord<T>, i64)> {
        let now = now.ok_or_else(|| Error::not_found(format!("There is no {} `{id}`.", self.kind)))?;
        let version = now.version;
        let mut next = typed(now)?;
        change(&mut next)?;
        Ok((next, version))
    }

    /// Changes the record with this key as [`Records::update`] does. If it does not exist, the record that `first`
    /// returns is changed and inserted under the key.
    ///
    /// # Errors
    /// As [`Records::update`].
    pub async fn update_or_insert<F>(
        &self,
        owner: &UserId,
        key: &str,
        first: impl Fn() -> TypedRecord<T> + Send + Sync,
        change: F,
    ) -> Result<TypedRecord<T>>
    where
        T: Sync,
        F: Fn(&mut TypedRecord<T>) -> Result<()> + Send + Sync,
    {
        for _ in 0..TRIES {
            if let Some(known) = self.find(owner, key).await? {
                return self.update(owner, &known.id, change).await;
            }
            let mut new = first().key(key);
            change(&mut new)?;
            match self.insert(owner, &new).await {
                Ok(()) => return Ok(new),
                // Another writer inserted the record first, so that record is changed instead.
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                Err(error) => return Err(error),
            }
        }
        Err(changed_by_others())
    }

    /// Deletes the record with this id; returns whether it existed.
    ///
    /// # Errors
    /// The store's errors.
    pub async fn delete(&self, owner: &UserId, id: &str) -> Result<bool> {
        self.store.delete(owner, self.kind, id).await
    }

    fn record(&self, typed: &TypedRecord<T>, version: i64) -> Result<Record> {
        Ok(Record {
            kind: self.kind.to_owned(),
            id: typed.id.clone(),
            key: typed.key.clone(),
            group: typed.group.clone(),
            created_at: typed.created_at,
            expires_at: typed.expires_at,
            version,
            body: serde_json::to_string(&typed.body).map_err(Error::internal)?,
        })
    }
}

fn changed_by_others() -> Error {
    Error::new(ErrorKind::Conflict, "Others change this at the same time. Try again.")
}

fn typed<T: DeserializeOwned>(record: Record) -> Result<TypedRecord<T>> {
    let body = serde_json::from_str(&record.body).map_err(Error::internal)?;
    let Record { id, key, group, created_at, expires_at, .. } = record;
    Ok(TypedRecord { id, key, group, created_at, expires_at, body })
}
