//! A chat that is stored as a completion and as a turn of a conversation is stored as both or as neither.

use std::sync::Arc;

use futures_util::TryStreamExt;
use jan_core::page::PageRequest;
use jan_core::{ChatChunk, ChatRequest, Database, ModelCall, Principal, Result, SystemClock};
use jan_llm::completions::{Completions, Filter};
use jan_llm::conversations::NewConversation;
use jan_llm::turn::TurnOptions;
use jan_llm::{Chat, Conversations, Keeper, Store};
use jan_tests::{Gate, PrivatePostgres, ScriptedModel, ScriptedReply, text_chunks};
use serde_json::json;

async fn both_or_neither(database: Database) {
    let (store, clock) = (Store::on(&database).await.unwrap(), Arc::new(SystemClock));
    let model = ScriptedModel::new([]);
    let chat = Chat::new(model.clone()).keeper(Keeper::new(&store, clock.clone()));
    let conversations = Conversations::new(&store, clock.clone());
    let (completions, me) = (Completions::new(&store, clock), Principal::open("me"));
    let kept = async || completions.count(&me.user, &Filter::default()).await.unwrap();
    for (stream, exists) in [(false, true), (false, false), (true, true), (true, false)] {
        let (conversation, _) = conversations.create(&me.user, NewConversation::default()).await.unwrap();
        let (before, gate) = (kept().await, Gate::new());
        model.then(ScriptedReply::Gated(text_chunks("one two"), gate.clone()));
        let ask = async {
            let body = json!({"model": "scripted", "messages": [{"role": "user", "content": "Count."}],
                              "conversation": conversation.id, "store": true, "stream": stream});
            let request = ChatRequest::parse(body.to_string().into())?;
            let turn = chat.turn(ModelCall::new(request, &me), &TurnOptions::default()).await?;
            if stream {
                turn.stream().await?.try_collect::<Vec<ChatChunk>>().await.map(drop)
            } else {
                turn.complete().await.map(drop)
            }
        };
        // If the conversation is deleted while the model answers, the turn cannot be stored.
        let other = async {
            gate.reached(1).await;
            if !exists {
                conversations.delete_one(&me.user, &conversation.id).await.unwrap();
            }
            gate.open();
        };
        let (answered, ()): (Result<()>, ()) = tokio::join!(ask, other);
        assert_eq!(answered.is_ok(), exists, "{answered:?}");
        assert_eq!(kept().await - before, u64::from(exists), "stream: {stream}, exists: {exists}");
        if exists {
            let items =
                conversations.items(&me.user, &conversation.id, None, &PageRequest::default()).await.unwrap();
            assert_eq!(items.items.len(), 2);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_completion_and_its_turn_are_stored_together() {
    both_or_neither(Database::memory()).await;
    let folder = tempfile::tempdir().unwrap();
    both_or_neither(Database::sqlite(folder.path().join("jan.db")).await.unwrap()).await;
    let Some(postgres) = PrivatePostgres::start_with(&[("fsync", "off")]).await else { return };
    both_or_neither(Database::open(&postgres.database().await).await.unwrap()).await;
}
