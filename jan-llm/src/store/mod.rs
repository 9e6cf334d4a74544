//! Where chats are kept: in memory, in a SQLite file, in Postgres. [`Store`] is the choice, made once; everything that
//! keeps something is made from it.

mod memory;
#[cfg(feature = "sql")]
mod sql;
mod tree;

use std::sync::Arc;

pub use jan_core::conversation::{self, ConversationStore};
use jan_core::record::MemoryRecords;
pub use jan_core::record::RecordStore;
#[cfg(feature = "sql")]
pub use jan_core::sql::Durability;
pub use memory::MemoryConversations;
#[cfg(feature = "sql")]
pub use sql::SqlConversations;

#[cfg(feature = "sql")]
use jan_core::Result;

/// The stores of one server or app. Cheap to clone; clones share what is kept.
#[derive(Clone)]
pub struct Store {
    /// Conversations, their items and branches.
    pub conversations: Arc<dyn ConversationStore>,
    /// Projects, shares, settings, usage: everything small.
    pub records: Arc<dyn RecordStore>,
}

impl Store {
    /// Keeps everything in this process, until it ends.
    pub fn memory() -> Self {
        Self { conversations: Arc::new(MemoryConversations::new()), records: Arc::new(MemoryRecords::new()) }
    }

    /// Keeps everything in the database that `url` names: `sqlite:PATH` or `postgres://USER@HOST/NAME`. Its tables are
    /// made, or brought up to date.
    ///
    /// # Errors
    /// As [`jan_core::sql::Db::open`] and [`jan_core::sql::Db::migrate`].
    #[cfg(feature = "sql")]
    pub async fn open(url: &str, durability: Durability) -> Result<Self> {
        Self::over(jan_core::sql::Db::open(url, durability).await?).await
    }

    /// Keeps everything in an open database.
    ///
    /// # Errors
    /// As [`jan_core::sql::Db::migrate`].
    #[cfg(feature = "sql")]
    pub async fn over(db: jan_core::sql::Db) -> Result<Self> {
        let records = jan_core::record::SqlRecords::open(db.clone()).await?;
        let conversations = SqlConversations::open(db).await?;
        Ok(Self { conversations: Arc::new(conversations), records: Arc::new(records) })
    }

    /// Keeps everything in a SQLite file, made if it is not there.
    ///
    /// # Errors
    /// As [`Store::open`].
    #[cfg(feature = "sqlite")]
    pub async fn sqlite(path: impl AsRef<std::path::Path>) -> Result<Self> {
        Self::open(&jan_core::sql::file_url(path), Durability::default()).await
    }
}

impl Default for Store {
    fn default() -> Self {
        Self::memory()
    }
}

#[cfg(test)]
mod tests;
