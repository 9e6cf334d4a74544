//! The items of a conversation: added in one piece, read stretch by stretch, changed, deleted one by one.

use super::*;
use jan_core::ErrorKind;
use jan_core::conversation::{Lineage, RecentItem};
use jan_core::page::Order;

/// Adds items to a branch that this transaction holds, after place `last`. Gives them with their places, and the new last
/// place. An item that the conversation has already stays where it is.
pub(super) async fn insert(
    tx: &mut Tx,
    conversation: &str,
    (number, name): (i64, &str),
    mut last: i64,
    items: Vec<Item>,
) -> Result<(Vec<Item>, i64)> {
    let mut kept = Vec::with_capacity(items.len());
    for mut item in items {
        let inserted = tx
            .execute(
                "INSERT INTO item (id, conversation, branch, place, call_id, created_at, body)
                 VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING",
                &[
                    (&item.id).into(),
                    conversation.into(),
                    number.into(),
                    (last + 1).into(),
                    (&item.text("call_id")).into(),
                    item.created_at.into(),
                    body_text(&item)?,
                ],
            )
            .await?;
        if inserted == 0 {
            let sql = "SELECT * FROM item WHERE id = $1 AND conversation = $2";
            let row = tx.one(sql, &[(&item.id).into(), conversation.into()]).await?;
            let taken = || Error::new(ErrorKind::Conflict, "An item of this id is in another conversation.");
            item = read(&row.ok_or_else(taken)?, name)?;
        } else {
            last += 1;
            (item.branch, item.sequence_number) = (name.to_owned(), last);
        }
        kept.push(item);
    }
    Ok((kept, last))
}

/// The last item that a branch of these segments shows.
pub(super) async fn last_shown(tx: &mut Tx, id: &str, segments: Vec<Segment>) -> Result<Option<String>> {
    let newest = "SELECT id FROM item WHERE conversation = $1 AND branch = $2 AND place > $3 AND place <= $4
                  AND deleted_at IS NULL ORDER BY place DESC LIMIT 1";
    for Segment { branch, after, until } in segments.into_iter().rev() {
        let values = [id.into(), branch.into(), after.into(), until.into()];
        if let Some(row) = tx.one(newest, &values).await? {
            return row.text("id").map(Some);
        }
    }
    Ok(None)
}

/// That a branch of these segments still ends as its writer saw it.
pub(super) async fn check_tip(tx: &mut Tx, id: &str, segments: Vec<Segment>, tip: &Tip) -> Result<()> {
    if *tip == Tip::Any {
        return Ok(());
    }
    tip.check(last_shown(tx, id, segments).await?.as_deref())
}

pub(super) async fn append(tx: &mut Tx, owner: &UserId, id: &str, new: Append) -> Result<Vec<Item>> {
    touch(tx, owner, id, new.at).await?;
    let tree = tree(&tx.all(TREE, &[id.into(), owner.into()]).await?, id)?;
    let branch = tree.named(new.branch.as_deref())?;
    check_tip(tx, id, tree.segments(branch.number), &new.tip).await?;
    let (items, last) = insert(tx, id, (branch.number, &branch.name), branch.last, new.items).await?;
    let sql = "UPDATE branch SET last = $3, updated_at = $4 WHERE conversation = $1 AND number = $2";
    tx.execute(sql, &[id.into(), branch.number.into(), last.into(), new.at.into()]).await?;
    if let Some(title) = new.title {
        let sql = "UPDATE conversation SET title = $2 WHERE id = $1 AND title_locked = 0";
        tx.execute(sql, &[id.into(), title.into()]).await?;
    }
    Ok(items)
}

pub(super) async fn list(
    store: &SqlConversations,
    owner: &UserId,
    id: &str,
    branch: Option<&str>,
    page: &PageRequest,
) -> Result<Page<Item>> {
    let tree = tree(&store.db.all(TREE, &[id.into(), owner.into()]).await?, id)?;
    let branch = tree.named(branch)?;
    let mut segments = tree.segments(branch.number);
    let mut cursor = None;
    if let Some(after) = &page.after {
        let sql = "SELECT branch, place FROM item WHERE id = $1 AND conversation = $2";
        let row =
            store.db.one(sql, &[after.into(), id.into()]).await?.ok_or_else(|| page.unknown_cursor())?;
        let (number, place) = (row.int("branch")?, row.int("place")?);
        if !segments.iter().any(|segment| segment.holds(number, place)) {
            return Err(page.unknown_cursor());
        }
        cursor = Some(place);
    }
    let up = "SELECT * FROM item WHERE conversation = $1 AND branch = $2 AND place > $3 AND place <= $4
              AND deleted_at IS NULL ORDER BY place LIMIT $5";
    let down = "SELECT * FROM item WHERE conversation = $1 AND branch = $2 AND place > $3 AND place <= $4
                AND deleted_at IS NULL ORDER BY place DESC LIMIT $5";
    let sql = match page.order {
        Order::Asc => up,
        Order::Desc => {
            segments.reverse();
            down
        }
    };
    let mut items = Vec::new();
    for Segment { branch: number, after, until } in segments {
        let (after, until) = match (cursor, page.order) {
            (None, _) => (after, until),
            (Some(cursor), Order::Asc) => (after.max(cursor), until),
            (Some(cursor), Order::Desc) => (after, until.min(cursor - 1)),
        };
        let missing = page.limit_and_one() - i64::try_from(items.len()).map_err(Error::internal)?;
        if after >= until || missing == 0 {
            continue;
        }
        let values = [id.into(), number.into(), after.into(), until.into(), missing.into()];
        for row in store.db.all(sql, &values).await? {
            items.push(read(&row, &branch.name)?);
        }
    }
    Ok(page.of(items))
}

/// The conversation with a row for each branch. The conversation's own columns come first.
const WITH_BRANCHES: &str = "SELECT c.*, b.number, b.parent, b.fork FROM conversation c
    JOIN branch b ON b.conversation = c.id
    WHERE c.id = $1 AND c.owner = $2 AND c.deleted_at IS NULL ORDER BY b.number";

pub(super) async fn recent(
    store: &SqlConversations,
    owner: &UserId,
    id: &str,
    limit: usize,
) -> Result<Recent> {
    let branches = store.db.all(WITH_BRANCHES, &[id.into(), owner.into()]).await?;
    let first = branches.first().ok_or_else(|| no_conversation(id))?;
    let conversation = conversations::read(first)?;
    let active = first.int("active_branch")?;
    let mut lineage = Lineage::default();
    for branch in &branches {
        let fork = branch.int("fork")?;
        lineage.add(branch.int("number")?, branch.opt_int("parent")?.map(|parent| Root { parent, fork }));
    }
    let newest = "SELECT id, created_at, body FROM item
                  WHERE conversation = $1 AND branch = $2 AND place > $3 AND place <= $4
                  AND deleted_at IS NULL ORDER BY place DESC LIMIT $5";
    let wanted = i64::try_from(limit).map_err(Error::internal)?.saturating_add(1);
    let mut items = Vec::new();
    for Segment { branch, after, until } in lineage.segments(active).into_iter().rev() {
        let missing = wanted - i64::try_from(items.len()).map_err(Error::internal)?;
        if after >= until || missing == 0 {
            continue;
        }
        let values = [id.into(), branch.into(), after.into(), until.into(), missing.into()];
        for mut row in store.db.all(newest, &values).await? {
            let (id, created_at) = (row.take_text("id")?, row.int("created_at")?);
            items.push(RecentItem { id, created_at, body: row.take_text("body")?.into() });
        }
    }
    let whole = items.len() <= limit;
    items.truncate(limit);
    items.reverse();
    Ok(Recent { conversation, items, whole })
}

const BY_ID: &str = "SELECT i.*, b.name AS branch_name FROM conversation c
    JOIN item i ON i.conversation = c.id JOIN branch b ON b.conversation = c.id AND b.number = i.branch
    WHERE c.id = $1 AND c.owner = $2 AND c.deleted_at IS NULL AND i.id = $3 AND i.deleted_at IS NULL";
const BY_CALL: &str = "SELECT i.*, b.name AS branch_name FROM conversation c
    JOIN item i ON i.conversation = c.id JOIN branch b ON b.conversation = c.id AND b.number = i.branch
    WHERE c.id = $1 AND c.owner = $2 AND c.deleted_at IS NULL AND i.call_id = $3 AND i.deleted_at IS NULL
    ORDER BY i.created_at DESC, i.branch DESC, i.place DESC";

/// What an [`ItemRef`] is looked up with.
fn lookup<'a>(which: &ItemRef<'a>) -> (&'static str, &'a str) {
    match which {
        ItemRef::Id(id) => (BY_ID, id),
        ItemRef::Call(id) => (BY_CALL, id),
    }
}

/// The first of the rows that is meant: a call is not its output.
fn pick(rows: &[Row], which: &ItemRef<'_>, wanted: &str) -> Result<Item> {
    for row in rows {
        let item = read(row, &row.text("branch_name")?)?;
        if !matches!(which, ItemRef::Call(_)) || !item.is_output() {
            return Ok(item);
        }
    }
    Err(no_item(wanted))
}

pub(super) async fn get(
    store: &SqlConversations,
    owner: &UserId,
    id: &str,
    which: ItemRef<'_>,
) -> Result<Item> {
    let (sql, wanted) = lookup(&which);
    pick(&store.db.all(sql, &[id.into(), owner.into(), wanted.into()]).await?, &which, wanted)
}

pub(super) async fn merge(
    store: &SqlConversations,
    owner: &UserId,
    id: &str,
    which: ItemRef<'_>,
    members: JsonObject,
    at: Millis,
) -> Result<Item> {
    let mut tx = store.begin_on(owner, id, at).await?;
    let (sql, wanted) = lookup(&which);
    let mut item = pick(&tx.all(sql, &[id.into(), owner.into(), wanted.into()]).await?, &which, wanted)?;
    item.body.merge(&members);
    let values = [(&item.id).into(), body_text(&item)?, (&item.text("call_id")).into()];
    tx.execute("UPDATE item SET body = $2, call_id = $3 WHERE id = $1", &values).await?;
    tx.commit().await?;
    Ok(item)
}

pub(super) async fn delete(
    store: &SqlConversations,
    owner: &UserId,
    id: &str,
    item: &str,
    at: Millis,
) -> Result<()> {
    let mut tx = store.begin_on(owner, id, at).await?;
    let sql = "UPDATE item SET deleted_at = $3 WHERE id = $1 AND conversation = $2 AND deleted_at IS NULL";
    if tx.execute(sql, &[item.into(), id.into(), at.into()]).await? == 0 {
        return Err(no_item(item));
    }
    tx.commit().await
}

pub(super) fn body_text(item: &Item) -> Result<Value> {
    Ok(String::from_utf8(item.body.to_bytes().to_vec()).map_err(Error::internal)?.into())
}

fn read(row: &Row, branch: &str) -> Result<Item> {
    Ok(Item {
        id: row.text("id")?,
        branch: branch.to_owned(),
        sequence_number: row.int("place")?,
        created_at: row.int("created_at")?,
        body: JsonObject::parse(row.text("body")?.into()).map_err(Error::internal)?,
    })
}
