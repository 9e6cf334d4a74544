//! What is shared, with whom, and for how long.

use super::*;
use crate::conversations::{NewBranch, NewConversation, NewItem};
use jan_core::JsonObject;
use jan_core::clock::MovedClock;
use jan_core::conversation::Selection;
use serde_json::{Value, json};
use std::time::Duration;

struct House {
    shares: Shares,
    conversations: Conversations,
    clock: MovedClock,
    store: Store,
}

fn house_of(store: Store) -> House {
    let clock = MovedClock::at(1_000);
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let shares = Shares::new(&store, shared.clone());
    House { shares, conversations: Conversations::new(&store, shared), clock, store }
}

fn body(value: Value) -> JsonObject {
    JsonObject::parse(value.to_string().into()).unwrap()
}

fn me() -> UserId {
    UserId::new("owner-of-it")
}

impl House {
    /// A conversation that holds all that must not be told: its id, and the answer's.
    async fn talk(&self) -> (String, String) {
        let image = json!({"type": "input_image", "image_url": "data:image/png;base64,AAAA"});
        let new = body(json!({
            "title": "On tea", "metadata": {"secret_key": "secret-value"}, "referrer": "secret-app",
            "project_id": "proj_secret",
            "items": [
                {"role": "system", "content": "secret-instruction"},
                {"role": "user", "content": [{"type": "input_text", "text": "Tea?"}, image], "secret": "secret-member"},
                {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "secret-thought"}]},
                {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "secret-arguments"},
                {"role": "assistant", "model": "m-1", "content": [
                    {"type": "thinking", "thinking": "secret-thought"},
                    {"type": "input_file", "filename": "secret.pdf"},
                    {"type": "output_text", "text": "Yes.", "secret": 1, "annotations": [
                        {"type": "file_citation", "filename": "secret.pdf"},
                        {"type": "url_citation", "url": "https://tea.example"}]}]},
            ]
        }));
        let new = NewConversation::try_from(&new).unwrap();
        let (talk, items) = self.conversations.create(&me(), new).await.unwrap();
        (talk.id, items.last().unwrap().id.clone())
    }

    async fn share(&self, talk: &str, wanted: Value) -> Result<TypedRecord<Share>> {
        self.clock.advance(Duration::from_secs(1));
        self.shares.create(&me(), talk, NewShare::try_from(&body(wanted))?).await
    }

    async fn public(&self, slug: &str) -> Result<Value> {
        Ok(serde_json::to_value(self.shares.public(slug).await?).unwrap())
    }

    async fn kind_of(&self, slug: &str) -> Option<ErrorKind> {
        self.public(slug).await.err().map(|error| error.kind())
    }
}

#[tokio::test]
async fn the_public_sees_what_was_said_and_nothing_of_whose_it_is() {
    let house = house_of(crate::store::memory_store());
    let (talk, answer) = house.talk().await;
    let share = house.share(&talk, json!({"scope": "conversation"})).await.unwrap();
    let seen = house.public(&share.body.slug).await.unwrap();
    assert_eq!((&seen["object"], &seen["title"]), (&json!("public_share"), &json!("On tea")));
    let items = seen["snapshot"]["items"].as_array().unwrap();
    let kinds: Vec<_> =
        items.iter().map(|item| (item["type"].as_str().unwrap(), item["role"].as_str())).collect();
    assert_eq!(kinds, [("message", Some("user")), ("function_call", None), ("message", Some("assistant"))]);
    assert_eq!(
        items[0]["content"].as_array().unwrap().len(),
        1,
        "pictures are only shown if that was wanted"
    );
    assert_eq!((&seen["snapshot"]["model_name"], &items[2]["id"]), (&json!("m-1"), &json!(answer)));
    let said = json!([{"type": "output_text", "text": "Yes.",
                       "annotations": [{"type": "url_citation", "url": "https://tea.example"}]}]);
    assert_eq!(items[2]["content"], said);
    let text = seen.to_string();
    for secret in ["owner-of-it", "proj_secret", "secret", "metadata", "referrer", &talk, &share.id] {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
    let with_images = json!({"scope": "conversation", "include_images": true});
    let share = house.share(&talk, with_images).await.unwrap();
    let seen = house.public(&share.body.slug).await.unwrap();
    assert_eq!(seen["snapshot"]["items"][0]["content"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn one_answer_is_shared_alone_or_with_what_led_to_it() {
    let house = house_of(crate::store::memory_store());
    let (talk, answer) = house.talk().await;
    let count = |seen: Value| seen["snapshot"]["items"].as_array().unwrap().len();
    let alone = house.share(&talk, json!({"scope": "item", "item_id": answer})).await.unwrap();
    assert_eq!(count(house.public(&alone.body.slug).await.unwrap()), 1);
    let title = Some("é".repeat(300));
    let wanted = NewItemShare { include_context_messages: true, title, ..NewItemShare::default() };
    house.clock.advance(Duration::from_secs(1));
    let shared = house.shares.create_of_item(&me(), &talk, answer.clone(), wanted).await.unwrap();
    assert_eq!(count(house.public(&shared.body.slug).await.unwrap()), 3);
    assert_eq!(shared.body.title, "é".repeat(MAX_TITLE));
    assert_eq!(
        house.kind_of(&alone.body.slug).await,
        Some(ErrorKind::Gone),
        "a newer share of the same replaces it"
    );

    let page = PageRequest { order: Order::Asc, ..PageRequest::default() };
    let items = house.conversations.items(&me(), &talk, None, &page).await.unwrap().items;
    let refused = house.share(&talk, json!({"scope": "item", "item_id": items[1].id})).await.unwrap_err();
    assert_eq!((refused.param(), refused.code()), (Some("item_id"), "not_shareable"));
    let refused = house.share(&talk, json!({"scope": "item", "item_id": "msg_nope"})).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn what_cannot_be_shared_is_refused_by_name() {
    let house = house_of(crate::store::memory_store());
    let (talk, _) = house.talk().await;
    for (wanted, param) in [
        (json!({}), "scope"),
        (json!({"scope": "all"}), "scope"),
        (json!({"scope": "item"}), "item_id"),
        (json!({"scope": "conversation", "include_images": 1}), "include_images"),
    ] {
        assert_eq!(house.share(&talk, wanted).await.unwrap_err().param(), Some(param));
    }
    let items = vec![NewItem::message("system", "x"), NewItem::message("user", "x")];
    let short = NewConversation { items, ..NewConversation::default() };
    let (short, _) = house.conversations.create(&me(), short).await.unwrap();
    let refused = house.share(&short.id, json!({"scope": "conversation"})).await.unwrap_err();
    assert_eq!(refused.code(), "too_few_items");
    let metadata = [("temporary".to_owned(), "true".to_owned())].into();
    let private = NewConversation { metadata, ..NewConversation::default() };
    let (private, _) = house.conversations.create(&me(), private).await.unwrap();
    let refused = house.share(&private.id, json!({"scope": "conversation"})).await.unwrap_err();
    assert_eq!(refused.code(), "not_shareable");

    let refused = house.shares.create(&UserId::new("thief"), &talk, NewShare::default()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_snapshot_has_an_end() {
    let house = house_of(crate::store::memory_store());
    let (talk, _) = house.talk().await;
    let items = vec![NewItem::message("user", "x".repeat(100_000)); 20];
    for _ in 0..6 {
        house.conversations.add_items(&me(), &talk, None, items.clone()).await.unwrap();
    }
    let refused = house.share(&talk, json!({"scope": "conversation"})).await.unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::TooLarge, "share_too_large"));
}

#[tokio::test]
async fn the_branch_that_is_named_is_shared() {
    let house = house_of(crate::store::memory_store());
    let (talk, answer) = house.talk().await;
    let fork = NewBranch { name: "short".into(), fork_from_item_id: Some(answer), ..NewBranch::default() };
    house.conversations.create_branch(&me(), &talk, fork).await.unwrap();
    let more = vec![NewItem::message("user", "Only on MAIN.")];
    house.conversations.add_items(&me(), &talk, None, more).await.unwrap();
    for (branch, count) in [("MAIN", 4), ("short", 3)] {
        let wanted = NewShare { branch: Some(branch.to_owned()), ..NewShare::default() };
        let share = house.shares.create(&me(), &talk, wanted).await.unwrap();
        house.clock.advance(Duration::from_secs(1));
        let seen = house.public(&share.body.slug).await.unwrap();
        assert_eq!(seen["snapshot"]["items"].as_array().unwrap().len(), count);
    }
}

async fn is_taken_back(store: Store) {
    let house = house_of(store);
    let (talk, answer) = house.talk().await;
    let whole = house.share(&talk, json!({"scope": "conversation"})).await.unwrap();
    let item = house.share(&talk, json!({"scope": "item", "item_id": answer})).await.unwrap();
    assert_eq!(house.kind_of(&whole.body.slug).await, None);
    assert_eq!(house.kind_of(&"0".repeat(SLUG)).await, Some(ErrorKind::NotFound));
    for malformed in ["", "short", &"-".repeat(SLUG), &"é".repeat(11)] {
        assert_eq!(house.kind_of(malformed).await, Some(ErrorKind::NotFound), "{malformed}");
    }

    house.shares.is_public(&whole.body.slug).await.unwrap();
    house.shares.flush().await;
    let page = PageRequest { limit: 1, ..PageRequest::default() };
    let list = house.shares.list(&me(), None, false, &page).await.unwrap();
    assert!(list.has_more && list.items[0].id == item.id);
    let seen = house.shares.list(&me(), Some(&talk), false, &whole_list()).await.unwrap().items.remove(0);
    assert_eq!((seen.body.view_count, seen.body.last_viewed_at), (1, Some(1_002_000)));

    let thief = UserId::new("thief");
    assert!(house.shares.revoke(&thief, None, &whole.id).await.is_err());
    assert!(house.shares.list(&thief, Some(&talk), true, &page).await.is_err());
    assert!(house.shares.revoke(&me(), Some("conv_other0123456789"), &whole.id).await.is_err());
    house.shares.revoke(&me(), Some(&talk), &whole.id).await.unwrap();
    house.shares.revoke(&me(), None, &whole.id).await.unwrap();
    assert_eq!(house.kind_of(&whole.body.slug).await, Some(ErrorKind::Gone));
    let count =
        async |revoked| house.shares.list(&me(), None, revoked, &whole_list()).await.unwrap().items.len();
    assert_eq!((count(false).await, count(true).await), (1, 2));

    house.conversations.delete(&me(), &Selection::All).await.unwrap();
    house.shares.revoke_conversation(&me(), &talk).await.unwrap();
    assert_eq!(house.kind_of(&item.body.slug).await, Some(ErrorKind::Gone));
    assert_eq!(count(false).await, 0);
    let kept = house.store.records.get(&super::system_owner(), PUBLIC, &item.id).await.unwrap().unwrap();
    assert_eq!(kept.body, r#"{"snapshot":null}"#, "what was taken back is kept nowhere");
}

#[tokio::test]
async fn a_share_is_taken_back_for_good() {
    is_taken_back(crate::store::memory_store()).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn a_file_keeps_shares_too() {
    let folder = tempfile::tempdir().unwrap();
    is_taken_back(crate::store::sqlite_store(folder.path().join("jan.db")).await).await;
}
