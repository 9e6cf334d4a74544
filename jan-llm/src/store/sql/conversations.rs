//! The conversations themselves: made, read, listed, changed, deleted, swept.

use super::*;
use jan_core::conversation::{MAIN, Metadata};
use jan_core::page::Order;

/// The number of the branch that every conversation begins with.
const FIRST: i64 = 1;

pub(super) async fn create(
    tx: &mut Tx,
    owner: &UserId,
    new: Conversation,
    items: Vec<Item>,
) -> Result<Vec<Item>> {
    insert(tx, owner, &new, FIRST).await?;
    let last = i64::try_from(items.len()).map_err(Error::internal)?;
    tx.execute(
        "INSERT INTO branch (conversation, number, name, fork, last, created_at, updated_at)
         VALUES ($1, $2, $3, 0, $4, $5, $5)",
        &[(&new.id).into(), FIRST.into(), MAIN.into(), last.into(), new.created_at.into()],
    )
    .await?;
    let (items, _) = items::insert(tx, &new.id, (FIRST, MAIN), 0, items).await?;
    Ok(items)
}

/// The row of a new conversation.
pub(super) async fn insert(tx: &mut Tx, owner: &UserId, new: &Conversation, active: i64) -> Result<()> {
    tx.execute(
        "INSERT INTO conversation
         (id, owner, title, title_locked, metadata, referrer, project_id, active_branch, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        &[
            (&new.id).into(),
            owner.into(),
            (&new.title).into(),
            new.title_locked.into(),
            metadata_text(&new.metadata)?,
            (&new.referrer).into(),
            (&new.project_id).into(),
            active.into(),
            new.created_at.into(),
            new.updated_at.into(),
        ],
    )
    .await
    .map(drop)
}

pub(super) async fn get(store: &SqlConversations, owner: &UserId, id: &str) -> Result<Conversation> {
    let sql = "SELECT * FROM conversation WHERE id = $1 AND owner = $2 AND deleted_at IS NULL";
    let row = store.db.one(sql, &[id.into(), owner.into()]).await?;
    read(&row.ok_or_else(|| no_conversation(id))?)
}

/// A list by last change, narrowed by what the macro is given.
macro_rules! listing {
    ($order:expr, $narrowed:literal) => {
        match $order {
            Order::Asc => concat!(
                "SELECT * FROM conversation WHERE owner = $1 AND deleted_at IS NULL",
                $narrowed,
                " AND (updated_at, id) > ($2, $3) ORDER BY updated_at, id LIMIT $4"
            ),
            Order::Desc => concat!(
                "SELECT * FROM conversation WHERE owner = $1 AND deleted_at IS NULL",
                $narrowed,
                " AND (updated_at, id) < ($2, $3) ORDER BY updated_at DESC, id DESC LIMIT $4"
            ),
        }
    };
}

pub(super) async fn list(
    store: &SqlConversations,
    owner: &UserId,
    filter: &Filter,
    page: &PageRequest,
) -> Result<Page<Conversation>> {
    let (at, id) = match &page.after {
        None => page.first_place(),
        // A deleted one still says where the page begins.
        Some(id) => {
            let sql = "SELECT updated_at FROM conversation WHERE id = $1 AND owner = $2";
            let row = store.db.one(sql, &[id.into(), owner.into()]).await?;
            (row.ok_or_else(|| page.unknown_cursor())?.int("updated_at")?, id.clone())
        }
    };
    let mut values: Vec<Value> = vec![owner.into(), at.into(), id.into(), page.limit_and_one().into()];
    let sql = match (&filter.project_id, &filter.referrer) {
        (None, None) => listing!(page.order, ""),
        (Some(_), None) => listing!(page.order, " AND project_id = $5"),
        (None, Some(_)) => listing!(page.order, " AND referrer = $5"),
        (Some(_), Some(_)) => listing!(page.order, " AND project_id = $5 AND referrer = $6"),
    };
    values.extend(filter.project_id.as_ref().map(Value::from));
    values.extend(filter.referrer.as_ref().map(Value::from));
    let rows = store.db.all(sql, &values).await?;
    Ok(page.of(rows.iter().map(read).collect::<Result<_>>()?))
}

pub(super) async fn count(store: &SqlConversations, owner: &UserId, filter: &Filter) -> Result<u64> {
    /// The number of all, narrowed by what the macro is given.
    macro_rules! number {
        ($narrowed:literal) => {
            concat!(
                "SELECT COUNT(*) AS count FROM conversation WHERE owner = $1 AND deleted_at IS NULL",
                $narrowed
            )
        };
    }
    let sql = match (&filter.project_id, &filter.referrer) {
        (None, None) => number!(""),
        (Some(_), None) => number!(" AND project_id = $2"),
        (None, Some(_)) => number!(" AND referrer = $2"),
        (Some(_), Some(_)) => number!(" AND project_id = $2 AND referrer = $3"),
    };
    let mut values: Vec<Value> = vec![owner.into()];
    values.extend(filter.project_id.as_ref().map(Value::from));
    values.extend(filter.referrer.as_ref().map(Value::from));
    store.db.count(sql, &values).await
}

pub(super) async fn update(
    store: &SqlConversations,
    owner: &UserId,
    id: &str,
    change: Change,
) -> Result<Conversation> {
    let mut tx = store.begin_on(owner, id, change.at).await?;
    let row = tx.one("SELECT * FROM conversation WHERE id = $1", &[id.into()]).await?;
    let mut now = read(&row.ok_or_else(|| no_conversation(id))?)?;
    now.apply(change);
    tx.execute(
        "UPDATE conversation SET title = $2, title_locked = $3, metadata = $4, referrer = $5, project_id = $6
         WHERE id = $1",
        &[
            id.into(),
            (&now.title).into(),
            now.title_locked.into(),
            metadata_text(&now.metadata)?,
            (&now.referrer).into(),
            (&now.project_id).into(),
        ],
    )
    .await?;
    tx.commit().await?;
    Ok(now)
}

pub(super) async fn delete(
    store: &SqlConversations,
    owner: &UserId,
    which: &Selection,
    at: Millis,
) -> Result<Vec<String>> {
    let mut tx = match which {
        Selection::Ids(_) => store.db.begin().await?,
        Selection::All | Selection::Project(_) => store.db.begin_bulk().await?,
    };
    let mut gone = Vec::new();
    let all = "UPDATE conversation SET deleted_at = $2 WHERE owner = $1 AND deleted_at IS NULL RETURNING id";
    let project = "UPDATE conversation SET deleted_at = $2
                   WHERE owner = $1 AND deleted_at IS NULL AND project_id = $3 RETURNING id";
    let one = "UPDATE conversation SET deleted_at = $2
               WHERE owner = $1 AND deleted_at IS NULL AND id = $3 RETURNING id";
    match which {
        Selection::All => gone.append(&mut tx.all(all, &[owner.into(), at.into()]).await?),
        Selection::Project(id) => {
            gone.append(&mut tx.all(project, &[owner.into(), at.into(), id.into()]).await?);
        }
        Selection::Ids(ids) => {
            for id in ids {
                gone.append(&mut tx.all(one, &[owner.into(), at.into(), id.into()]).await?);
            }
        }
    }
    tx.commit().await?;
    gone.iter().map(|row| row.text("id")).collect()
}

/// Items and branches go with their conversation (`ON DELETE CASCADE`).
pub(super) async fn sweep(store: &SqlConversations, before: Millis, limit: u32) -> Result<u64> {
    let values = [before.into(), i64::from(limit).into()];
    let mut tx = store.db.begin_bulk().await?;
    let conversations = "DELETE FROM conversation WHERE id IN
        (SELECT id FROM conversation WHERE deleted_at < $1 ORDER BY deleted_at LIMIT $2)";
    let items = "DELETE FROM item WHERE id IN
        (SELECT id FROM item WHERE deleted_at < $1 ORDER BY deleted_at LIMIT $2)";
    let swept = tx.execute(conversations, &values).await? + tx.execute(items, &values).await?;
    tx.commit().await?;
    Ok(swept)
}

fn metadata_text(metadata: &Metadata) -> Result<Value> {
    Ok(serde_json::to_string(metadata).map_err(Error::internal)?.into())
}

pub(super) fn read(row: &Row) -> Result<Conversation> {
    Ok(Conversation {
        id: row.text("id")?,
        title: row.opt_text("title")?,
        title_locked: row.int("title_locked")? != 0,
        metadata: serde_json::from_str(&row.text("metadata")?).map_err(Error::internal)?,
        referrer: row.opt_text("referrer")?,
        project_id: row.opt_text("project_id")?,
        created_at: row.int("created_at")?,
        updated_at: row.int("updated_at")?,
    })
}
