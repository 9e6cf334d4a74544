//! What a share contains, who can read it, and until when.

use super::*;
use crate::conversations::{NewBranch, NewConversation, NewItem};
use jan_core::JsonObject;
use jan_core::clock::MovedClock;
use jan_core::conversation::Selection;
use serde_json::{Value, json};
use std::time::Duration;

struct Fixture {
    shares: Shares,
    conversations: Conversations,
    clock: MovedClock,
    store: Store,
}

fn fixture(store: Store) -> Fixture {
    let clock = MovedClock::at(1_000);
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let shares = Shares::new(&store, shared.clone());
    Fixture { shares, conversations: Conversations::new(&store, shared), clock, store }
}

fn body(value: Value) -> JsonObject {
    JsonObject::parse(value.to_string().into()).unwrap()
}

fn me() -> UserId {
    UserId::new("owner-of-it")
}

impl Fixture {
    /// Creates a conversation with everything that must not be shared. Returns its id and the id of the answer.
    async fn conversation(&self) -> (String, String) {
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
        let (conversation, items) = self.conversations.create(&me(), new).await.unwrap();
        (conversation.id, items.last().unwrap().id.clone())
    }

    async fn share(&self, conversation: &str, wanted: Value) -> Result<TypedRecord<Share>> {
        self.clock.advance(Duration::from_secs(1));
        self.shares.create(&me(), conversation, NewShare::try_from(&body(wanted))?).await
    }

    async fn public(&self, slug: &str) -> Result<Value> {
        Ok(serde_json::to_value(self.shares.public(slug).await?).unwrap())
    }

    async fn kind_of(&self, slug: &str) -> Option<ErrorKind> {
        self.public(slug).await.err().map(|error| error.kind())
    }
}

#[tokio::test]
async fn a_share_contains_the_messages_and_nothing_about_the_owner() {
    let fixture = fixture(crate::store::memory_store());
    let (conversation, answer) = fixture.conversation().await;
    let share = fixture.share(&conversation, json!({"scope": "conversation"})).await.unwrap();
    let seen = fixture.public(&share.body.slug).await.unwrap();
    assert_eq!((&seen["object"], &seen["title"]), (&json!("public_share"), &json!("On tea")));
    let items = seen["snapshot"]["items"].as_array().unwrap();
    let kinds: Vec<_> =
        items.iter().map(|item| (item["type"].as_str().unwrap(), item["role"].as_str())).collect();
    assert_eq!(kinds, [("message", Some("user")), ("function_call", None), ("message", Some("assistant"))]);
    assert_eq!(items[0]["content"].as_array().unwrap().len(), 1, "images are included only on request");
    assert_eq!((&seen["snapshot"]["model_name"], &items[2]["id"]), (&json!("m-1"), &json!(answer)));
    let text = json!([{"type": "output_text", "text": "Yes.",
                       "annotations": [{"type": "url_citation", "url": "https://tea.example"}]}]);
    assert_eq!(items[2]["content"], text);
    let text = seen.to_string();
    for secret in ["owner-of-it", "proj_secret", "secret", "metadata", "referrer", &conversation, &share.id] {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
    let with_images = json!({"scope": "conversation", "include_images": true});
    let share = fixture.share(&conversation, with_images).await.unwrap();
    let seen = fixture.public(&share.body.slug).await.unwrap();
    assert_eq!(seen["snapshot"]["items"][0]["content"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn one_answer_is_shared_alone_or_with_the_messages_before_it() {
    let fixture = fixture(crate::store::memory_store());
    let (conversation, answer) = fixture.conversation().await;
    let count = |seen: Value| seen["snapshot"]["items"].as_array().unwrap().len();
    let alone = fixture.share(&conversation, json!({"scope": "item", "item_id": answer})).await.unwrap();
    assert_eq!(count(fixture.public(&alone.body.slug).await.unwrap()), 1);
    let title = Some("é".repeat(300));
    let wanted = NewItemShare { include_context_messages: true, title, ..NewItemShare::default() };
    fixture.clock.advance(Duration::from_secs(1));
    let shared = fixture.shares.create_of_item(&me(), &conversation, answer.clone(), wanted).await.unwrap();
    assert_eq!(count(fixture.public(&shared.body.slug).await.unwrap()), 3);
    assert_eq!(shared.body.title, "é".repeat(MAX_TITLE));
    assert_eq!(
        fixture.kind_of(&alone.body.slug).await,
        Some(ErrorKind::Gone),
        "a newer share of the same replaces it"
    );

    let page = PageRequest { order: Order::Asc, ..PageRequest::default() };
    let items = fixture.conversations.items(&me(), &conversation, None, &page).await.unwrap().items;
    let refused =
        fixture.share(&conversation, json!({"scope": "item", "item_id": items[1].id})).await.unwrap_err();
    assert_eq!((refused.param(), refused.code()), (Some("item_id"), "not_shareable"));
    let refused =
        fixture.share(&conversation, json!({"scope": "item", "item_id": "msg_nope"})).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_refused_share_has_an_error_that_names_the_member() {
    let fixture = fixture(crate::store::memory_store());
    let (conversation, _) = fixture.conversation().await;
    for (wanted, param) in [
        (json!({}), "scope"),
        (json!({"scope": "all"}), "scope"),
        (json!({"scope": "item"}), "item_id"),
        (json!({"scope": "conversation", "include_images": 1}), "include_images"),
    ] {
        assert_eq!(fixture.share(&conversation, wanted).await.unwrap_err().param(), Some(param));
    }
    let items = vec![NewItem::message("system", "x"), NewItem::message("user", "x")];
    let short = NewConversation { items, ..NewConversation::default() };
    let (short, _) = fixture.conversations.create(&me(), short).await.unwrap();
    let refused = fixture.share(&short.id, json!({"scope": "conversation"})).await.unwrap_err();
    assert_eq!(refused.code(), "too_few_items");
    let metadata = [("temporary".to_owned(), "true".to_owned())].into();
    let private = NewConversation { metadata, ..NewConversation::default() };
    let (private, _) = fixture.conversations.create(&me(), private).await.unwrap();
    let refused = fixture.share(&private.id, json!({"scope": "conversation"})).await.unwrap_err();
    assert_eq!(refused.code(), "not_shareable");

    let refused =
        fixture.shares.create(&UserId::new("thief"), &conversation, NewShare::default()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_snapshot_has_a_maximum_size() {
    let fixture = fixture(crate::store::memory_store());
    let (conversation, _) = fixture.conversation().await;
    let items = vec![NewItem::message("user", "x".repeat(100_000)); 20];
    for _ in 0..6 {
        fixture.conversations.add_items(&me(), &conversation, None, items.clone()).await.unwrap();
    }
    let refused = fixture.share(&conversation, json!({"scope": "conversation"})).await.unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::TooLarge, "share_too_large"));
}

#[tokio::test]
async fn the_named_branch_is_shared() {
    let fixture = fixture(crate::store::memory_store());
    let (conversation, answer) = fixture.conversation().await;
    let fork = NewBranch { name: "short".into(), fork_from_item_id: Some(answer), ..NewBranch::default() };
    fixture.conversations.create_branch(&me(), &conversation, fork).await.unwrap();
    let more = vec![NewItem::message("user", "Only on MAIN.")];
    fixture.conversations.add_items(&me(), &conversation, None, more).await.unwrap();
    for (branch, count) in [("MAIN", 4), ("short", 3)] {
        let wanted = NewShare { branch: Some(branch.to_owned()), ..NewShare::default() };
        let share = fixture.shares.create(&me(), &conversation, wanted).await.unwrap();
        fixture.clock.advance(Duration::from_secs(1));
        let seen = fixture.public(&share.body.slug).await.unwrap();
        assert_eq!(seen["snapshot"]["items"].as_array().unwrap().len(), count);
    }
}

async fn revocation_ends_public_access(store: Store) {
    let fixture = fixture(store);
    let (conversation, answer) = fixture.conversation().await;
    let whole = fixture.share(&conversation, json!({"scope": "conversation"})).await.unwrap();
    let item = fixture.share(&conversation, json!({"scope": "item", "item_id": answer})).await.unwrap();
    assert_eq!(fixture.kind_of(&whole.body.slug).await, None);
    assert_eq!(fixture.kind_of(&"0".repeat(SLUG)).await, Some(ErrorKind::NotFound));
    for malformed in ["", "short", &"-".repeat(SLUG), &"é".repeat(11)] {
        assert_eq!(fixture.kind_of(malformed).await, Some(ErrorKind::NotFound), "{malformed}");
    }

    fixture.shares.is_public(&whole.body.slug).await.unwrap();
    fixture.shares.flush().await;
    let page = PageRequest { limit: 1, ..PageRequest::default() };
    let list = fixture.shares.list(&me(), None, false, &page).await.unwrap();
    assert!(list.has_more && list.items[0].id == item.id);
    let seen =
        fixture.shares.list(&me(), Some(&conversation), false, &whole_list()).await.unwrap().items.remove(0);
    assert_eq!((seen.body.view_count, seen.body.last_viewed_at), (1, Some(1_002_000)));

    let thief = UserId::new("thief");
    assert!(fixture.shares.revoke(&thief, None, &whole.id).await.is_err());
    assert!(fixture.shares.list(&thief, Some(&conversation), true, &page).await.is_err());
    assert!(fixture.shares.revoke(&me(), Some("conv_other0123456789"), &whole.id).await.is_err());
    fixture.shares.revoke(&me(), Some(&conversation), &whole.id).await.unwrap();
    fixture.shares.revoke(&me(), None, &whole.id).await.unwrap();
    assert_eq!(fixture.kind_of(&whole.body.slug).await, Some(ErrorKind::Gone));
    let count =
        async |revoked| fixture.shares.list(&me(), None, revoked, &whole_list()).await.unwrap().items.len();
    assert_eq!((count(false).await, count(true).await), (1, 2));

    fixture.conversations.delete(&me(), &Selection::All).await.unwrap();
    fixture.shares.revoke_conversation(&me(), &conversation).await.unwrap();
    assert_eq!(fixture.kind_of(&item.body.slug).await, Some(ErrorKind::Gone));
    assert_eq!(count(false).await, 0);
    let record = fixture.store.records.get(&super::system_owner(), PUBLIC, &item.id).await.unwrap().unwrap();
    assert_eq!(record.body, r#"{"snapshot":null}"#, "the content of a revoked share is deleted");
}

#[tokio::test]
async fn a_revoked_share_is_no_longer_public() {
    revocation_ends_public_access(crate::store::memory_store()).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn shares_in_a_file_work_in_the_same_way() {
    let folder = tempfile::tempdir().unwrap();
    revocation_ends_public_access(crate::store::sqlite_store(folder.path().join("jan.db")).await).await;
}
