//! Writes in one transaction are committed together or not at all.

use super::*;
use crate::conversation::Filter;
use crate::record::Record;
use crate::{Result, Transaction};

pub async fn all(store: &Stores) {
    all_writes_are_committed_or_none(store).await;
    a_refused_write_rolls_back_the_others(store).await;
    a_transaction_sees_its_own_writes(store).await;
}

fn record() -> Record {
    super::super::records::record("beside")
}

/// The owner's number of conversations, of items and branches of this one, and of records.
async fn kept(store: &Stores, me: &UserId, id: &str) -> (u64, usize, usize, u64) {
    (
        store.conversations.count(me, &Filter::default()).await.unwrap(),
        items_of(store, me, id, Some(MAIN)).await.len(),
        store.branches.branches(me, id).await.unwrap().len(),
        store.records.count(me, "beside", None).await.unwrap(),
    )
}

/// Writes everything that can be part of a transaction: a conversation, items, a branch, a record, and a change of a
/// record.
async fn write(
    store: &Stores,
    tx: &mut Transaction,
    me: &UserId,
    (id, changed): (&str, &Record),
    new: Record,
) -> Result<()> {
    store.conversations.create_in(tx, me, conversation(), messages(1)).await?;
    store.conversations.append_in(tx, me, id, append(messages(2))).await?;
    store.branches.fork_in(tx, me, id, fork(&id::short("branch-"), ForkPoint::End)).await?;
    assert!(store.records.replace_in(tx, me, changed.clone()).await?);
    store.records.insert_in(tx, me, vec![new]).await
}

pub async fn all_writes_are_committed_or_none(store: &Stores) {
    let me = new_owner();
    let (id, _) = create_with_messages(store, &me, 1).await;
    let before = Record { body: r#""before""#.to_owned(), ..record() };
    store.records.insert(&me, vec![before.clone()]).await.unwrap();
    let after = Record { body: r#""after""#.to_owned(), ..before.clone() };
    for commits in [false, true] {
        let mut tx = store.conversations.begin().await.unwrap();
        write(store, &mut tx, &me, (&id, &after), record()).await.unwrap();
        assert_eq!(kept(store, &me, &id).await, (1, 1, 1, 1), "others see nothing before it is committed");
        if commits {
            tx.commit().await.unwrap();
        } else {
            drop(tx);
            assert_eq!(kept(store, &me, &id).await, (1, 1, 1, 1));
            let same = store.records.get(&me, &before.kind, &before.id).await.unwrap();
            assert_eq!(same.as_ref(), Some(&before));
        }
    }
    assert_eq!(kept(store, &me, &id).await, (2, 3, 2, 2));
    let changed = store.records.get(&me, &before.kind, &before.id).await.unwrap().unwrap();
    assert_eq!((changed.body, changed.version), (after.body, 1));
}

pub async fn a_refused_write_rolls_back_the_others(store: &Stores) {
    let me = new_owner();
    let (id, items) = create_with_messages(store, &me, 1).await;
    let (known, taken) = (record(), record());
    store.records.insert(&me, vec![known.clone(), taken.clone()]).await.unwrap();
    let mut tx = store.records.begin().await.unwrap();
    refused(write(store, &mut tx, &me, (&id, &known), taken).await, ErrorKind::Conflict);
    drop(tx);
    assert_eq!(kept(store, &me, &id).await, (1, 1, 1, 2));

    // The opposite order: first a record, then a branch that has changed.
    let mut tx = store.records.begin().await.unwrap();
    store.records.insert_in(&mut tx, &me, vec![record()]).await.unwrap();
    let moved = Append { tip: Tip::Empty, ..append(messages(1)) };
    let error = refused(store.conversations.append_in(&mut tx, &me, &id, moved).await, ErrorKind::Conflict);
    assert_eq!(error.code(), crate::conversation::BRANCH_MOVED);
    drop(tx);
    assert_eq!(kept(store, &me, &id).await, (1, 1, 1, 2));
    assert_eq!(item_ids(store, &me, &id, MAIN).await, items);
}

pub async fn a_transaction_sees_its_own_writes(store: &Stores) {
    let me = new_owner();
    let (new, note) = (conversation(), record());
    let mut tx = store.conversations.begin().await.unwrap();
    store.conversations.create_in(&mut tx, &me, new.clone(), messages(1)).await.unwrap();
    let added = store.conversations.append_in(&mut tx, &me, &new.id, append(messages(1))).await.unwrap();
    assert_eq!(places(&added), [2]);
    store.records.insert_in(&mut tx, &me, vec![note.clone()]).await.unwrap();
    let found = store.records.get_in(&mut tx, &me, &note.kind, &note.id).await.unwrap();
    assert_eq!(found.as_ref(), Some(&note));
    assert!(store.records.replace_in(&mut tx, &me, note.clone()).await.unwrap());
    assert!(!store.records.replace_in(&mut tx, &me, note).await.unwrap(), "the version has gone on");
    tx.commit().await.unwrap();
    assert_eq!(kept(store, &me, &new.id).await, (1, 2, 1, 1));
}
