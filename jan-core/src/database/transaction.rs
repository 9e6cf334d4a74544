//! Writes of several stores that are kept together or not at all. Stores are traits and live in several crates, so a
//! transaction is handed to their `…_in` methods; each store finds in it the transaction of the database it keeps in.

use std::any::Any;
use std::fmt;

use async_trait::async_trait;

use crate::{Error, Result};

/// An open transaction of one [`crate::Database`], or of a database of your own ([`Transaction::new`]).
///
/// Dropping it undoes what was written in it, and so does an error of a write in it: then it can only be dropped. Others do
/// not see its writes before [`Transaction::commit`]. While one is open in SQLite or in memory, nobody else writes there,
/// whoever opened it included: any other write waits until it ends (in SQLite for 5 seconds, and then it fails). So write
/// through it alone, and ask nothing of a network while it is open. Reads go on meanwhile.
#[must_use = "a transaction that is not committed is undone"]
pub struct Transaction(Box<dyn DatabaseTransaction>);

/// The transaction of one kind of database.
#[async_trait]
pub trait DatabaseTransaction: Any + Send {
    /// Keeps what was written in it. Dropping it undoes that.
    async fn commit(self: Box<Self>) -> Result<()>;
}

/// A store whose writes can be part of a transaction.
///
/// A store of your own that keeps in another of ours passes both this and the `…_in` methods on to it; one that keeps in a
/// database of its own gives that database's transaction ([`Transaction::new`]) and finds it again
/// ([`Transaction::get_mut`]).
#[async_trait]
pub trait Transactional: Send + Sync + 'static {
    /// Begins a transaction of the database in which this store keeps.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unavailable`] when the database cannot be reached, or others write to it for too long.
    async fn begin(&self) -> Result<Transaction>;
}

impl Transaction {
    /// A transaction of a database.
    pub fn new(transaction: impl DatabaseTransaction) -> Self {
        Self(Box::new(transaction))
    }

    /// The database's own transaction, for a store that keeps in databases of this kind.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Internal`] when it is one of another kind of database.
    pub fn get_mut<T: DatabaseTransaction>(&mut self) -> Result<&mut T> {
        (self.0.as_mut() as &mut dyn Any).downcast_mut().ok_or_else(another_database)
    }

    /// Keeps what was written in it. Dropping the future leaves it open whether it is kept.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Internal`] when the database cannot keep it; then nothing was acknowledged.
    pub async fn commit(self) -> Result<()> {
        self.0.commit().await
    }
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").finish_non_exhaustive()
    }
}

/// What a store says to a transaction that is none of its database.
pub(crate) fn another_database() -> Error {
    Error::internal("this store keeps in another database than the transaction writes to")
}
