//! Writes that happen only if a branch still ends as the writer saw it.

use futures_util::future::join_all;

use super::*;
use crate::Error;
use crate::conversation::BRANCH_MOVED;

pub async fn all(store: &Stores) {
    an_append_requires_that_its_tip_is_current(store).await;
    a_fork_requires_that_its_parents_tip_is_current(store).await;
    a_tip_is_the_last_item_of_the_branch(store).await;
    of_simultaneous_writers_with_one_tip_one_succeeds(store).await;
}

fn moved<T: std::fmt::Debug>(outcome: Result<T, Error>) {
    let error = outcome.expect_err("the branch has moved");
    assert_eq!((error.kind(), error.code()), (ErrorKind::Conflict, BRANCH_MOVED));
}

fn item_tip(id: &str) -> Tip {
    Tip::Item(id.to_owned())
}

pub async fn an_append_requires_that_its_tip_is_current(store: &Stores) {
    let me = new_owner();
    let (id, _) = create_with_messages(store, &me, 0).await;
    let add = async |tip: Tip, title: &str| {
        let new = Append { tip, title: Some(title.to_owned()), ..append(messages(2)) };
        store.conversations.append(&me, &id, new).await.map(|items| ids(&items))
    };
    moved(add(item_tip("msg_nobody"), "no").await);
    let first = add(Tip::Empty, "first").await.unwrap();
    moved(add(Tip::Empty, "no").await);
    moved(add(item_tip(&first[0]), "no").await);
    let second = add(item_tip(&first[1]), "second").await.unwrap();
    moved(add(item_tip(&first[1]), "no").await);
    assert_eq!(item_ids(store, &me, &id, MAIN).await, [first, second].concat());
    assert_eq!(store.conversations.get(&me, &id).await.unwrap().title.as_deref(), Some("second"));
}

pub async fn a_fork_requires_that_its_parents_tip_is_current(store: &Stores) {
    let me = new_owner();
    let (id, main) = create_with_messages(store, &me, 3).await;
    let take_over = |backup: &str, tip: Tip| {
        let naming = Naming::TakeOver { backup: backup.to_owned() };
        Fork { parent: None, naming, tip, items: messages(1), ..fork("", ForkPoint::After(main[0].clone())) }
    };
    for tip in [Tip::Empty, item_tip(&main[1])] {
        moved(store.branches.fork(&me, &id, take_over("backup", tip)).await);
        assert_eq!(item_ids(store, &me, &id, MAIN).await, main);
        assert_eq!(store.branches.branches(&me, &id).await.unwrap().len(), 1);
    }
    let (branch, items) =
        store.branches.fork(&me, &id, take_over("backup", item_tip(&main[2]))).await.unwrap();
    assert!(branch.is_active && branch.name == MAIN);
    assert_eq!(item_ids(store, &me, &id, MAIN).await, [main[0].clone(), items[0].id.clone()]);
    moved(store.branches.fork(&me, &id, take_over("backup 2", item_tip(&main[2]))).await);
}

pub async fn a_tip_is_the_last_item_of_the_branch(store: &Stores) {
    let me = new_owner();
    let (id, main) = create_with_messages(store, &me, 3).await;
    let add = async |branch: &str, tip: Tip| {
        let new = Append { tip, ..append_to(branch, messages(1)) };
        store.conversations.append(&me, &id, new).await.map(|items| ids(&items))
    };
    // A fork without items of its own ends with its parent's last shared item.
    store.branches.fork(&me, &id, fork("other", ForkPoint::After(main[1].clone()))).await.unwrap();
    moved(add("other", item_tip(&main[2])).await);
    let own = add("other", item_tip(&main[1])).await.unwrap();
    // A deleted item is not the last item.
    store.conversations.delete_item(&me, &id, &own[0], NOON + 3).await.unwrap();
    moved(add("other", item_tip(&own[0])).await);
    add("other", item_tip(&main[1])).await.unwrap();
    for gone in &main {
        store.conversations.delete_item(&me, &id, gone, NOON + 3).await.unwrap();
    }
    moved(add(MAIN, item_tip(&main[2])).await);
    add(MAIN, Tip::Empty).await.unwrap();
}

pub async fn of_simultaneous_writers_with_one_tip_one_succeeds(store: &Stores) {
    let me = new_owner();
    let (id, main) = create_with_messages(store, &me, 2).await;
    let tip = item_tip(&main[1]);
    let add = |_| store.conversations.append(&me, &id, Append { tip: tip.clone(), ..append(messages(2)) });
    let outcomes = join_all((0..6).map(add)).await;
    let written = outcomes.into_iter().filter_map(|outcome| match outcome {
        Ok(items) => Some(ids(&items)),
        Err(error) => {
            moved::<()>(Err(error));
            None
        }
    });
    let written: Vec<_> = written.collect();
    assert_eq!(written.len(), 1);
    assert_eq!(item_ids(store, &me, &id, MAIN).await, [main.clone(), written[0].clone()].concat());
}
