//! Conversations as they are kept, for exports and imports.

use super::*;
use jan_core::ErrorKind;

pub(super) async fn read(store: &SqlConversations, owner: &UserId, id: &str) -> Result<Archived> {
    let conversation = conversations::get(store, owner, id).await?;
    let Tree { rows, active } = tree(&store.db.all(TREE, &[id.into(), owner.into()]).await?, id)?;
    Ok(Archived { conversation, active, branches: rows })
}

pub(super) async fn items(
    store: &SqlConversations,
    owner: &UserId,
    id: &str,
    (branch, place): (i64, i64),
    limit: u32,
) -> Result<Vec<PlacedItem>> {
    let sql = "SELECT i.* FROM conversation c JOIN item i ON i.conversation = c.id
               WHERE c.id = $1 AND c.owner = $2 AND c.deleted_at IS NULL AND i.deleted_at IS NULL
               AND (i.branch, i.place) > ($3, $4) ORDER BY i.branch, i.place LIMIT $5";
    let values = [id.into(), owner.into(), branch.into(), place.into(), i64::from(limit).into()];
    let rows = store.db.all(sql, &values).await?;
    if rows.is_empty() {
        conversations::get(store, owner, id).await?;
    }
    let placed = |row: &Row| {
        Ok(PlacedItem {
            id: row.text("id")?,
            branch: row.int("branch")?,
            place: row.int("place")?,
            created_at: row.int("created_at")?,
            body: JsonObject::parse(row.text("body")?.into()).map_err(Error::internal)?,
        })
    };
    rows.iter().map(placed).collect()
}

pub(super) async fn restore(
    store: &SqlConversations,
    owner: &UserId,
    archived: Archived,
    items: Vec<PlacedItem>,
) -> Result<()> {
    let Archived { conversation, active, branches } = fitting(archived, &items)?;
    let if_taken = |error: Error| {
        if error.kind() == ErrorKind::Conflict { taken(&conversation.id).because(error) } else { error }
    };
    let mut tx = store.db.begin().await?;
    conversations::insert(&mut tx, owner, &conversation, active).await.map_err(if_taken)?;
    for branch in &branches {
        insert_branch(&mut tx, &conversation.id, branch).await?;
    }
    for item in items {
        insert_item(&mut tx, &conversation.id, item).await.map_err(if_taken)?;
    }
    tx.commit().await
}

async fn insert_branch(tx: &mut Tx, conversation: &str, branch: &BranchRow) -> Result<()> {
    let sql = "INSERT INTO branch (conversation, number, name, description, parent, fork, fork_item, last, created_at,
               updated_at, deleted_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    let values = [
        conversation.into(),
        branch.number.into(),
        (&branch.name).into(),
        (&branch.description).into(),
        branch.root.map(|root| root.parent).into(),
        branch.root.map_or(0, |root| root.fork).into(),
        (&branch.fork_item).into(),
        branch.last.into(),
        branch.created_at.into(),
        branch.updated_at.into(),
        branch.deleted.then_some(branch.updated_at).into(),
    ];
    tx.execute(sql, &values).await.map(drop)
}

async fn insert_item(tx: &mut Tx, conversation: &str, placed: PlacedItem) -> Result<()> {
    let PlacedItem { id, branch, place, created_at, body } = placed;
    let item = Item::new(id, created_at, body);
    let sql = "INSERT INTO item (id, conversation, branch, place, call_id, created_at, body)
               VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let values = [
        (&item.id).into(),
        conversation.into(),
        branch.into(),
        place.into(),
        (&item.text("call_id")).into(),
        item.created_at.into(),
        items::body_text(&item)?,
    ];
    tx.execute(sql, &values).await.map(drop)
}
