//! Lists of conversations.

use super::*;
use crate::conversation::{Change, Filter, ItemRef, Selection};

pub async fn all(store: &Stores) {
    a_list_is_ordered_by_last_change_and_then_by_id(store).await;
    a_list_can_be_restricted_to_a_project_and_a_referrer(store).await;
    a_list_is_read_in_pages(store).await;
    an_unknown_cursor_is_refused(store).await;
    deleted_conversations_are_not_counted(store).await;
    a_text_with_a_nul_finds_nothing(store).await;
}

pub async fn deleted_conversations_are_not_counted(store: &Stores) {
    let (me, other, all) = (new_owner(), new_owner(), Filter::default());
    let (gone, _) = create_with_messages(store, &me, 1).await;
    create_with_messages(store, &me, 1).await;
    create_with_messages(store, &other, 1).await;
    assert_eq!(store.conversations.count(&me, &all).await.unwrap(), 2);
    store.conversations.delete(&me, &Selection::Ids(vec![gone]), NOON + 1).await.unwrap();
    assert_eq!(store.conversations.count(&me, &all).await.unwrap(), 1);
}

/// Some databases cannot store a NUL character in a text, and callers may send one in an id.
pub async fn a_text_with_a_nul_finds_nothing(store: &Stores) {
    let me = new_owner();
    let (id, _) = create_with_messages(store, &me, 1).await;
    let nul = "conv_\0";
    is_not_found(store.conversations.get(&me, nul).await);
    is_not_found(store.conversations.append(&me, nul, append(messages(1))).await);
    is_not_found(store.conversations.append(&me, &id, append_to("\0", messages(1))).await);
    is_not_found(store.conversations.items(&me, &id, Some("a\0"), &page(5, Order::Asc, None)).await);
    is_not_found(store.conversations.item(&me, &id, ItemRef::Id("\0")).await);
    is_not_found(store.conversations.item(&me, &id, ItemRef::Call("\0")).await);
    is_not_found(store.conversations.delete_item(&me, &id, "\0", NOON + 1).await);
    is_not_found(store.branches.fork(&me, &id, fork("other", ForkPoint::After("\0".into()))).await);
    is_not_found(store.branches.activate(&me, &id, "\0", NOON + 1).await);
    assert!(
        store
            .conversations
            .delete(&me, &Selection::Ids(vec![nul.into()]), NOON + 1)
            .await
            .unwrap()
            .is_empty()
    );
    let filter = Filter { project_id: Some("\0".into()), referrer: None };
    assert!(listed(store, &me, &filter, &page(5, Order::Desc, None)).await.is_empty());
    assert_eq!(store.conversations.count(&me, &filter).await.unwrap(), 0);
    is_unknown_cursor(
        store.conversations.list(&me, &Filter::default(), &page(5, Order::Desc, Some("\0"))).await,
    );
    is_unknown_cursor(store.conversations.items(&me, &id, None, &page(5, Order::Desc, Some("\0"))).await);
}

async fn listed(store: &Stores, me: &UserId, filter: &Filter, page: &PageRequest) -> Vec<String> {
    let page = store.conversations.list(me, filter, page).await.unwrap();
    page.items.into_iter().map(|conversation| conversation.id).collect()
}

/// Conversations that were last changed at these times.
async fn changed_at(store: &Stores, me: &UserId, times: &[Millis]) -> Vec<String> {
    let mut ids = Vec::new();
    for at in times {
        let new = Conversation { updated_at: *at, ..conversation() };
        ids.push(new.id.clone());
        store.conversations.create(me, new, Vec::new()).await.unwrap();
    }
    ids
}

pub async fn a_list_is_ordered_by_last_change_and_then_by_id(store: &Stores) {
    let me = new_owner();
    let mut expected = changed_at(store, &me, &[NOON + 5; 7]).await;
    expected.sort();
    let others = changed_at(store, &me, &[NOON + 9, NOON]).await;
    expected.insert(0, others[1].clone());
    expected.push(others[0].clone());
    let all = Filter::default();
    assert_eq!(listed(store, &me, &all, &page(20, Order::Asc, None)).await, expected);
    // A change moves the conversation to the end.
    let first = expected.remove(0);
    store.conversations.update(&me, &first, Change { at: NOON + 10, ..Change::default() }).await.unwrap();
    expected.push(first);
    assert_eq!(listed(store, &me, &all, &page(20, Order::Asc, None)).await, expected);
    expected.reverse();
    assert_eq!(listed(store, &me, &all, &page(20, Order::Desc, None)).await, expected);
}

pub async fn a_list_can_be_restricted_to_a_project_and_a_referrer(store: &Stores) {
    let me = new_owner();
    let given = [(None, None), (Some("p"), None), (None, Some("app")), (Some("p"), Some("app"))];
    let mut ids = Vec::new();
    for (project, referrer) in given {
        let new = Conversation {
            project_id: project.map(str::to_owned),
            referrer: referrer.map(str::to_owned),
            updated_at: NOON + ids.len() as Millis,
            ..conversation()
        };
        ids.push(new.id.clone());
        store.conversations.create(&me, new, Vec::new()).await.unwrap();
    }
    let narrowed = async |project: Option<&str>, referrer: Option<&str>, expected: &[usize]| {
        let filter = Filter { project_id: project.map(str::to_owned), referrer: referrer.map(str::to_owned) };
        let mut expected: Vec<_> = expected.iter().map(|n| ids[*n].clone()).collect();
        assert_eq!(listed(store, &me, &filter, &page(20, Order::Asc, None)).await, expected);
        // The cursor need not match the filter.
        let after_the_first = &expected[usize::from(expected.first() == Some(&ids[0]))..];
        assert_eq!(listed(store, &me, &filter, &page(20, Order::Asc, Some(&ids[0]))).await, after_the_first);
        expected.reverse();
        assert_eq!(listed(store, &me, &filter, &page(20, Order::Desc, None)).await, expected);
        assert_eq!(store.conversations.count(&me, &filter).await.unwrap(), expected.len() as u64);
    };
    narrowed(None, None, &[0, 1, 2, 3]).await;
    narrowed(Some("p"), None, &[1, 3]).await;
    narrowed(None, Some("app"), &[2, 3]).await;
    narrowed(Some("p"), Some("app"), &[3]).await;
    narrowed(Some("P"), None, &[]).await;
    narrowed(None, Some("ap%"), &[]).await;
}

pub async fn a_list_is_read_in_pages(store: &Stores) {
    let (me, all) = (new_owner(), Filter::default());
    changed_at(store, &me, &[NOON, NOON, NOON, NOON + 1, NOON + 1, NOON + 2]).await;
    for order in [Order::Asc, Order::Desc] {
        let whole = listed(store, &me, &all, &page(MAX_LIMIT, order, None)).await;
        for limit in 1..=7 {
            let mut seen: Vec<String> = Vec::new();
            loop {
                let after = seen.last().cloned();
                let next =
                    store.conversations.list(&me, &all, &page(limit, order, after.as_deref())).await.unwrap();
                assert!(!next.items.is_empty() && next.items.len() <= limit as usize);
                seen.extend(next.items.into_iter().map(|conversation| conversation.id));
                assert_eq!(next.has_more, seen.len() < whole.len());
                if !next.has_more {
                    break;
                }
            }
            assert_eq!(seen, whole);
        }
        // Nothing follows the last conversation.
        let after = page(3, order, whole.last().map(String::as_str));
        let end = store.conversations.list(&me, &all, &after).await.unwrap();
        assert!(end.items.is_empty() && !end.has_more);
    }
}

pub async fn an_unknown_cursor_is_refused(store: &Stores) {
    let (me, other, all) = (new_owner(), new_owner(), Filter::default());
    create_with_messages(store, &me, 1).await;
    let (theirs, _) = create_with_messages(store, &other, 1).await;
    for cursor in ["", "conv_nobody", theirs.as_str()] {
        is_unknown_cursor(store.conversations.list(&me, &all, &page(5, Order::Desc, Some(cursor))).await);
    }
    // A deleted conversation of another owner does not work as a cursor either.
    store.conversations.delete(&other, &Selection::All, NOON + 1).await.unwrap();
    is_unknown_cursor(store.conversations.list(&me, &all, &page(5, Order::Desc, Some(&theirs))).await);
}
