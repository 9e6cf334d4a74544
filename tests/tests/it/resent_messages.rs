//! Clients that send a talk again: whole, in part, changed a little, at the same time as its last message as an item. Each
//! message is kept once and told once, in the order that models take, in memory, in SQLite and in Postgres alike.

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
struct Talk {
    chat: Chat,
    model: ScriptedModel,
    conversations: Conversations,
    me: Principal,
    id: String,
}

type Said = Vec<(String, String)>;

/// A talk in short: `u:…` is a question, `a:…` an answer.
fn said(short: &[&str]) -> Said {
    let message = |short: &&str| {
        let (role, text) = short.split_once(':').unwrap();
        (if role == "u" { "user" } else { "assistant" }.to_owned(), text.to_owned())
    };
    short.iter().map(message).collect()
}

fn messages(short: &[&str]) -> Value {
    said(short).into_iter().map(|(role, content)| json!({"role": role, "content": content})).collect()
}

impl Talk {
    async fn on(store: &Store) -> Self {
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

    /// Sends `messages` and has them answered by `turn`.
    async fn ask(&self, messages: &Value, reply: ScriptedReply, stream: bool) {
        self.model.then(turn);
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

    /// What a branch says: role and trimmed text.
    async fn kept(&self, branch: Option<&str>) -> Said {
        let words = |item: &Item| {
            let body: Value = item.body.to().unwrap();
            let text = body["content"][0]["text"].as_str().unwrap_or_default().trim();
            (body["role"].as_str().unwrap_or_default().to_owned(), text.to_owned())
        };
        self.items(branch).await.iter().map(words).collect()
    }

    /// What the branches that are not active say.
    async fn others(&self) -> Vec<Said> {
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
    fn told(&self) -> Vec<Value> {
        let request = self.model.requests().pop().unwrap();
        request.get::<Vec<Value>>("messages").unwrap().unwrap()
    }

    fn told_words(&self) -> Said {
        let words = |message: &Value| {
            let text = message["content"].as_str().unwrap_or_default().trim().to_owned();
            (message["role"].as_str().unwrap().to_owned(), text)
        };
        self.told().iter().map(words).collect()
    }
}

/// Runs a test on memory, on SQLite, and on Postgres where its programs are.
async fn on_every_store(test: impl AsyncFn(&Store)) {
    let on = async |database: Database| test(&Store::on(&database).await.unwrap()).await;
    on(Database::memory()).await;
    let folder = tempfile::tempdir().unwrap();
    on(Database::sqlite(folder.path().join("jan.db")).await.unwrap()).await;
    let Some(postgres) = PrivatePostgres::start_with(&[("fsync", "off")]).await else { return };
    on(Database::open(&postgres.database().await).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_talk_sent_again_adds_one_turn_however_it_is_written() {
    on_every_store(async |store| {
        for posted in [false, true] {
            for stream in [false, true] {
                let talk = Talk::on(store).await;
                let (mut shown, mut kept) = (Vec::new(), Vec::new());
                for n in 0..4 {
                    let (question, answer) =
                        (format!(" Question {n}?\n"), format!("<think>\nhm {n}</think>\n\nAnswer {n}. "));
                    if posted {
                        talk.post_question(&question).await;
                    }
                    // What was said before is sent trimmed, without thinking, and as parts every other time.
                    let mut request: Vec<Value> = shown.clone();
                    request.push(json!({"role": "user", "content": question}));
                    talk.ask(&request.into(), ScriptedReply::text(&answer), stream).await;
                    let part = |text: String| match n % 2 {
                        0 => json!(text),
                        _ => json!([{"type": "text", "text": text}]),
                    };
                    shown.push(json!({"role": "user", "content": part(format!("Question {n}?"))}));
                    shown.push(json!({"role": "assistant", "content": part(format!("Answer {n}."))}));
                    assert_eq!(talk.told().len(), 2 * n + 1, "each message is told once");
                    kept.push(talk.items(None).await.len());
                }
                assert_eq!(kept, [2, 4, 6, 8], "posted: {posted}, streamed: {stream}");
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_beginning_of_the_talk_is_its_last_question_asked_again() {
    on_every_store(async |store| {
        for (stream, elsewhere) in [(false, false), (true, false), (false, true)] {
            let talk = Talk::on(store).await;
            let ask = async |short: &[&str], answer: &str| {
                talk.ask(&messages(short), ScriptedReply::text(answer), stream).await;
            };
            ask(&["u:q1"], "a1").await;
            if elsewhere {
                let side = NewBranch { name: "side".into(), ..NewBranch::default() };
                talk.conversations.create_branch(&talk.me.user, &talk.id, side).await.unwrap();
                talk.conversations.activate(&talk.me.user, &talk.id, "side").await.unwrap();
            }
            let name = talk.active().await;
            ask(&["u:q1", "a:a1", "u:q2"], "a2").await;
            let first = ["u:q1", "a:a1", "u:q2", "a:a2"];
            assert_eq!(talk.kept(None).await, said(&first));

            ask(&["u:q1", "a:a1", "u:q2"], "a3").await;
            assert_eq!(talk.told_words(), said(&["u:q1", "a:a1", "u:q2"]));
            assert_eq!(talk.kept(None).await, said(&["u:q1", "a:a1", "u:q2", "a:a3"]));
            assert!(talk.others().await.contains(&said(&first)));
            let second = ["u:q1", "a:a1", "u:q2", "a:a3", "u:q3", "a:a4"];
            ask(&second[..5], "a4").await;
            assert_eq!(talk.kept(None).await, said(&second));

            ask(&["u:q1", "a:a1", "u:q2"], "a5").await;
            assert_eq!(talk.told_words(), said(&["u:q1", "a:a1", "u:q2"]));
            assert_eq!(talk.kept(None).await, said(&["u:q1", "a:a1", "u:q2", "a:a5"]));
            let others = talk.others().await;
            assert!(others.contains(&said(&first)) && others.contains(&said(&second)), "{others:?}");

            ask(&["u:q2"], "a6").await;
            assert_eq!(talk.kept(None).await, said(&["u:q1", "a:a1", "u:q2", "a:a5", "u:q2", "a:a6"]));
            assert_eq!(talk.active().await, name, "the active branch keeps its name");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_stop_each_message_is_kept_once() {
    on_every_store(async |store| {
        for posted in [false, true] {
            let talk = Talk::on(store).await;
            let post = async |text: &str| {
                if posted {
                    talk.post_question(text).await;
                }
            };
            post("q1").await;
            let gate = Gate::new();
            talk.model.then(ScriptedReply::Gated(text_chunks("one two three"), gate.clone()));
            let request = talk.request(&messages(&["u:q1"]), true);
            let turn =
                talk.chat.turn(ModelCall::new(request, &talk.me), &TurnOptions::default()).await.unwrap();
            let mut chunks = turn.stream().await.unwrap();
            gate.pass(2);
            chunks.try_next().await.unwrap().unwrap();
            chunks.try_next().await.unwrap().unwrap();
            drop(chunks);
            post("q2").await;
            talk.ask(&messages(&["u:q1", "a:one", "u:q2"]), ScriptedReply::text("a2"), false).await;
            let right = match posted {
                true => said(&["u:q1", "u:q2", "a:a2"]),
                false => said(&["u:q1", "a:one", "u:q2", "a:a2"]),
            };
            assert_eq!(talk.kept(None).await, right);
            post("q3").await;
            talk.ask(&messages(&["u:q1", "a:one", "u:q2", "a:a2", "u:q3"]), ScriptedReply::text("a3"), false)
                .await;
            assert_eq!(talk.kept(None).await, [right, said(&["u:q3", "a:a3"])].concat());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_posted_while_it_is_answered_is_kept_once() {
    on_every_store(async |store| {
        for stream in [false, true] {
            let talk = Talk::on(store).await;
            let mut shown: Vec<String> = Vec::new();
            for n in 0..3 {
                let question = format!("q{n}");
                shown.push(format!("u:{question}"));
                let request = messages(&shown.iter().map(String::as_str).collect::<Vec<_>>());
                let gate = Gate::new();
                let turn = ScriptedReply::Gated(text_chunks(&format!("a{n}")), gate.clone());
                let posted = async {
                    gate.reached(1).await;
                    talk.post_question(&question).await;
                    gate.open();
                };
                tokio::join!(talk.ask(&request, turn, stream), posted);
                shown.push(format!("a:a{n}"));
                let right = said(&shown.iter().map(String::as_str).collect::<Vec<_>>());
                assert_eq!(talk.kept(None).await, right, "streamed: {stream}");
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_ask_the_same_at_once_get_a_branch_each() {
    on_every_store(async |store| {
        let talk = Talk::on(store).await;
        talk.ask(&messages(&["u:q1"]), ScriptedReply::text("a1"), false).await;
        let request = messages(&["u:q1", "a:a1", "u:q2"]);
        let gate = Gate::new();
        let other = async {
            gate.reached(1).await;
            talk.ask(&request, ScriptedReply::text("quick"), false).await;
            gate.open();
        };
        tokio::join!(
            talk.ask(&request, ScriptedReply::Gated(text_chunks("slow"), gate.clone()), true),
            other
        );
        assert_eq!(talk.kept(None).await, said(&["u:q1", "a:a1", "u:q2", "a:slow"]));
        assert_eq!(talk.others().await, [said(&["u:q1", "a:a1", "u:q2", "a:quick"])]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn regenerate_makes_a_branch_and_answers_when_asked() {
    on_every_store(async |store| {
        for body in ["{}", r#"{"model":"scripted"}"#, r#"{"stream":false}"#] {
            let talk = Talk::on(store).await;
            talk.ask(&messages(&["u:q1"]), ScriptedReply::text("a1"), false).await;
            let (question, answer) = match &talk.items(None).await[..] {
                [question, answer] => (question.id.clone(), answer.id.clone()),
                other => panic!("{other:?}"),
            };
            let body = JsonObject::parse(body.into()).unwrap();
            let Regenerated::Branched(told) =
                talk.chat.regenerate(&talk.me, &talk.id, &answer, &body).await.unwrap()
            else {
                panic!("a model is asked")
            };
            assert_eq!(told.get::<String>("user_item_id").unwrap(), Some(question));
            assert_eq!(talk.kept(None).await, said(&["u:q1"]));
            for (request, answer) in [(vec!["u:q1"], "a2"), (vec!["u:q1", "a:a2", "u:q2"], "a3")] {
                talk.ask(&messages(&request), ScriptedReply::text(answer), false).await;
            }
            assert_eq!(talk.kept(None).await, said(&["u:q1", "a:a2", "u:q2", "a:a3"]));
            assert_eq!(talk.others().await, [said(&["u:q1", "a:a1"])]);

            let last = talk.items(None).await.pop().unwrap();
            let body = JsonObject::parse(r#"{"answer":true}"#.into()).unwrap();
            talk.model.then(ScriptedReply::text("a4"));
            let Regenerated::Answered(turn, _) =
                talk.chat.regenerate(&talk.me, &talk.id, &last.id, &body).await.unwrap()
            else {
                panic!("no model is asked")
            };
            turn.complete().await.unwrap();
            assert!(talk.model.requests().pop().unwrap().raw("answer").is_none());
            assert_eq!(talk.kept(None).await, said(&["u:q1", "a:a2", "u:q2", "a:a4"]));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_takes_the_place_of_whatever_branch_is_active() {
    on_every_store(async |store| {
        let talk = Talk::on(store).await;
        talk.ask(&messages(&["u:q1"]), ScriptedReply::text("a1"), false).await;
        let side = NewBranch { name: "side".into(), ..NewBranch::default() };
        talk.conversations.create_branch(&talk.me.user, &talk.id, side).await.unwrap();
        talk.conversations.activate(&talk.me.user, &talk.id, "side").await.unwrap();
        talk.ask(&messages(&["u:q1", "a:a1", "u:q2"]), ScriptedReply::text("a2"), false).await;
        let question = talk.items(None).await.remove(2);
        let body = JsonObject::parse(r#"{"content":"q2, please"}"#.into()).unwrap();
        let edited = talk.chat.edit(&talk.me, &talk.id, &question.id, &body).await.unwrap();
        let jan_llm::chat::Edit::Saved(told) = edited else { panic!("a model is asked") };
        assert_eq!(told.get::<String>("branch").unwrap().as_deref(), Some("side"));
        let backup: String = told.get("old_main_backup").unwrap().unwrap();
        assert_eq!(talk.active().await, "side");
        assert_eq!(talk.kept(None).await, said(&["u:q1", "a:a1", "u:q2, please"]));
        assert_eq!(talk.kept(Some(&backup)).await, said(&["u:q1", "a:a1", "u:q2", "a:a2"]));
        assert_eq!(talk.kept(Some("MAIN")).await, said(&["u:q1", "a:a1"]));
        talk.ask(&messages(&["u:q1", "a:a1", "u:q2, please"]), ScriptedReply::text("a3"), false).await;
        assert_eq!(talk.kept(None).await, said(&["u:q1", "a:a1", "u:q2, please", "a:a3"]));
        assert_eq!(talk.active().await, "side");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_told_with_its_result_and_all_that_belongs_to_it() {
    on_every_store(async |store| {
        let talk = Talk::on(store).await;
        let signed = json!({"id": "c1", "type": "function", "extra_content": {"signature": "S"},
                            "function": {"name": "look", "arguments": "{}"}});
        let answer = json!({"role": "assistant", "content": null, "reasoning_content": "I should look.",
                            "tool_calls": [signed]});
        let result = |text: &str| json!({"role": "tool", "tool_call_id": "c1", "content": text});
        // From the store, with a message between the call and its result.
        talk.post(json!([
            {"type": "message", "role": "user", "content": "go"},
            {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "I should look."}]},
            {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}",
             "extra_content": {"signature": "S"}}]))
        .await;
        talk.ask(&json!([{"role": "user", "content": "wait"}]), ScriptedReply::text("waiting"), false).await;
        assert!(talk.told().iter().all(|message| message.get("tool_calls").is_none()));
        talk.ask(&json!([result("a cat")]), ScriptedReply::text("late"), false).await;
        let told = talk.told();
        assert_eq!(told[1]["tool_calls"], json!([signed]));
        assert_eq!((&told[1]["reasoning_content"], &told[2]), (&json!("I should look."), &result("a cat")));
        assert_eq!(talk.told_words()[3..], said(&["u:wait", "a:waiting"]));
        talk.ask(&messages(&["u:next"]), ScriptedReply::text("ok"), false).await;
        assert_eq!(talk.told()[..5], told, "in every later turn too");

        // From a client that sends it back, in a talk that was kept without.
        let talk = Talk::on(store).await;
        talk.post(json!([{"type": "message", "role": "user", "content": "go"},
                         {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"}]))
            .await;
        let whole = json!([{"role": "user", "content": "go"}, answer, result("a cat")]);
        talk.ask(&whole, ScriptedReply::text("done"), false).await;
        let told = talk.told();
        assert_eq!(told.len(), 3);
        assert_eq!((&told[1]["reasoning_content"], &told[1]["tool_calls"]), (&json!("I should look."), &json!([signed])));
        assert_eq!(talk.items(None).await.len(), 4);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_edge_of_what_is_read_no_result_stands_without_its_call() {
    on_every_store(async |store| {
        let talk = Talk::on(store).await;
        talk.post(json!([{"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"}]))
            .await;
        let question = json!({"type": "message", "role": "user", "content": "hm"});
        for _ in 0..49 {
            talk.post(vec![question.clone(); 20].into()).await;
        }
        talk.post(vec![question.clone(); 19].into()).await;
        talk.post(json!([{"type": "function_call_output", "call_id": "c1", "output": "a cat"}])).await;
        talk.ask(&messages(&["u:now"]), ScriptedReply::text("ok"), false).await;
        let told = talk.told();
        assert_eq!(told.len(), 1000);
        assert!(told.iter().all(|message| message["role"] == "user"));
    })
    .await;
}
