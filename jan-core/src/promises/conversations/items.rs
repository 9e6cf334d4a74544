//! Items: added, read in pages, found, changed, deleted.

use futures_util::future::join_all;

use super::*;
use crate::conversation::ItemRef;

pub async fn all(store: &Stores) {
    appended_items_are_in_order_at_the_end(store).await;
    an_append_goes_to_the_active_branch_unless_one_is_named(store).await;
    an_append_that_is_repeated_adds_nothing(store).await;
    an_append_sets_a_title_unless_the_owner_chose_one(store).await;
    items_of_one_append_are_adjacent_despite_other_writers(store).await;
    items_are_read_in_pages(store).await;
    bodies_are_read_back_with_all_members_unchanged(store).await;
    an_item_is_found_by_its_id(store).await;
    a_call_is_found_by_its_newest_item_that_is_no_output(store).await;
    a_merge_sets_only_the_members_that_it_names(store).await;
    deleting_an_item_does_not_move_the_others(store).await;
}

pub async fn appended_items_are_in_order_at_the_end(store: &Stores) {
    let me = new_owner();
    let (id, mut expected) = create_with_messages(store, &me, 2).await;
    assert_eq!(store.conversations.append(&me, &id, append(Vec::new())).await.unwrap(), []);
    for count in [1, 3, 100] {
        let given = messages(count);
        let kept = store.conversations.append(&me, &id, append(given.clone())).await.unwrap();
        let first = expected.len() as i64 + 1;
        let placed: Vec<_> = (first..)
            .zip(given)
            .map(|(place, item)| Item { branch: MAIN.to_owned(), sequence_number: place, ..item })
            .collect();
        assert_eq!(kept, placed);
        expected.extend(ids(&kept));
    }
    let all = items_of(store, &me, &id, None).await;
    assert_eq!(ids(&all), expected);
    assert_eq!(places(&all), (1..=106).collect::<Vec<_>>());
}

pub async fn an_append_goes_to_the_active_branch_unless_one_is_named(store: &Stores) {
    let me = new_owner();
    let (id, main) = create_with_messages(store, &me, 1).await;
    store.branches.fork(&me, &id, fork("other", ForkPoint::End)).await.unwrap();
    store.branches.activate(&me, &id, "other", NOON + 2).await.unwrap();
    let kept = store.conversations.append(&me, &id, append(messages(1))).await.unwrap();
    assert_eq!((kept[0].branch.as_str(), kept[0].sequence_number), ("other", 2));
    let on_main = add_messages(store, &me, &id, MAIN, 1).await;
    assert_eq!(item_ids(store, &me, &id, MAIN).await, [&main[..], &on_main].concat());
    assert_eq!(item_ids(store, &me, &id, "other").await, [main[0].clone(), kept[0].id.clone()]);
    is_not_found(store.conversations.append(&me, &id, append_to("nowhere", messages(1))).await);
    is_not_found(store.conversations.append(&me, "conv_nobody", append(messages(1))).await);
}

pub async fn an_append_that_is_repeated_adds_nothing(store: &Stores) {
    let me = new_owner();
    let (id, _) = create_with_messages(store, &me, 2).await;
    let new = append(messages(3));
    let once = store.conversations.append(&me, &id, new.clone()).await.unwrap();
    assert_eq!(places(&once), [3, 4, 5]);
    assert_eq!(store.conversations.append(&me, &id, new.clone()).await.unwrap(), once);
    // Stored items stay unchanged, and new ones are added after them.
    let [last, another] = <[Item; 2]>::try_from(messages(2)).unwrap();
    let changed = Item { id: once[2].id.clone(), body: last.body, ..once[2].clone() };
    let partly = append(vec![changed, another.clone()]);
    let twice = store.conversations.append(&me, &id, partly).await.unwrap();
    assert_eq!((&twice[0], twice[1].sequence_number, &twice[1].id), (&once[2], 6, &another.id));
    assert_eq!(items_of(store, &me, &id, None).await[2..], [&once[..], &twice[1..]].concat());
}

pub async fn an_append_sets_a_title_unless_the_owner_chose_one(store: &Stores) {
    let me = new_owner();
    for (locked, expected) in [(false, "made"), (true, "chosen")] {
        let new = Conversation { title: Some("chosen".to_owned()), title_locked: locked, ..conversation() };
        store.conversations.create(&me, new.clone(), Vec::new()).await.unwrap();
        let made = Append { title: Some("made".to_owned()), ..append(messages(1)) };
        store.conversations.append(&me, &new.id, made).await.unwrap();
        assert_eq!(store.conversations.get(&me, &new.id).await.unwrap().title.as_deref(), Some(expected));
    }
}

pub async fn items_of_one_append_are_adjacent_despite_other_writers(store: &Stores) {
    let me = new_owner();
    let (id, _) = create_with_messages(store, &me, 0).await;
    let appends: Vec<_> = (0..30).map(|_| messages(3)).collect();
    let writes = appends.iter().map(|items| store.conversations.append(&me, &id, append(items.clone())));
    for (given, kept) in appends.iter().zip(join_all(writes).await) {
        let kept = kept.unwrap();
        let first = kept[0].sequence_number;
        assert_eq!(ids(&kept), ids(given));
        assert_eq!(places(&kept), [first, first + 1, first + 2]);
    }
    let all = items_of(store, &me, &id, None).await;
    assert_eq!(places(&all), (1..=90).collect::<Vec<_>>());
    for chunk in all.chunks(3) {
        assert!(
            appends.iter().any(|given| ids(given) == ids(chunk)),
            "the three items of one append are adjacent"
        );
    }
    let everybody = appends.iter().flat_map(|items| ids(items)).collect();
    assert_eq!(sorted(ids(&all)), sorted(everybody));
    assert_eq!(branch_named(store, &me, &id, MAIN).await.item_count, 90);
}

pub async fn items_are_read_in_pages(store: &Stores) {
    let me = new_owner();
    let (id, main) = create_with_messages(store, &me, 4).await;
    store.branches.fork(&me, &id, fork("other", ForkPoint::After(main[2].clone()))).await.unwrap();
    let own = add_messages(store, &me, &id, "other", 3).await;
    let whole = [&main[..3], &own].concat();
    for order in [Order::Asc, Order::Desc] {
        let mut expected = whole.clone();
        if order == Order::Desc {
            expected.reverse();
        }
        for limit in 1..=7 {
            let mut seen: Vec<String> = Vec::new();
            loop {
                let page = page(limit, order, seen.last().map(String::as_str));
                let next = store.conversations.items(&me, &id, Some("other"), &page).await.unwrap();
                assert_eq!(next.items.len(), (limit as usize).min(expected.len() - seen.len()));
                assert!(next.items.iter().all(|item| item.branch == "other"));
                seen.extend(ids(&next.items));
                assert_eq!(next.has_more, seen.len() < expected.len());
                if !next.has_more {
                    break;
                }
            }
            assert_eq!(seen, expected);
        }
        let end = page(2, order, expected.last().map(String::as_str));
        let end = store.conversations.items(&me, &id, Some("other"), &end).await.unwrap();
        assert!(end.items.is_empty() && !end.has_more);
    }
    // An item of the conversation that is not on the branch is not a valid cursor.
    let (elsewhere, _) = create_with_messages(store, &me, 1).await;
    let foreign = ids(&items_of(store, &me, &elsewhere, None).await);
    for cursor in ["", "msg_nobody", main[3].as_str(), foreign[0].as_str()] {
        let page = page(2, Order::Asc, Some(cursor));
        is_unknown_cursor(store.conversations.items(&me, &id, Some("other"), &page).await);
    }
    is_not_found(store.conversations.items(&me, &id, Some("nowhere"), &PageRequest::default()).await);
}

pub async fn bodies_are_read_back_with_all_members_unchanged(store: &Stores) {
    let me = new_owner();
    let (id, _) = create_with_messages(store, &me, 0).await;
    let long = format!(r#"{{"type":"message","content":"{}"}}"#, "😀 long ".repeat(40_000));
    let bodies = [
        r#"{}"#,
        r#"{"z":1.10,"a":1e400,"m":-0.0,"big":123456789012345678901234567890,"e":1E+2}"#,
        r#"{"type":"x_unheard_of","vendor":{"deep":[{"er": [1, 2.50 ,null]}, {}],"spaced" : true},"no":null}"#,
        r#"{"text":"\u0000 \ud83d\ude00 😀 \/ \" \\ \n ' % _ \u00e9 é","\u0061":"an escaped name","":"none"}"#,
        r#"{"lone":"\ud800","call_id":{"not":"text"},"type":7,"status":["odd"]}"#,
        &long,
    ];
    let given: Vec<_> = bodies.iter().map(|body| item(body)).collect();
    let kept = store.conversations.append(&me, &id, append(given.clone())).await.unwrap();
    let read = items_of(store, &me, &id, None).await;
    for ((given, kept), read) in given.iter().zip(kept).zip(read) {
        assert_eq!(kept.body, given.body);
        assert_eq!(read.body, given.body);
        assert_eq!(
            store.conversations.item(&me, &id, ItemRef::Id(&given.id)).await.unwrap().body,
            given.body
        );
    }
}

pub async fn an_item_is_found_by_its_id(store: &Stores) {
    let me = new_owner();
    let (id, main) = create_with_messages(store, &me, 3).await;
    store.branches.fork(&me, &id, fork("other", ForkPoint::After(main[0].clone()))).await.unwrap();
    let own = add_messages(store, &me, &id, "other", 2).await;
    for (wanted, branch, place) in [(&main[2], MAIN, 3), (&own[1], "other", 3)] {
        let found = store.conversations.item(&me, &id, ItemRef::Id(wanted)).await.unwrap();
        assert_eq!((&found.id, found.branch.as_str(), found.sequence_number), (wanted, branch, place));
        assert!(items_of(store, &me, &id, Some(branch)).await.contains(&found));
    }
    is_not_found(store.conversations.item(&me, &id, ItemRef::Id("msg_nobody")).await);
    let (elsewhere, _) = create_with_messages(store, &me, 1).await;
    is_not_found(store.conversations.item(&me, &elsewhere, ItemRef::Id(&main[0])).await);
}

pub async fn a_call_is_found_by_its_newest_item_that_is_no_output(store: &Stores) {
    let me = new_owner();
    let (id, _) = create_with_messages(store, &me, 1).await;
    let add = async |at, body: &str| {
        let new = Item { created_at: NOON + at, ..item(body) };
        store.conversations.append(&me, &id, append(vec![new])).await.unwrap().remove(0)
    };
    let call = |name| {
        format!(r#"{{"type":"function_call","call_id":"call_1","name":"{name}","status":"in_progress"}}"#)
    };
    let found = async || store.conversations.item(&me, &id, ItemRef::Call("call_1")).await;
    let output = r#"{"type":"function_call_output","call_id":"call_1","output":"1"}"#;
    add(1, output).await;
    is_not_found(found().await);
    let first = add(2, &call("first")).await;
    add(3, r#"{"type":"function_call","call_id":"call_2","name":"other"}"#).await;
    add(4, output).await;
    add(4, r#"{"type":"mcp_call_output","call_id":"call_1"}"#).await;
    assert_eq!(found().await.unwrap(), first);
    let second = add(5, &call("second")).await;
    add(6, output).await;
    assert_eq!(found().await.unwrap(), second);
    // It can be changed by its call id. When it is deleted, the one before is the newest.
    let members = JsonObject::parse(r#"{"status":"completed"}"#.into()).unwrap();
    let merged =
        store.conversations.merge_item(&me, &id, ItemRef::Call("call_1"), members, NOON + 7).await.unwrap();
    assert_eq!((&merged.id, merged.text("status").as_deref()), (&second.id, Some("completed")));
    assert_eq!(found().await.unwrap(), merged);
    store.conversations.delete_item(&me, &id, &second.id, NOON + 8).await.unwrap();
    assert_eq!(found().await.unwrap(), first);
    is_not_found(store.conversations.item(&me, &id, ItemRef::Call("call_nobody")).await);
}

pub async fn a_merge_sets_only_the_members_that_it_names(store: &Stores) {
    let me = new_owner();
    let (id, others) = create_with_messages(store, &me, 1).await;
    let call = item(r#"{"type":"mcp_call","n":1.10,"status":"in_progress","call_id":"c","x":{"y": 1e400}}"#);
    let kept = store.conversations.append(&me, &id, append(vec![call])).await.unwrap().remove(0);
    let members = r#"{"status":"completed","output":{"z": 2.50},"name":"\u0000😀"}"#;
    let members = JsonObject::parse(members.into()).unwrap();
    let merged = store
        .conversations
        .merge_item(&me, &id, ItemRef::Id(&kept.id), members.clone(), NOON + 5)
        .await
        .unwrap();
    let body = r#"{"type":"mcp_call","n":1.10,"status":"completed","call_id":"c","x":{"y": 1e400},"output":{"z": 2.50},"name":"\u0000😀"}"#;
    assert_eq!(merged, Item { body: JsonObject::parse(body.into()).unwrap(), ..kept.clone() });
    assert_eq!(store.conversations.item(&me, &id, ItemRef::Id(&kept.id)).await.unwrap(), merged);
    assert_eq!(items_of(store, &me, &id, None).await[1], merged);
    assert_eq!(item_ids(store, &me, &id, MAIN).await, [others[0].clone(), kept.id.clone()]);
    // Merging it again changes nothing more.
    let again = store
        .conversations
        .merge_item(&me, &id, ItemRef::Id(&kept.id), members.clone(), NOON + 6)
        .await
        .unwrap();
    assert_eq!(again, merged);
    is_not_found(
        store.conversations.merge_item(&me, &id, ItemRef::Id("msg_nobody"), members, NOON + 6).await,
    );
}

pub async fn deleting_an_item_does_not_move_the_others(store: &Stores) {
    let me = new_owner();
    let (id, main) = create_with_messages(store, &me, 4).await;
    store.branches.fork(&me, &id, fork("other", ForkPoint::After(main[2].clone()))).await.unwrap();
    add_messages(store, &me, &id, "other", 1).await;
    let before = [MAIN, "other"].map(|branch| items_of(store, &me, &id, Some(branch)));
    let before = join_all(before).await;
    for gone in [&main[1], &main[3]] {
        store.conversations.delete_item(&me, &id, gone, NOON + 5).await.unwrap();
        is_not_found(store.conversations.item(&me, &id, ItemRef::Id(gone)).await);
        is_not_found(store.conversations.delete_item(&me, &id, gone, NOON + 6).await);
        let members = JsonObject::parse(r#"{"status":"x"}"#.into()).unwrap();
        is_not_found(store.conversations.merge_item(&me, &id, ItemRef::Id(gone), members, NOON + 6).await);
    }
    for (branch, mut before) in [MAIN, "other"].into_iter().zip(before) {
        before.retain(|item| item.id != main[1] && item.id != main[3]);
        assert_eq!(items_of(store, &me, &id, Some(branch)).await, before);
        assert_eq!(branch_named(store, &me, &id, branch).await.item_count, before.len() as u64);
    }
    // Its position is not used again.
    let next = store.conversations.append(&me, &id, append_to(MAIN, messages(1))).await.unwrap();
    assert_eq!(places(&next), [5]);
    is_not_found(store.conversations.delete_item(&me, &id, "msg_nobody", NOON + 6).await);
}
