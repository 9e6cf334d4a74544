//! Records of one kind as values of one type.

use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Millis, Record, RecordStore};
use crate::page::{Page, PageRequest};
use crate::{Error, ErrorKind, Result, Transaction, UserId};

/// How often a change is tried when others change the same record.
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

/// A typed record: what the store knows of it, and the thing itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypedRecord<T> {
    /// Its id.
    pub id: String,
    /// Its second name.
    pub key: Option<String>,
    /// What it belongs to.
    pub group: Option<String>,
    /// When it was made.
    pub created_at: Millis,
    /// When it ends by itself.
    pub expires_at: Option<Millis>,
    /// The thing.
    pub body: T,
}

impl<T> TypedRecord<T> {
    /// A thing made at `created_at`.
    pub fn new(id: impl Into<String>, created_at: Millis, body: T) -> Self {
        Self { id: id.into(), key: None, group: None, created_at, expires_at: None, body }
    }

    /// Gives it a second name.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Says what it belongs to.
    #[must_use]
    pub fn group(mut self, group: Option<String>) -> Self {
        self.group = group;
        self
    }

    /// Says when it ends.
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

    /// Keeps a new one.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when its id or key is taken.
    pub async fn insert(&self, owner: &UserId, new: &TypedRecord<T>) -> Result<()> {
        self.store.insert(owner, vec![self.record(new, 0)?]).await
    }

    /// Keeps a new one, as part of a transaction.
    ///
    /// # Errors
    /// As [`Records::insert`].
    pub async fn insert_in(&self, tx: &mut Transaction, owner: &UserId, new: &TypedRecord<T>) -> Result<()> {
        self.store.insert_in(tx, owner, vec![self.record(new, 0)?]).await
    }

    /// The one of this id.
    ///
    /// # Errors
    /// The store's.
    pub async fn get(&self, owner: &UserId, id: &str) -> Result<Option<TypedRecord<T>>> {
        self.store.get(owner, self.kind, id).await?.map(kept).transpose()
    }

    /// The one of this key.
    ///
    /// # Errors
    /// The store's.
    pub async fn find(&self, owner: &UserId, key: &str) -> Result<Option<TypedRecord<T>>> {
        self.store.find(owner, self.kind, key).await?.map(kept).transpose()
    }

    /// A page of them, of one group if it is named.
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
        let items = page.items.into_iter().map(kept).collect::<Result<_>>()?;
        Ok(Page { items, has_more: page.has_more })
    }

    /// How many of them there are, of one group if it is named.
    ///
    /// # Errors
    /// The store's.
    pub async fn count(&self, owner: &UserId, group: Option<&str>) -> Result<u64> {
        self.store.count(owner, self.kind, group).await
    }

    /// All of them, of one group if it is named: for things that somebody has few of.
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

    /// Changes the one of this id, as it is now, and gives it changed. `change` runs anew when somebody else was faster.
    ///
    /// # Errors
    /// What `change` refuses (then nothing is changed); [`ErrorKind::NotFound`]; [`ErrorKind::Conflict`] when its new
    /// key is taken.
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
        // On Postgres others may write between the two statements; then the next look finds what they wrote.
        for _ in 0..TRIES {
            let now = self.store.get_in(tx, owner, self.kind, id).await?;
            let (next, version) = self.changed(now, id, &change)?;
            if self.store.replace_in(tx, owner, self.record(&next, version)?).await? {
                return Ok(next);
            }
        }
        Err(changed_by_others())
    }

    /// A record that was found, changed, and the version that it had.
    fn changed(
        &self,
        now: Option<Record>,
        id: &str,
        change: impl Fn(&mut TypedRecord<T>) -> Result<()>,
    ) -> Result<(TypedRecord<T>, i64)> {
        let now = now.ok_or_else(|| Error::not_found(format!("There is no {} `{id}`.", self.kind)))?;
        let version = now.version;
        let mut next = kept(now)?;
        change(&mut next)?;
        Ok((next, version))
    }

    /// Changes the one of this key as [`Records::update`] does; where there is none, what `first` makes is changed and
    /// kept under the key.
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
                // Somebody else was faster with the first one: theirs is changed.
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                Err(error) => return Err(error),
            }
        }
        Err(changed_by_others())
    }

    /// Takes the one of this id away; false when it was not there.
    ///
    /// # Errors
    /// The store's.
    pub async fn delete(&self, owner: &UserId, id: &str) -> Result<bool> {
        self.store.delete(owner, self.kind, id).await
    }

    fn record(&self, kept: &TypedRecord<T>, version: i64) -> Result<Record> {
        Ok(Record {
            kind: self.kind.to_owned(),
            id: kept.id.clone(),
            key: kept.key.clone(),
            group: kept.group.clone(),
            created_at: kept.created_at,
            expires_at: kept.expires_at,
            version,
            body: serde_json::to_string(&kept.body).map_err(Error::internal)?,
        })
    }
}

fn changed_by_others() -> Error {
    Error::new(ErrorKind::Conflict, "Others change this at the same time. Try again.")
}

fn kept<T: DeserializeOwned>(record: Record) -> Result<TypedRecord<T>> {
    let body = serde_json::from_str(&record.body).map_err(Error::internal)?;
    let Record { id, key, group, created_at, expires_at, .. } = record;
    Ok(TypedRecord { id, key, group, created_at, expires_at, body })
}
