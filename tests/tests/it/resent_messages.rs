//! Clients that send earlier messages again: all of them, a part, slightly changed, or while they post the last message
//! as an item. Each message is stored once and sent to the model once, in the order that models require, in memory, in
//! SQLite and in Postgres.

use std::sync::Arc;

use futures_util::TryStreamExt;
use jan_core::conversation::Item;
use jan_core::page::{MAX_LIMIT, Order, PageRequest};
use jan_core::{ChatChunk, ChatRequest, Database, JsonObject, ModelCall, Principal, SystemClock};
use jan_llm::chat::Regenerated;
use jan_llm::conversations::{NewBranch, NewConversation};
use jan_llm::turn::TurnOptions;
use jan_llm::{Chat, Conversations, Keeper, Store};
use jan_tests::{Gate, PrivatePostgres, ScriptedModel, ScriptedReply, text_chunks};
use serde_json::{Value, json};

/// A chat service over a scripted model, and its store.
struct TestChat {
    chat: Chat,
    model: ScriptedModel,
    conversations: Conversations,
    me: Principal,
    id: String,
}

/// Role and text of messages.
type Texts = Vec<(String, String)>;

/// Messages in short form: `u:…` is a user's message, `a:…` an answer.
fn texts(short: &[&str]) -> Texts {
    let message = |short: &&str| {
        let (role, text) = short.split_once(':').unwrap();
        (if role == "u" { "user" } else { "assistant" }.to_owned(), text.to_owned())
    };
    short.iter().map(message).collect()
}

fn messages(short: &[&str]) -> Value {
    texts(short).into_iter().map(|(role, content)| json!({"role": role, "content": content})).collect()
}

impl TestChat {
    async fn new(store: &Store) -> Self {
        let model = ScriptedModel::new([]);
        let clock = Arc::new(SystemClock);
        let chat = Chat::new(model.clone()).keeper(Keeper::new(store, clock.clone()));
        let conversations = Conversations::new(store, clock);
        let me = Principal::open("me");
        let (made, _) = conversations.create(&me.user, NewConversation::default()).await.unwrap();
        Self { chat, model, conversations, me, id: made.id }
    }

    fn request(&self, messages: &Value, stream: bool) -> ChatRequest {
        let body = json!({"model": "scripted", "conversation": self.id, "stream": stream, "store_reasoning": true,
                          "messages": messages});
        ChatRequest::parse(body.to_string().into()).unwrap()
    }

    /// Sends `messages`; the model answers with `reply`.
    async fn ask(&self, messages: &Value, reply: ScriptedReply, stream: bool) {
        self.model.then(reply);
        let request = self.request(messages, stream);
        let turn = self.chat.turn(ModelCall::new(request, &self.me), &TurnOptions::default()).await.unwrap();
        if stream {
            let _: Vec<ChatChunk> = turn.stream().await.unwrap().try_collect().await.unwrap();
        } else {
            turn.complete().await.unwrap();
        }
    }

    async fn post(&self, items: Value) {
        let items = serde_json::from_value(items).unwrap();
        self.conversations.add_items(&self.me.user, &self.id, None, items).await.unwrap();
    }

    async fn post_question(&self, text: &str) {
        self.post(json!([{"type": "message", "role": "user", "content": [{"type": "input_text", "input_text": text}]}]))
            .await;
    }

    async fn items(&self, branch: Option<&str>) -> Vec<Item> {
        let page = PageRequest { limit: MAX_LIMIT, after: None, order: Order::Asc };
        self.conversations.items(&self.me.user, &self.id, branch, &page).await.unwrap().items
    }

    /// The stored messages of a branch: role and trimmed text.
    async fn kept(&self, branch: Option<&str>) -> Texts {
        let role_and_text = |item: &Item| {
            let body: Value = item.body.to().unwrap();
            let text = body["content"][0]["text"].as_str().unwrap_or_default().trim();
            (body["role"].as_str().unwrap_or_default().to_owned(), text.to_owned())
        };
        self.items(branch).await.iter().map(role_and_text).collect()
    }

    /// The stored messages of the branches that are not active.
    async fn others(&self) -> Vec<Texts> {
        let mut others = Vec::new();
        for branch in self.conversations.branches(&self.me.user, &self.id).await.unwrap() {
            if !branch.is_active {
                others.push(self.kept(Some(&branch.name)).await);
            }
        }
        others
    }

    async fn active(&self) -> String {
        let branches = self.conversations.branches(&self.me.user, &self.id).await.unwrap();
        branches.into_iter().find(|branch| branch.is_active).unwrap().name
    }

    /// The messages of the model's last request.
    fn sent(&self) -> Vec<Value> {
        let request = self.model.requests().pop().unwrap();
        request.get::<Vec<Value>>("messages").unwrap().unwrap()
    }

    /// Role and text of the messages of the model's last request.
    fn sent_texts(&self) -> Texts {
        let role_and_text = |message: &Value| {
            let text = message["content"].as_str().unwrap_or_default().trim().to_owned();
            (message["role"].as_str().unwrap().to_owned(), text)
        };
        self.sent().iter().map(role_and_text).collect()
    }
}

/// Runs a test with a store in memory, in SQLite, and in Postgres if it is installed.
async fn with_every_store(test: impl AsyncFn(&Store)) {
    let run = async |database: Database| test(&Store::on(&database).await.unwrap()).await;
    run(Database::memory()).await;
    let folder = tempfile::tempdir().unwrap();
    run(Database::sqlite(folder.path().join("jan.db")).await.unwrap()).await;
    let Some(postgres) = PrivatePostgres::start_with(&[("fsync", "off")]).await else { return };
    run(Database::open(&postgres.database().await).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_are_sent_again_add_one_turn_however_they_are_written() {
    with_every_store(async |store| {
        for posted in [false, true] {
            for stream in [false, true] {
                let test_chat = TestChat::new(store).await;
                let (mut shown, mut kept) = (Vec::new(), Vec::new());
                for n in 0..4 {
                    let (question, answer) =
                        (format!(" Question {n}?\n"), format!("<think>\nhm {n}</think>\n\nAnswer {n}. "));
                    if posted {
                        test_chat.post_question(&question).await;
                    }
                    // Earlier messages are sent trimmed, without reasoning, and every second time as parts.
                    let mut request: Vec<Value> = shown.clone();
                    request.push(json!({"role": "user", "content": question}));
                    test_chat.ask(&request.into(), ScriptedReply::text(&answer), stream).await;
                    let part = |text: String| match n % 2 {
                        0 => json!(text),
                        _ => json!([{"type": "text", "text": text}]),
                    };
                    shown.push(json!({"role": "user", "content": part(format!("Question {n}?"))}));
                    shown.push(json!({"role": "assistant", "content": part(format!("Answer {n}."))}));
                    assert_eq!(test_chat.sent().len(), 2 * n + 1, "each message is sent once");
                    kept.push(test_chat.items(None).await.len());
                }
                assert_eq!(kept, [2, 4, 6, 8], "posted: {posted}, streamed: {stream}");
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_equals_a_beginning_repeats_its_last_question() {
    with_every_store(async |store| {
        for (stream, on_side_branch) in [(false, false), (true, false), (false, true)] {
            let test_chat = TestChat::new(store).await;
            let ask = async |short: &[&str], answer: &str| {
                test_chat.ask(&messages(short), ScriptedReply::text(answer), stream).await;
            };
            ask(&["u:q1"], "a1").await;
            if on_side_branch {
                let side = NewBranch { name: "side".into(), ..NewBranch::default() };
                test_chat.conversations.create_branch(&test_chat.me.user, &test_chat.id, side).await.unwrap();
                test_chat.conversations.activate(&test_chat.me.user, &test_chat.id, "side").await.unwrap();
            }
            let name = test_chat.active().await;
            ask(&["u:q1", "a:a1", "u:q2"], "a2").await;
            let first = ["u:q1", "a:a1", "u:q2", "a:a2"];
            assert_eq!(test_chat.kept(None).await, texts(&first));

            ask(&["u:q1", "a:a1", "u:q2"], "a3").await;
            assert_eq!(test_chat.sent_texts(), texts(&["u:q1", "a:a1", "u:q2"]));
            assert_eq!(test_chat.kept(None).await, texts(&["u:q1", "a:a1", "u:q2", "a:a3"]));
            assert!(test_chat.others().await.contains(&texts(&first)));
            let second = ["u:q1", "a:a1", "u:q2", "a:a3", "u:q3", "a:a4"];
            ask(&second[..5], "a4").await;
            assert_eq!(test_chat.kept(None).await, texts(&second));

            ask(&["u:q1", "a:a1", "u:q2"], "a5").await;
            assert_eq!(test_chat.sent_texts(), texts(&["u:q1", "a:a1", "u:q2"]));
            assert_eq!(test_chat.kept(None).await, texts(&["u:q1", "a:a1", "u:q2", "a:a5"]));
            let others = test_chat.others().await;
            assert!(others.contains(&texts(&first)) && others.contains(&texts(&second)), "{others:?}");

            ask(&["u:q2"], "a6").await;
            assert_eq!(test_chat.kept(None).await, texts(&["u:q1", "a:a1", "u:q2", "a:a5", "u:q2", "a:a6"]));
            assert_eq!(test_chat.active().await, name, "the active branch keeps its name");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_cancelled_stream_each_message_is_stored_once() {
    with_every_store(async |store| {
        for posted in [false, true] {
            let test_chat = TestChat::new(store).await;
            let post = async |text: &str| {
                if posted {
                    test_chat.post_question(text).await;
                }
            };
            post("q1").await;
            let gate = Gate::new();
            test_chat.model.then(ScriptedReply::Gated(text_chunks("one two three"), gate.clone()));
            let request = test_chat.request(&messages(&["u:q1"]), true);
            let turn = test_chat
                .chat
                .turn(ModelCall::new(request, &test_chat.me), &TurnOptions::default())
                .await
                .unwrap();
            let mut chunks = turn.stream().await.unwrap();
            gate.pass(2);
            chunks.try_next().await.unwrap().unwrap();
            chunks.try_next().await.unwrap().unwrap();
            drop(chunks);
            post("q2").await;
            test_chat.ask(&messages(&["u:q1", "a:one", "u:q2"]), ScriptedReply::text("a2"), false).await;
            let expected = match posted {
                true => texts(&["u:q1", "u:q2", "a:a2"]),
                false => texts(&["u:q1", "a:one", "u:q2", "a:a2"]),
            };
            assert_eq!(test_chat.kept(None).await, expected);
            post("q3").await;
            test_chat
                .ask(&messages(&["u:q1", "a:one", "u:q2", "a:a2", "u:q3"]), ScriptedReply::text("a3"), false)
                .await;
            assert_eq!(test_chat.kept(None).await, [expected, texts(&["u:q3", "a:a3"])].concat());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_posted_while_it_is_answered_is_stored_once() {
    with_every_store(async |store| {
        for stream in [false, true] {
            let test_chat = TestChat::new(store).await;
            let mut shown: Vec<String> = Vec::new();
            for n in 0..3 {
                let question = format!("q{n}");
                shown.push(format!("u:{question}"));
                let request = messages(&shown.iter().map(String::as_str).collect::<Vec<_>>());
                let gate = Gate::new();
                let reply = ScriptedReply::Gated(text_chunks(&format!("a{n}")), gate.clone());
                let posted = async {
                    gate.reached(1).await;
                    test_chat.post_question(&question).await;
                    gate.open();
                };
                tokio::join!(test_chat.ask(&request, reply, stream), posted);
                shown.push(format!("a:a{n}"));
                let expected = texts(&shown.iter().map(String::as_str).collect::<Vec<_>>());
                assert_eq!(test_chat.kept(None).await, expected, "streamed: {stream}");
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_simultaneous_equal_requests_get_a_branch_each() {
    with_every_store(async |store| {
        let test_chat = TestChat::new(store).await;
        test_chat.ask(&messages(&["u:q1"]), ScriptedReply::text("a1"), false).await;
        let request = messages(&["u:q1", "a:a1", "u:q2"]);
        let gate = Gate::new();
        let other = async {
            gate.reached(1).await;
            test_chat.ask(&request, ScriptedReply::text("quick"), false).await;
            gate.open();
        };
        tokio::join!(
            test_chat.ask(&request, ScriptedReply::Gated(text_chunks("slow"), gate.clone()), true),
            other
        );
        assert_eq!(test_chat.kept(None).await, texts(&["u:q1", "a:a1", "u:q2", "a:slow"]));
        assert_eq!(test_chat.others().await, [texts(&["u:q1", "a:a1", "u:q2", "a:quick"])]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn regenerate_creates_a_branch_and_answers_if_requested() {
    with_every_store(async |store| {
        for body in ["{}", r#"{"model":"scripted"}"#, r#"{"stream":false}"#] {
            let test_chat = TestChat::new(store).await;
            test_chat.ask(&messages(&["u:q1"]), ScriptedReply::text("a1"), false).await;
            let (question, answer) = match &test_chat.items(None).await[..] {
                [question, answer] => (question.id.clone(), answer.id.clone()),
                other => panic!("{other:?}"),
            };
            let body = JsonObject::parse(body.into()).unwrap();
            let Regenerated::Branched(sent) =
                test_chat.chat.regenerate(&test_chat.me, &test_chat.id, &answer, &body).await.unwrap()
            else {
                panic!("the model was called")
            };
            assert_eq!(sent.get::<String>("user_item_id").unwrap(), Some(question));
            assert_eq!(test_chat.kept(None).await, texts(&["u:q1"]));
            for (request, answer) in [(vec!["u:q1"], "a2"), (vec!["u:q1", "a:a2", "u:q2"], "a3")] {
                test_chat.ask(&messages(&request), ScriptedReply::text(answer), false).await;
            }
            assert_eq!(test_chat.kept(None).await, texts(&["u:q1", "a:a2", "u:q2", "a:a3"]));
            assert_eq!(test_chat.others().await, [texts(&["u:q1", "a:a1"])]);

            let last = test_chat.items(None).await.pop().unwrap();
            let body = JsonObject::parse(r#"{"answer":true}"#.into()).unwrap();
            test_chat.model.then(ScriptedReply::text("a4"));
            let Regenerated::Answered(turn, _) =
                test_chat.chat.regenerate(&test_chat.me, &test_chat.id, &last.id, &body).await.unwrap()
            else {
                panic!("the model was not called")
            };
            turn.complete().await.unwrap();
            assert!(test_chat.model.requests().pop().unwrap().raw("answer").is_none());
            assert_eq!(test_chat.kept(None).await, texts(&["u:q1", "a:a2", "u:q2", "a:a4"]));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_replaces_the_active_branch_whichever_it_is() {
    with_every_store(async |store| {
        let test_chat = TestChat::new(store).await;
        test_chat.ask(&messages(&["u:q1"]), ScriptedReply::text("a1"), false).await;
        let side = NewBranch { name: "side".into(), ..NewBranch::default() };
        test_chat.conversations.create_branch(&test_chat.me.user, &test_chat.id, side).await.unwrap();
        test_chat.conversations.activate(&test_chat.me.user, &test_chat.id, "side").await.unwrap();
        test_chat.ask(&messages(&["u:q1", "a:a1", "u:q2"]), ScriptedReply::text("a2"), false).await;
        let question = test_chat.items(None).await.remove(2);
        let body = JsonObject::parse(r#"{"content":"q2, please"}"#.into()).unwrap();
        let edited = test_chat.chat.edit(&test_chat.me, &test_chat.id, &question.id, &body).await.unwrap();
        let jan_llm::chat::Edit::Saved(sent) = edited else { panic!("the model was called") };
        assert_eq!(sent.get::<String>("branch").unwrap().as_deref(), Some("side"));
        let backup: String = sent.get("old_main_backup").unwrap().unwrap();
        assert_eq!(test_chat.active().await, "side");
        assert_eq!(test_chat.kept(None).await, texts(&["u:q1", "a:a1", "u:q2, please"]));
        assert_eq!(test_chat.kept(Some(&backup)).await, texts(&["u:q1", "a:a1", "u:q2", "a:a2"]));
        assert_eq!(test_chat.kept(Some("MAIN")).await, texts(&["u:q1", "a:a1"]));
        test_chat.ask(&messages(&["u:q1", "a:a1", "u:q2, please"]), ScriptedReply::text("a3"), false).await;
        assert_eq!(test_chat.kept(None).await, texts(&["u:q1", "a:a1", "u:q2, please", "a:a3"]));
        assert_eq!(test_chat.active().await, "side");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_call_is_sent_with_its_result_and_all_its_members() {
    with_every_store(async |store| {
        let test_chat = TestChat::new(store).await;
        let signed = json!({"id": "c1", "type": "function", "extra_content": {"signature": "S"},
                            "function": {"name": "look", "arguments": "{}"}});
        let answer = json!({"role": "assistant", "content": null, "reasoning_content": "I should look.",
                            "tool_calls": [signed]});
        let result = |text: &str| json!({"role": "tool", "tool_call_id": "c1", "content": text});
        // Items from the store, with a message between the call and its result.
        test_chat.post(json!([
            {"type": "message", "role": "user", "content": "go"},
            {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "I should look."}]},
            {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}",
             "extra_content": {"signature": "S"}}]))
        .await;
        test_chat.ask(&json!([{"role": "user", "content": "wait"}]), ScriptedReply::text("waiting"), false).await;
        assert!(test_chat.sent().iter().all(|message| message.get("tool_calls").is_none()));
        test_chat.ask(&json!([result("a cat")]), ScriptedReply::text("late"), false).await;
        let sent = test_chat.sent();
        assert_eq!(sent[1]["tool_calls"], json!([signed]));
        assert_eq!((&sent[1]["reasoning_content"], &sent[2]), (&json!("I should look."), &result("a cat")));
        assert_eq!(test_chat.sent_texts()[3..], texts(&["u:wait", "a:waiting"]));
        test_chat.ask(&messages(&["u:next"]), ScriptedReply::text("ok"), false).await;
        assert_eq!(test_chat.sent()[..5], sent, "in every later turn too");

        // A call that the client sends back with more members than the stored one.
        let test_chat = TestChat::new(store).await;
        test_chat.post(json!([{"type": "message", "role": "user", "content": "go"},
                         {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"}]))
            .await;
        let whole = json!([{"role": "user", "content": "go"}, answer, result("a cat")]);
        test_chat.ask(&whole, ScriptedReply::text("done"), false).await;
        let sent = test_chat.sent();
        assert_eq!(sent.len(), 3);
        assert_eq!((&sent[1]["reasoning_content"], &sent[1]["tool_calls"]), (&json!("I should look."), &json!([signed])));
        assert_eq!(test_chat.items(None).await.len(), 4);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_history_limit_a_result_without_its_call_is_omitted() {
    with_every_store(async |store| {
        let test_chat = TestChat::new(store).await;
        test_chat
            .post(json!([{"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"}]))
            .await;
        let question = json!({"type": "message", "role": "user", "content": "hm"});
        for _ in 0..49 {
            test_chat.post(vec![question.clone(); 20].into()).await;
        }
        test_chat.post(vec![question.clone(); 19].into()).await;
        test_chat.post(json!([{"type": "function_call_output", "call_id": "c1", "output": "a cat"}])).await;
        test_chat.ask(&messages(&["u:now"]), ScriptedReply::text("ok"), false).await;
        let sent = test_chat.sent();
        assert_eq!(sent.len(), 1000);
        assert!(sent.iter().all(|message| message["role"] == "user"));
    })
    .await;
}
