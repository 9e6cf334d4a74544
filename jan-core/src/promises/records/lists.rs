//! Lists of records.

use super::*;

pub async fn all(store: &dyn RecordStore) {
    a_list_is_ordered_by_time_and_then_by_id(store).await;
    a_list_can_be_restricted_to_a_group(store).await;
    a_list_is_read_in_pages(store).await;
    an_unknown_cursor_is_refused(store).await;
    records_of_all_kinds_are_listed(store).await;
    a_text_with_a_nul_finds_nothing(store).await;
}

/// Some databases cannot store a NUL character in a text, and callers may send one in an id.
pub async fn a_text_with_a_nul_finds_nothing(store: &dyn RecordStore) {
    let me = new_owner();
    kept(store, &me, named("kind", "key")).await;
    assert_eq!(store.get(&me, "kind", "rec_\0").await.unwrap(), None);
    assert_eq!(store.find(&me, "kind", "key\0").await.unwrap(), None);
    assert!(!store.delete(&me, "kind", "\0").await.unwrap());
    let list = store.list(&me, "kind", Some("a\0b"), &page(5, Order::Asc, None)).await.unwrap();
    assert!(list.items.is_empty());
    assert_eq!(store.count(&me, "kind", Some("\0")).await.unwrap(), 0);
    is_unknown_cursor(store.list(&me, "kind", None, &page(5, Order::Asc, Some("\0"))).await);
}

/// Records of one kind that were created at these times.
async fn made_at(store: &dyn RecordStore, me: &UserId, times: &[Millis]) -> Vec<Record> {
    let made: Vec<_> = times.iter().map(|at| Record { created_at: *at, ..record("kind") }).collect();
    store.insert(me, made.clone()).await.unwrap();
    made
}

pub async fn a_list_is_ordered_by_time_and_then_by_id(store: &dyn RecordStore) {
    let me = new_owner();
    let mut expected = made_at(store, &me, &[NOON, NOON + 2, NOON, NOON + 1, NOON, NOON - 1]).await;
    kept(store, &me, record("another kind")).await;
    expected.sort_by_key(|record| (record.created_at, record.id.clone()));
    let list = async |order| store.list(&me, "kind", None, &page(20, order, None)).await.unwrap().items;
    assert_eq!(list(Order::Asc).await, expected);
    expected.reverse();
    assert_eq!(list(Order::Desc).await, expected);
    // A change does not affect the order.
    assert!(store.replace(&me, Record { body: "1".to_owned(), ..expected[3].clone() }).await.unwrap());
    assert_eq!(ids(&list(Order::Desc).await), ids(&expected));
}

pub async fn a_list_can_be_restricted_to_a_group(store: &dyn RecordStore) {
    let me = new_owner();
    let mut made = Vec::new();
    for (n, group) in [None, Some("a"), Some("b"), Some("a"), None, Some("a%")].into_iter().enumerate() {
        let new =
            Record { group: group.map(str::to_owned), created_at: NOON + n as Millis, ..record("kind") };
        made.push(kept(store, &me, new).await);
    }
    let list = async |group, page| store.list(&me, "kind", group, &page).await.unwrap();
    for (group, expected) in [(Some("a"), &[1, 3][..]), (Some("b"), &[2]), (Some("A"), &[]), (Some(""), &[])]
    {
        let mut expected: Vec<_> = expected.iter().map(|n: &usize| made[*n].clone()).collect();
        assert_eq!(list(group, page(20, Order::Asc, None)).await.items, expected);
        expected.reverse();
        assert_eq!(list(group, page(20, Order::Desc, None)).await.items, expected);
    }
    assert_eq!(list(None, page(20, Order::Asc, None)).await.items, made);
    for (group, count) in [(Some("a"), 2), (Some("b"), 1), (Some("A"), 0), (None, made.len() as u64)] {
        assert_eq!(store.count(&me, "kind", group).await.unwrap(), count, "{group:?}");
    }
    assert_eq!(store.count(&me, "another kind", None).await.unwrap(), 0);
    assert_eq!(store.count(&new_owner(), "kind", None).await.unwrap(), 0);
    let first = list(Some("a"), page(1, Order::Asc, None)).await;
    assert_eq!((ids(&first.items), first.has_more), (ids(&made[1..2]), true));
    let second = list(Some("a"), page(1, Order::Asc, Some(&made[1].id))).await;
    assert_eq!((ids(&second.items), second.has_more), (ids(&made[3..4]), false));
    // The cursor need not belong to the group.
    assert_eq!(ids(&list(Some("a"), page(5, Order::Asc, Some(&made[2].id))).await.items), ids(&made[3..4]));
}

pub async fn a_list_is_read_in_pages(store: &dyn RecordStore) {
    let me = new_owner();
    made_at(store, &me, &[NOON, NOON, NOON, NOON + 1, NOON + 1, NOON + 2]).await;
    for order in [Order::Asc, Order::Desc] {
        let list = async |page| store.list(&me, "kind", None, &page).await.unwrap();
        let whole = ids(&list(page(MAX_LIMIT, order, None)).await.items);
        for limit in 1..=7 {
            let mut seen: Vec<String> = Vec::new();
            loop {
                let next = list(page(limit, order, seen.last().map(String::as_str))).await;
                assert_eq!(next.items.len(), (limit as usize).min(whole.len() - seen.len()));
                seen.extend(ids(&next.items));
                assert_eq!(next.has_more, seen.len() < whole.len());
                if !next.has_more {
                    break;
                }
            }
            assert_eq!(seen, whole);
        }
        let end = list(page(3, order, whole.last().map(String::as_str))).await;
        assert!(end.items.is_empty() && !end.has_more);
    }
}

pub async fn an_unknown_cursor_is_refused(store: &dyn RecordStore) {
    let (me, other) = (new_owner(), new_owner());
    let gone = kept(store, &me, record("kind")).await;
    store.delete(&me, "kind", &gone.id).await.unwrap();
    let theirs = kept(store, &other, record("kind")).await;
    let another = kept(store, &me, record("another kind")).await;
    kept(store, &me, record("kind")).await;
    for cursor in ["", "rec_nobody", &gone.id, &theirs.id, &another.id] {
        for order in [Order::Asc, Order::Desc] {
            is_unknown_cursor(store.list(&me, "kind", None, &page(5, order, Some(cursor))).await);
        }
    }
}

pub async fn records_of_all_kinds_are_listed(store: &dyn RecordStore) {
    let (me, other) = (new_owner(), new_owner());
    let mut mine = Vec::new();
    for (n, kind) in ["one", "two", "one", ODD, "two"].into_iter().enumerate() {
        let at = NOON - n as Millis;
        mine.push(
            kept(store, &me, Record { created_at: at, key: Some(n.to_string()), ..record(kind) }).await,
        );
    }
    kept(store, &other, record("one")).await;

    let (mut seen, mut after) = (Vec::new(), None::<(String, String)>);
    loop {
        let place = after.as_ref().map(|(kind, id)| (kind.as_str(), id.as_str()));
        let page = store.everything(&me, place, 2).await.unwrap();
        assert!(page.len() <= 2);
        let Some(last) = page.last() else { break };
        after = Some((last.kind.clone(), last.id.clone()));
        seen.extend(page);
    }
    let place = |record: &Record| (record.kind.clone(), record.id.clone());
    seen.sort_by_key(place);
    mine.sort_by_key(place);
    assert_eq!(seen, mine, "each one once, as it was kept");
    assert!(store.everything(&new_owner(), None, 2).await.unwrap().is_empty());
}
