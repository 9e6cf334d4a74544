//! The newest part of a conversation, read in one go: the same items as page by page, and nobody else's.

use super::*;

pub async fn all(store: &Stores) {
    the_newest_items_of_the_active_branch_are_read(store).await;
    what_is_deleted_or_somebody_elses_is_not(store).await;
}

pub async fn the_newest_items_of_the_active_branch_are_read(store: &Stores) {
    let me = new_owner();
    let (id, main) = create_with_messages(store, &me, 120).await;
    store.branches.fork(&me, &id, fork("side", ForkPoint::After(main[99].clone()))).await.unwrap();
    add_messages(store, &me, &id, "side", 5).await;
    store.branches.activate(&me, &id, "side", NOON + 3).await.unwrap();
    let shown = items_of(store, &me, &id, None).await;
    assert_eq!(shown.len(), 105);
    for (limit, whole) in [(1, false), (5, false), (6, false), (104, false), (105, true), (1000, true)] {
        let recent = store.conversations.recent(&me, &id, limit).await.unwrap();
        assert_eq!((recent.conversation.id.as_str(), recent.whole), (id.as_str(), whole), "{limit}");
        let expected = &shown[shown.len().saturating_sub(limit)..];
        assert_eq!(recent.items.len(), expected.len());
        for (recent, shown) in recent.items.iter().zip(expected) {
            assert_eq!((&recent.id, recent.created_at), (&shown.id, shown.created_at));
            assert_eq!(recent.read().unwrap().body, shown.body);
        }
        assert_eq!(recent.tip(), Tip::of(shown.last()));
    }
}

pub async fn what_is_deleted_or_somebody_elses_is_not(store: &Stores) {
    let (me, thief) = (new_owner(), new_owner());
    let (id, main) = create_with_messages(store, &me, 3).await;
    store.conversations.delete_item(&me, &id, &main[1], NOON + 1).await.unwrap();
    let recent = store.conversations.recent(&me, &id, 10).await.unwrap();
    let left: Vec<_> = recent.items.iter().map(|item| item.id.clone()).collect();
    assert_eq!((left.as_slice(), recent.whole), ([main[0].clone(), main[2].clone()].as_slice(), true));
    is_not_found(store.conversations.recent(&thief, &id, 10).await);

    let (empty, _) = create_with_messages(store, &me, 0).await;
    let recent = store.conversations.recent(&me, &empty, 10).await.unwrap();
    assert_eq!((recent.items.len(), recent.whole, recent.tip()), (0, true, Tip::Empty));
}
