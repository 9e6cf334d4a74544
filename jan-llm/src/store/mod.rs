//! Where chats are kept: the stores of this crate, made once on the app's database; everything that keeps something is made
//! from them.

mod memory;
#[cfg(feature = "sql")]
mod sql;
mod tree;

use std::sync::Arc;

pub use jan_core::conversation::{self, BranchStore, ConversationArchive, ConversationStore};
use jan_core::record;
pub use jan_core::record::RecordStore;
use jan_core::{Database, Error, Result, Transaction};
use memory::MemoryConversations;

/// The stores of one server or app. Cheap to clone; clones share what is kept.
///
/// A store of your own may take the place of one of them; all must keep in the same database, since some things are
/// written to several of them in one transaction ([`Store::begin`]).
#[derive(Clone)]
pub struct Store {
    /// Conversations and their items.
    pub conversations: Arc<dyn ConversationStore>,
    /// The branches of conversations.
    pub branches: Arc<dyn BranchStore>,
    /// Conversations as exports and sweeping see them.
    pub archive: Arc<dyn ConversationArchive>,
    /// Projects, shares, settings, usage: everything small.
    pub records: Arc<dyn RecordStore>,
}

impl Store {
    /// The stores of this database. In a SQL database their tables are made, or brought up to date.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::Invalid`] naming `database` when this crate was built without the feature `sqlite` or `postgres`
    /// and the database is one of these; else as `jan_core::sql::Db::migrate`.
    pub async fn on(database: &Database) -> Result<Self> {
        let records = record::on(database).await?;
        #[cfg(feature = "sql")]
        if let Some(db) = database.sql() {
            return Ok(Self::of(Arc::new(sql::SqlConversations::open(db.clone()).await?), records));
        }
        let memory = database.in_memory().ok_or_else(|| {
            let message = "`jan-llm` was built without its feature `sqlite` or `postgres`.";
            Error::invalid("database", message)
        })?;
        Ok(Self::of(Arc::new(MemoryConversations::on(memory)), records))
    }

    fn of<T>(conversations: Arc<T>, records: Arc<dyn RecordStore>) -> Self
    where
        T: ConversationStore + BranchStore + ConversationArchive,
    {
        Self { branches: conversations.clone(), archive: conversations.clone(), conversations, records }
    }

    /// Begins a transaction, in which every one of the stores can write.
    ///
    /// # Errors
    /// As [`jan_core::Transactional::begin`].
    pub async fn begin(&self) -> Result<Transaction> {
        self.conversations.begin().await
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::memory_store;
#[cfg(all(test, feature = "sqlite"))]
pub(crate) use tests::sqlite_store;
