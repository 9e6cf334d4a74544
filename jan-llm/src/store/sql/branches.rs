//! The branches of a conversation.

use super::*;
use jan_core::ErrorKind;
use jan_core::conversation::{ForkPoint, Naming};

pub(super) async fn list(store: &SqlConversations, owner: &UserId, id: &str) -> Result<Vec<Branch>> {
    let tree = store.db.all(TREE, &[id.into(), owner.into()]).await?;
    shown(&tree, &store.db.all(PLACES, &[id.into()]).await?, id)
}

/// Where the items of a conversation stand.
const PLACES: &str = "SELECT branch, place FROM item WHERE conversation = $1 AND deleted_at IS NULL";

fn shown(branches: &[Row], places: &[Row], id: &str) -> Result<Vec<Branch>> {
    let place = |row: &Row| Ok((row.int("branch")?, row.int("place")?));
    Ok(tree(branches, id)?.shown(&places.iter().map(place).collect::<Result<Vec<_>>>()?))
}

pub(super) async fn fork(tx: &mut Tx, owner: &UserId, id: &str, fork: Fork) -> Result<(Branch, Vec<Item>)> {
    touch(tx, owner, id, fork.at).await?;
    let tree = tree(&tx.all(TREE, &[id.into(), owner.into()]).await?, id)?;
    let parent = tree.named(fork.parent.as_deref())?;
    items::check_tip(tx, id, tree.segments(parent.number), &fork.tip).await?;
    let (place, shared) = fork_place(tx, id, &tree, parent, &fork.point).await?;
    let number = tree.next_number();
    let name = match &fork.naming {
        Naming::New(name) => name.clone(),
        Naming::TakeOver { backup } => {
            rename(tx, id, parent.number, backup).await?;
            parent.name.clone()
        }
    };
    let last = place + i64::try_from(fork.items.len()).map_err(Error::internal)?;
    let row = [
        id.into(),
        number.into(),
        (&name).into(),
        (&fork.description).into(),
        parent.number.into(),
        place.into(),
        (&shared).into(),
        last.into(),
        fork.at.into(),
    ];
    let sql = "INSERT INTO branch
               (conversation, number, name, description, parent, fork, fork_item, last, created_at, updated_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)";
    tx.execute(sql, &row).await.map_err(|error| if_taken(error, &name))?;
    if matches!(fork.naming, Naming::TakeOver { .. }) {
        set_active(tx, id, number).await?;
    }
    let (items, _) = items::insert(tx, id, (number, &name), place, fork.items).await?;
    let branches = tx.all(TREE, &[id.into(), owner.into()]).await?;
    let branches = shown(&branches, &tx.all(PLACES, &[id.into()]).await?, id)?;
    let made = branches.into_iter().find(|branch| branch.name == name);
    Ok((made.ok_or_else(|| no_branch(&name))?, items))
}

/// The last place that is shared with the parent, and the item that stands there.
async fn fork_place(
    tx: &mut Tx,
    id: &str,
    tree: &Tree,
    parent: &BranchRow,
    point: &ForkPoint,
) -> Result<(i64, Option<String>)> {
    let segments = tree.segments(parent.number);
    let before = match point {
        ForkPoint::End => parent.last + 1,
        ForkPoint::Before(item) | ForkPoint::After(item) => {
            let sql =
                "SELECT branch, place FROM item WHERE id = $1 AND conversation = $2 AND deleted_at IS NULL";
            let row = tx.one(sql, &[item.into(), id.into()]).await?.ok_or_else(|| no_item(item))?;
            let (branch, place) = (row.int("branch")?, row.int("place")?);
            if !segments.iter().any(|segment| segment.holds(branch, place)) {
                return Err(no_item(item));
            }
            place + i64::from(matches!(point, ForkPoint::After(_)))
        }
    };
    let until = |segment: Segment| Segment { until: segment.until.min(before - 1), ..segment };
    let shared = items::last_shown(tx, id, segments.into_iter().map(until).collect()).await?;
    Ok((before - 1, shared))
}

pub(super) async fn activate(
    store: &SqlConversations,
    owner: &UserId,
    id: &str,
    name: &str,
    at: Millis,
) -> Result<()> {
    let mut tx = store.begin_on(owner, id, at).await?;
    let tree = tree(&tx.all(TREE, &[id.into(), owner.into()]).await?, id)?;
    set_active(&mut tx, id, tree.named(Some(name))?.number).await?;
    tx.commit().await
}

pub(super) async fn delete(
    store: &SqlConversations,
    owner: &UserId,
    id: &str,
    name: &str,
    at: Millis,
) -> Result<()> {
    let mut tx = store.begin_on(owner, id, at).await?;
    let tree = tree(&tx.all(TREE, &[id.into(), owner.into()]).await?, id)?;
    let branch = tree.deletable(name)?;
    let sql = "UPDATE branch SET deleted_at = $3 WHERE conversation = $1 AND number = $2";
    tx.execute(sql, &[id.into(), branch.number.into(), at.into()]).await?;
    tx.commit().await
}

async fn rename(tx: &mut Tx, id: &str, number: i64, name: &str) -> Result<()> {
    let sql = "UPDATE branch SET name = $3 WHERE conversation = $1 AND number = $2";
    let renamed = tx.execute(sql, &[id.into(), number.into(), name.into()]).await;
    renamed.map(drop).map_err(|error| if_taken(error, name))
}

async fn set_active(tx: &mut Tx, id: &str, number: i64) -> Result<()> {
    let sql = "UPDATE conversation SET active_branch = $2 WHERE id = $1";
    tx.execute(sql, &[id.into(), number.into()]).await.map(drop)
}

fn if_taken(error: Error, name: &str) -> Error {
    if error.kind() == ErrorKind::Conflict { name_taken(name) } else { error }
}
