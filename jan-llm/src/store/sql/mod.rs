//! Conversations in a SQL database. Each file holds one family of the stores' methods; the traits themselves, at the end of
//! this one, only point there.

mod archive;
mod branches;
mod conversations;
mod items;

use async_trait::async_trait;
use jan_core::conversation::{
    Append, Archived, Branch, BranchStore, Change, Conversation, ConversationArchive, ConversationStore,
    Filter, Fork, Item, ItemRef, PlacedItem, Recent, Root, Segment, Selection, Tip,
};
use jan_core::page::{Page, PageRequest};
use jan_core::record::Millis;
use jan_core::sql::{Db, Migration, Row, Tx, Value};
use jan_core::{Error, JsonObject, Result, Transaction, Transactional, UserId};

use super::tree::{BranchRow, Tree, fitting, name_taken, no_branch, no_conversation, no_item, taken};

/// Keeps conversations in three tables.
#[derive(Debug, Clone)]
pub(super) struct SqlConversations {
    db: Db,
}

const STEPS: &[Migration] = &[Migration {
    number: 1,
    sqlite: include_str!("../../../migrations/sqlite/0001_conversation.sql"),
    postgres: include_str!("../../../migrations/postgres/0001_conversation.sql"),
}];

impl SqlConversations {
    /// The conversations of this database; its tables are made or brought up to date.
    pub(super) async fn open(db: Db) -> Result<Self> {
        db.migrate_reserved("llm", STEPS).await?;
        Ok(Self { db })
    }

    /// A transaction that writes to one conversation.
    async fn begin_on(&self, owner: &UserId, id: &str, at: Millis) -> Result<Tx> {
        let mut tx = self.db.begin().await?;
        touch(&mut tx, owner, id, at).await?;
        Ok(tx)
    }
}

/// Begins to write to a conversation: nobody else writes to it until the transaction ends. Written first, so that the row
/// is ours from there on.
async fn touch(tx: &mut Tx, owner: &UserId, id: &str, at: Millis) -> Result<()> {
    let touch = "UPDATE conversation SET updated_at = CASE WHEN updated_at > $3 THEN updated_at ELSE $3 END
                 WHERE id = $1 AND owner = $2 AND deleted_at IS NULL";
    if tx.execute(touch, &[id.into(), owner.into(), at.into()]).await? == 0 {
        return Err(no_conversation(id));
    }
    Ok(())
}

const TREE: &str =
    "SELECT b.number, b.name, b.description, b.parent, b.fork, b.fork_item, b.last, b.created_at,
                           b.updated_at, b.deleted_at, c.active_branch
                    FROM conversation c JOIN branch b ON b.conversation = c.id
                    WHERE c.id = $1 AND c.owner = $2 AND c.deleted_at IS NULL ORDER BY b.number";

/// The branches of a conversation that may be the caller's.
fn tree(rows: &[Row], id: &str) -> Result<Tree> {
    let active = rows.first().ok_or_else(|| no_conversation(id))?.int("active_branch")?;
    Ok(Tree { rows: rows.iter().map(branch_row).collect::<Result<_>>()?, active })
}

fn branch_row(row: &Row) -> Result<BranchRow> {
    let parent = row.opt_int("parent")?;
    let fork = row.int("fork")?;
    Ok(BranchRow {
        number: row.int("number")?,
        name: row.text("name")?,
        description: row.opt_text("description")?,
        root: parent.map(|parent| Root { parent, fork }),
        fork_item: row.opt_text("fork_item")?,
        last: row.int("last")?,
        created_at: row.int("created_at")?,
        updated_at: row.int("updated_at")?,
        deleted: row.opt_int("deleted_at")?.is_some(),
    })
}

#[async_trait]
impl Transactional for SqlConversations {
    async fn begin(&self) -> Result<Transaction> {
        Ok(Transaction::new(self.db.begin().await?))
    }
}

#[async_trait]
impl ConversationStore for SqlConversations {
    async fn create_in(
        &self,
        tx: &mut Transaction,
        owner: &UserId,
        conversation: Conversation,
        items: Vec<Item>,
    ) -> Result<Vec<Item>> {
        conversations::create(self.db.of(tx)?, owner, conversation, items).await
    }

    async fn get(&self, owner: &UserId, id: &str) -> Result<Conversation> {
        conversations::get(self, owner, id).await
    }

    async fn list(&self, owner: &UserId, filter: &Filter, page: &PageRequest) -> Result<Page<Conversation>> {
        conversations::list(self, owner, filter, page).await
    }

    async fn count(&self, owner: &UserId, filter: &Filter) -> Result<u64> {
        conversations::count(self, owner, filter).await
    }

    async fn update(&self, owner: &UserId, id: &str, change: Change) -> Result<Conversation> {
        conversations::update(self, owner, id, change).await
    }

    async fn leave_project(&self, owner: &UserId, project_id: &str) -> Result<u64> {
        let sql = "UPDATE conversation SET project_id = NULL
                   WHERE owner = $1 AND project_id = $2 AND deleted_at IS NULL";
        self.db.execute_bulk(sql, &[owner.into(), project_id.into()]).await
    }

    async fn delete(&self, owner: &UserId, which: &Selection, at: Millis) -> Result<Vec<String>> {
        conversations::delete(self, owner, which, at).await
    }

    async fn append_in(
        &self,
        tx: &mut Transaction,
        owner: &UserId,
        id: &str,
        append: Append,
    ) -> Result<Vec<Item>> {
        items::append(self.db.of(tx)?, owner, id, append).await
    }

    async fn items(
        &self,
        owner: &UserId,
        id: &str,
        branch: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<Item>> {
        items::list(self, owner, id, branch, page).await
    }

    async fn recent(&self, owner: &UserId, id: &str, limit: usize) -> Result<Recent> {
        items::recent(self, owner, id, limit).await
    }

    async fn item(&self, owner: &UserId, id: &str, which: ItemRef<'_>) -> Result<Item> {
        items::get(self, owner, id, which).await
    }

    async fn merge_item(
        &self,
        owner: &UserId,
        id: &str,
        which: ItemRef<'_>,
        members: JsonObject,
        at: Millis,
    ) -> Result<Item> {
        items::merge(self, owner, id, which, members, at).await
    }

    async fn delete_item(&self, owner: &UserId, id: &str, item: &str, at: Millis) -> Result<()> {
        items::delete(self, owner, id, item, at).await
    }
}

#[async_trait]
impl BranchStore for SqlConversations {
    async fn branches(&self, owner: &UserId, id: &str) -> Result<Vec<Branch>> {
        branches::list(self, owner, id).await
    }

    async fn fork_in(
        &self,
        tx: &mut Transaction,
        owner: &UserId,
        id: &str,
        fork: Fork,
    ) -> Result<(Branch, Vec<Item>)> {
        branches::fork(self.db.of(tx)?, owner, id, fork).await
    }

    async fn activate(&self, owner: &UserId, id: &str, branch: &str, at: Millis) -> Result<()> {
        branches::activate(self, owner, id, branch, at).await
    }

    async fn delete_branch(&self, owner: &UserId, id: &str, branch: &str, at: Millis) -> Result<()> {
        branches::delete(self, owner, id, branch, at).await
    }
}

#[async_trait]
impl ConversationArchive for SqlConversations {
    async fn archived(&self, owner: &UserId, id: &str) -> Result<Archived> {
        archive::read(self, owner, id).await
    }

    async fn placed(
        &self,
        owner: &UserId,
        id: &str,
        after: (i64, i64),
        limit: u32,
    ) -> Result<Vec<PlacedItem>> {
        archive::items(self, owner, id, after, limit).await
    }

    async fn restore(&self, owner: &UserId, archived: Archived, items: Vec<PlacedItem>) -> Result<()> {
        archive::restore(self, owner, archived, items).await
    }

    async fn delete_owner(&self, owner: &UserId) -> Result<u64> {
        self.db.execute_bulk("DELETE FROM conversation WHERE owner = $1", &[owner.into()]).await
    }

    async fn sweep(&self, before: Millis, limit: u32) -> Result<u64> {
        conversations::sweep(self, before, limit).await
    }
}
