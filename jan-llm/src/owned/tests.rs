//! Export and import keep all data of an owner; deletion deletes all of it.

use super::*;
use crate::conversations::{Conversations, NewBranch, NewConversation, NewItem};
use crate::projects::{NewProject, Projects};
use crate::settings::{SettingsPatch, SettingsStore};
use crate::shares::{NewShare, Scope, Shares};
use crate::usage::{Days, Meter};
use futures_util::TryStreamExt;
use jan_core::account::{Account, Imported};
use jan_core::chat::Usage;
use jan_core::clock::MovedClock;
use jan_core::conversation::{Filter, ItemRef};
use jan_core::page::PageRequest;
use jan_core::{Clock, ErrorKind, Result, UserId};
use serde_json::{Value, json};
use std::sync::Arc;

fn me() -> UserId {
    UserId::new("me")
}

/// Creates data of every kind. Returns the id of a conversation, the id of an item on its branch, and a share's slug.
async fn create_data(store: &Store, owner: &UserId) -> (String, String, String) {
    let clock: Arc<dyn Clock> = Arc::new(MovedClock::at(1_000));
    let conversations = Conversations::new(store, clock.clone());
    let items: Vec<_> = (0..15).map(|n| NewItem::message("assistant", n.to_string())).collect();
    let titled = |title: &str| NewConversation { title: Some(title.into()), ..NewConversation::default() };
    let new = NewConversation { items: items.clone(), ..titled("T") };
    let (conversation, stored) = conversations.create(owner, new).await.unwrap();
    for _ in 0..15 {
        conversations.add_items(owner, &conversation.id, None, items.clone()).await.unwrap();
    }
    let fork_from_item_id = Some(stored[2].id.clone());
    let fork = NewBranch { name: "side".into(), fork_from_item_id, ..NewBranch::default() };
    conversations.create_branch(owner, &conversation.id, fork).await.unwrap();
    let more = vec![NewItem::message("user", "aside")];
    let aside =
        conversations.add_items(owner, &conversation.id, Some("side".into()), more).await.unwrap().remove(0);
    conversations.create(owner, titled("Second")).await.unwrap();

    let new = NewProject { name: "P".into(), ..NewProject::default() };
    Projects::new(store, clock.clone()).create(owner, new).await.unwrap();
    let settings = SettingsStore::new(store, clock.clone());
    let patch = SettingsPatch { enable_trace: Some(true), ..SettingsPatch::default() };
    settings.patch(owner, &patch).await.unwrap();
    let meter = Meter::new(store, clock.clone());
    meter.record(owner, "m", None, &Usage::new(1, 2));
    meter.flush().await.unwrap();
    let shares = Shares::new(store, clock);
    let wanted = NewShare { scope: Scope::Item, item_id: Some(stored[0].id.clone()), ..NewShare::default() };
    let share = shares.create(owner, &conversation.id, wanted).await.unwrap();
    (conversation.id, aside.id, share.body.slug)
}

fn account_with(store: &Store, records: RecordData) -> Account {
    parts(store, records).into_iter().fold(Account::new(), Account::part)
}

fn account(store: &Store) -> Account {
    account_with(store, RecordData::new(store))
}

async fn export(store: &Store, owner: &UserId) -> Vec<String> {
    account(store).export(owner).unwrap().try_collect().await.unwrap()
}

async fn import(store: &Store, owner: &UserId, lines: &[String]) -> Result<Imported> {
    let mut import = account(store).import(owner)?;
    for line in lines {
        import.line(line).await?;
    }
    import.finish()
}

async fn survives_export_and_import(from: Store, to: Store) {
    let (id, aside, slug) = create_data(&from, &me()).await;
    create_data(&from, &UserId::new("you")).await;
    let lines = export(&from, &me()).await;
    assert!(!lines.iter().any(|line| line.contains("\"you\"")));
    assert_eq!(lines.iter().filter(|line| line.starts_with(r#"{"item":"#)).count(), 15 * 16 + 1);

    let imported = import(&to, &me(), &lines).await.unwrap();
    assert_eq!(
        (imported.count("record"), imported.count("conversation"), imported.count("item")),
        (5, 2, 241)
    );
    assert_eq!(imported.skipped, [""; 0]);
    assert_eq!(export(&to, &me()).await, lines, "a second export equals the first");
    assert!(to.conversations.item(&me(), &id, ItemRef::Id(&aside)).await.unwrap().branch == "side");
    let clock: Arc<dyn Clock> = Arc::new(MovedClock::at(1_000));
    assert!(Shares::new(&to, clock.clone()).public(&slug).await.is_ok(), "links of shares stay valid");
    let meter = Meter::new(&to, clock);
    let report = meter.report(&me(), None, Days::last(None, &meter).unwrap()).await.unwrap();
    assert_eq!(serde_json::to_value(report).unwrap()["total_tokens"], 3);

    let again = import(&to, &me(), &lines).await.unwrap();
    assert_eq!((again.count("record"), again.count("conversation"), again.skipped.len()), (0, 0, 7));
    assert_eq!(export(&to, &me()).await, lines);
}

#[tokio::test]
async fn media_records_are_neither_exported_nor_imported_without_their_bytes() {
    let (store, to) = (crate::store::memory_store(), crate::store::memory_store());
    let rows = jan_core::record::Records::<Value>::new(jan_core::media::RECORDS, store.records.clone());
    let row = jan_core::record::TypedRecord::new("jan_1", 1, json!({"blob": "somebody's"}));
    rows.insert(&me(), &row).await.unwrap();
    let refused = account(&store).export(&me()).unwrap().try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!(refused.param(), Some("media"), "media is not left out silently");
    let without_media = account_with(&store, RecordData::new(&store).media_apart()).export(&me()).unwrap();
    let lines: Vec<String> = without_media.try_collect().await.unwrap();
    assert_eq!(lines.len(), 2, "{lines:?}");
    // A user adds a media record to their export, to read the bytes that this name refers to on another server.
    let line = json!({"record": {"kind": "media", "id": "jan_1", "key": null, "group": null, "created_at": 1,
                                 "expires_at": null, "version": 0, "body": {"blob": "somebody's"}}});
    let imported = import(&to, &me(), &[lines[0].clone(), line.to_string(), lines[1].clone()]).await.unwrap();
    assert_eq!((imported.count("record"), imported.skipped), (0, vec!["media jan_1".to_owned()]));
    assert!(to.records.everything(&me(), None, 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_account_survives_export_and_import() {
    survives_export_and_import(crate::store::memory_store(), crate::store::memory_store()).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn an_account_survives_a_change_of_the_kind_of_store() {
    let folder = tempfile::tempdir().unwrap();
    survives_export_and_import(
        crate::store::sqlite_store(folder.path().join("a.db")).await,
        crate::store::memory_store(),
    )
    .await;
    survives_export_and_import(
        crate::store::memory_store(),
        crate::store::sqlite_store(folder.path().join("b.db")).await,
    )
    .await;
}

async fn is_deleted(store: Store) {
    let (_, _, slug) = create_data(&store, &me()).await;
    let (stored, _, other_slug) = create_data(&store, &UserId::new("you")).await;
    account(&store).erase(&me()).await.unwrap();
    assert_eq!(export(&store, &me()).await.len(), 2, "the first line and the last");
    assert!(
        store
            .conversations
            .list(&me(), &Filter::default(), &PageRequest::default())
            .await
            .unwrap()
            .items
            .is_empty()
    );
    let shares = Shares::new(&store, Arc::new(MovedClock::at(1_000)));
    assert_eq!(shares.public(&slug).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert!(shares.public(&other_slug).await.is_ok());
    assert!(store.conversations.get(&UserId::new("you"), &stored).await.is_ok());
    account(&store).erase(&me()).await.unwrap();
}

#[tokio::test]
async fn a_deleted_account_leaves_nothing() {
    is_deleted(crate::store::memory_store()).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn a_deleted_account_leaves_nothing_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    is_deleted(crate::store::sqlite_store(folder.path().join("a.db")).await).await;
}

#[tokio::test]
async fn an_incomplete_or_malformed_export_is_refused() {
    let store = crate::store::memory_store();
    let (id, ..) = create_data(&store, &me()).await;
    let lines = export(&store, &me()).await;
    let fails = async |lines: &[String]| {
        import(&crate::store::memory_store(), &me(), lines).await.unwrap_err().to_string()
    };
    assert_eq!(fails(&[]).await, "The export breaks off after line 0.");
    assert_eq!(fails(&lines[1..]).await, "Line 1 is not the first line of an export.");
    let other_form = r#"{"account":{"format":3,"user":"me"}}"#.to_owned();
    assert_eq!(fails(&[other_form]).await, "Line 1 names a form of export that is not known here.");
    assert_eq!(fails(&[lines[0].clone(), "{}".into()]).await, "Line 2 is no line of an export.");
    let item = lines.iter().find(|line| line.starts_with(r#"{"item":"#)).unwrap();
    assert_eq!(fails(&[lines[0].clone(), item.clone()]).await, "Line 2: It is an item of no conversation.");
    let twice = [&lines[..], &lines[1..2]].concat();
    assert!(fails(&twice).await.ends_with("stands after the end."));

    // An export that ends in the middle of a conversation: that conversation is not stored.
    let middle = lines.iter().position(|line| line == item).unwrap() + 3;
    let to = crate::store::memory_store();
    assert!(import(&to, &me(), &lines[..middle]).await.is_err());
    assert_eq!(to.conversations.get(&me(), &id).await.unwrap_err().kind(), ErrorKind::NotFound);

    for nobody in [UserId::system("public-shares"), UserId::new("")] {
        assert!(account(&store).export(&nobody).is_err() && account(&store).import(&nobody).is_err());
        assert!(account(&store).erase(&nobody).await.is_err());
    }
}
