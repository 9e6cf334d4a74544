//! Transactions over several stores. Stores are traits in several crates, so a transaction is passed to their `…_in`
//! methods; each store gets the transaction of its own kind of database out of it.

use std::any::Any;
use std::fmt;

use async_trait::async_trait;

use crate::{Error, Result};

/// An open transaction of one [`crate::Database`], or of a database of your own ([`Transaction::new`]).
///
/// Dropping it rolls back everything that was written in it. After a write in it failed, it can only be dropped.
/// Others do not see its writes before [`Transaction::commit`]. While a transaction is open in SQLite or in memory,
/// every other write waits until it ends, also a write by the same task outside of the transaction (in SQLite for at
/// most 5 seconds, then the write fails). So write only through the transaction, and make no network calls while it is
/// open. Reads are not blocked.
#[must_use = "a transaction that is not committed is rolled back"]
pub struct Transaction(Box<dyn DatabaseTransaction>);

/// The transaction of one kind of database.
#[async_trait]
pub trait DatabaseTransaction: Any + Send {
    /// Commits what was written in it. Dropping it instead rolls that back.
    async fn commit(self: Box<Self>) -> Result<()>;
}

/// A store whose writes can be part of a transaction.
///
/// A custom store that wraps one of our stores forwards both this method and the `…_in` methods to it. A custom store
/// with its own kind of database returns that database's transaction ([`Transaction::new`]) and gets it back with
/// [`Transaction::get_mut`].
#[async_trait]
pub trait Transactional: Send + Sync + 'static {
    /// Begins a transaction of the database that this store uses.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unavailable`] when the database cannot be reached, or other writers hold it for too long.
    async fn begin(&self) -> Result<Transaction>;
}

impl Transaction {
    /// Wraps the transaction of one kind of database.
    pub fn new(transaction: impl DatabaseTransaction) -> Self {
        Self(Box::new(transaction))
    }

    /// The database's own transaction, for a store that uses databases of this kind.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Internal`] when the transaction belongs to another kind of database.
    pub fn get_mut<T: DatabaseTransaction>(&mut self) -> Result<&mut T> {
        (self.0.as_mut() as &mut dyn Any).downcast_mut().ok_or_else(another_database)
    }

    /// Commits what was written in it. If the future is dropped, the transaction may or may not have been committed.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Internal`] when the database cannot commit it; then nothing was acknowledged.
    pub async fn commit(self) -> Result<()> {
        self.0.commit().await
    }
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").finish_non_exhaustive()
    }
}

/// The error of a store that gets a transaction of another database.
pub(crate) fn another_database() -> Error {
    Error::internal("this store keeps in another database than the transaction writes to")
}
