//! Chats that are stored: in a conversation, on branches, as completions.

use futures_util::future::join_all;
use jan_tests::Upstream;
use serde_json::{Value, json};

use crate::app::{App, events, streamed_text};

fn ask(model: &str, conversation: &str, text: &str, stream: bool) -> Value {
    json!({"model": model, "conversation": conversation, "stream": stream,
           "messages": [{"role": "user", "content": text}]})
}

/// Role and text of a request's messages.
fn sent_messages(request: &Value) -> Vec<(String, String)> {
    let text = |message: &Value| {
        (
            message["role"].as_str().unwrap().to_owned(),
            message["content"].as_str().unwrap_or_default().to_owned(),
        )
    };
    request["messages"].as_array().unwrap().iter().map(text).collect()
}

#[tokio::test]
async fn the_history_is_sent_and_the_whole_turn_is_stored() {
    let upstream = Upstream::start().await;
    let app = App::with_upstream(&upstream).await;
    let id = app.conversation(json!([{"role": "system", "content": "Be brief."}])).await;
    let answer = app.ok("POST", "/v1/chat/completions", Some(ask("good", &id, "one", false))).await;
    assert_eq!((&answer["object"], &answer["conversation"]["id"]), (&json!("chat.completion"), &json!(id)));
    assert_eq!(answer["conversation"]["title"], "one");
    let answer_text = answer["choices"][0]["message"]["content"].as_str().unwrap().to_owned();

    let reply = app.post("/v1/chat/completions", &ask("good", &id, "two", true)).send().await.unwrap();
    assert_eq!(reply.headers()["x-conversation-id"], id.as_str());
    let events = events(reply).await;
    let first: Value = serde_json::from_str(&events[0]).unwrap();
    assert_eq!(first["conversation"], json!({"id": id, "title": "one"}));
    let streamed = streamed_text(&events);

    let requests = upstream.post_requests();
    assert!(requests[1].json().get("conversation").is_none(), "our own members are not sent");
    let expected = [("system", "Be brief."), ("user", "one"), ("assistant", &answer_text), ("user", "two")];
    assert_eq!(
        sent_messages(&requests[1].json()),
        expected.map(|(role, text)| (role.to_owned(), text.to_owned()))
    );
    let kept = app.messages_of(&id).await;
    assert_eq!(
        kept[1..],
        [("user", "one"), ("assistant", &*answer_text), ("user", "two"), ("assistant", &*streamed)]
            .map(|(role, text)| (role.to_owned(), text.to_owned()))
    );
    let last = app.ok("GET", &format!("/v1/conversations/{id}/items?limit=1"), None).await["data"][0].clone();
    assert!(last["usage"]["total_tokens"].as_u64().unwrap() > 0, "{last}");
    assert_eq!(last["model"], "good");
}

#[tokio::test]
async fn no_message_is_sent_or_stored_twice() {
    let upstream = Upstream::start().await;
    let app = App::with_upstream(&upstream).await;
    let id = app.conversation(json!([])).await;
    let first = app.ok("POST", "/v1/chat/completions", Some(ask("good", &id, "one", false))).await;
    let mut whole = ask("good", &id, "one", false);
    whole["messages"]
        .as_array_mut()
        .unwrap()
        .extend([first["choices"][0]["message"].clone(), json!({"role": "user", "content": "two"})]);
    app.ok("POST", "/v1/chat/completions", Some(whole)).await;
    assert_eq!(sent_messages(&upstream.post_requests()[1].json()).len(), 3);
    assert_eq!(app.messages_of(&id).await.len(), 4);
}

#[tokio::test]
async fn a_turn_that_fails_or_breaks_off_does_not_change_the_conversation() {
    let upstream = Upstream::start().await;
    let app = App::with_upstream(&upstream).await;
    let id = app.conversation(json!([{"role": "user", "content": "hi"}])).await;
    for (model, stream) in
        [("broken-json", false), ("cut-mid-event", true), ("no-done", true), ("error-event", true)]
    {
        let reply = app.post("/v1/chat/completions", &ask(model, &id, "more", stream)).send().await.unwrap();
        let text = reply.text().await.unwrap();
        assert!(text.contains("\"error\"") && !text.contains("[DONE]"), "{model}: {text}");
        assert_eq!(app.messages_of(&id).await.len(), 1, "{model}");
    }
    let mut quiet = ask("good", &id, "more", false);
    quiet["store"] = json!(false);
    app.ok("POST", "/v1/chat/completions", Some(quiet)).await;
    assert_eq!(app.messages_of(&id).await.len(), 1, "store: false");
    let list = app.ok("GET", "/v1/conversations", None).await;
    assert!(list["data"][0].get("title").is_none());
}

#[tokio::test]
async fn an_object_or_a_referrer_begins_a_conversation() {
    let app = App::start(|_| {}).await;
    let body = json!({"model": "echo", "conversation": {}, "messages": [{"role": "user", "content": "Hello *there*, see https://x.y !"}]});
    let answer = app.ok("POST", "/v1/chat/completions", Some(body)).await;
    let id = answer["conversation"]["id"].as_str().unwrap();
    let made = app.ok("GET", &format!("/v1/conversations/{id}"), None).await;
    assert_eq!(made["title"], answer["conversation"]["title"]);
    assert!(made["title"].as_str().unwrap().starts_with("Hello there"), "{made}");
    assert_eq!(app.messages_of(id).await.len(), 2);

    let body = json!({"model": "echo", "messages": [{"role": "user", "content": "Hi"}], "stream": true});
    let reply = app.post("/v1/chat/completions?referrer=web", &body).send().await.unwrap();
    let id = reply.headers()["x-conversation-id"].to_str().unwrap().to_owned();
    assert_eq!(streamed_text(&events(reply).await), "Hi");
    assert_eq!(app.ok("GET", &format!("/v1/conversations/{id}"), None).await["referrer"], "web");
    for (wrong, status) in [(json!(7), 400), (json!("nonsense"), 404)] {
        let body =
            json!({"model": "echo", "conversation": wrong, "messages": [{"role": "user", "content": "Hi"}]});
        let (got, error) = app.call("POST", "/v1/chat/completions", Some(body)).await;
        assert_eq!((got, &error["error"]["param"]), (status, &json!("conversation")));
    }
}

#[tokio::test]
async fn tool_calls_are_stored_updated_and_sent_again() {
    let upstream = Upstream::start().await;
    let app = App::with_upstream(&upstream).await;
    let id = app.conversation(json!([])).await;
    let mut body = ask("good", &id, "What is the weather?", false);
    body["tools"] = json!([{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {}}}}]);
    body["tool_choice"] = json!("required");
    let answer = app.ok("POST", "/v1/chat/completions", Some(body)).await;
    let call = answer["choices"][0]["message"]["tool_calls"][0].clone();
    let call_id = call["id"].as_str().unwrap();
    let path = format!("/v1/conversations/{id}/items/by-call-id/{call_id}");
    let kept = app.ok("GET", &path, None).await;
    assert_eq!(
        (&kept["type"], &kept["status"], &kept["name"]),
        (&json!("mcp_call"), &json!("in_progress"), &json!("get_weather"))
    );

    // The call has no result yet, so it is not sent to the model.
    app.ok("POST", "/v1/chat/completions", Some(ask("good", &id, "Hello?", false))).await;
    assert!(
        upstream.post_requests()[1].json()["messages"]
            .as_array()
            .unwrap()
            .iter()
            .all(|m| m.get("tool_calls").is_none())
    );
    app.ok("PATCH", &path, Some(json!({"status": "completed", "output": "sunny"}))).await;
    app.ok("POST", "/v1/chat/completions", Some(ask("good", &id, "And now?", false))).await;
    let messages = upstream.post_requests()[2].json()["messages"].clone();
    assert_eq!(messages[1]["tool_calls"][0]["id"], call_id);
    assert_eq!((&messages[2]["role"], &messages[2]["content"]), (&json!("tool"), &json!("sunny")));
}

#[tokio::test(flavor = "multi_thread")]
async fn simultaneous_turns_are_neither_mixed_nor_lost() {
    let app = App::start(|_| {}).await;
    let id = app.conversation(json!([])).await;
    let turn = |n: usize| {
        let (app, id) = (&app, &id);
        async move {
            app.ok("POST", "/v1/chat/completions", Some(ask("echo", id, &format!("say {n}"), false))).await
        }
    };
    join_all((0..20).map(turn)).await;
    let kept = app.messages_of(&id).await;
    assert_eq!(kept.len(), 40);
    let mut seen = Vec::new();
    for pair in kept.chunks(2) {
        assert_eq!((pair[0].0.as_str(), pair[1].0.as_str()), ("user", "assistant"));
        assert_eq!(pair[0].1, pair[1].1, "each answer follows its question");
        seen.push(pair[0].1.clone());
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 20);
}

#[tokio::test]
async fn regenerated_answers_and_edits_lose_nothing() {
    let upstream = Upstream::start().await;
    let app = App::with_upstream(&upstream).await;
    let id = app.conversation(json!([])).await;
    app.ok("POST", "/v1/chat/completions", Some(ask("good", &id, "one", false))).await;
    app.ok("POST", "/v1/chat/completions", Some(ask("good", &id, "two", false))).await;
    let path = format!("/v1/conversations/{id}");
    let items = app.ok("GET", &format!("{path}/items?order=asc"), None).await;
    let item = |i: usize| items["data"][i]["id"].as_str().unwrap().to_owned();

    let (status, _) = app
        .call(
            "POST",
            &format!("{path}/items/{}/regenerate", item(1)),
            Some(json!({"model": "broken-json", "answer": true})),
        )
        .await;
    assert_eq!((status, app.messages_of(&id).await.len()), (502, 4), "a model that fails changes nothing");

    let again = app
        .ok(
            "POST",
            &format!("{path}/items/{}/regenerate", item(1)),
            Some(json!({"answer": true, "temperature": 0.7, "max_tokens": 9})),
        )
        .await;
    let requests = upstream.post_requests().pop().unwrap().json();
    assert_eq!(
        (&requests["temperature"], &requests["max_tokens"], &requests["model"]),
        (&json!(0.7), &json!(9), &json!("good"))
    );
    assert_eq!(sent_messages(&requests), [("user".to_owned(), "one".to_owned())]);
    assert_eq!(
        (&again["branch"], &again["branch_created"], &again["user_item_id"]),
        (&json!("MAIN"), &json!(true), &json!(item(0)))
    );
    assert_eq!(again["completion"]["object"], "chat.completion");
    let backup = again["old_main_backup"].as_str().unwrap();
    assert_eq!(app.messages_of(&id).await.len(), 2);
    let old = app.ok("GET", &format!("{path}/items?order=asc&branch={backup}"), None).await;
    assert_eq!(old["data"].as_array().unwrap().len(), 4, "the old branch is complete");

    let edited =
        app.ok("POST", &format!("{path}/items/{}/edit", item(0)), Some(json!({"content": "uno"}))).await;
    assert_eq!(
        (&edited["user_item"]["content"][0]["text"], &edited["branch"]),
        (&json!("uno"), &json!("MAIN"))
    );
    assert_eq!(app.messages_of(&id).await, [("user".to_owned(), "uno".to_owned())]);
    let (status, error) =
        app.call("POST", &format!("{path}/items/{}/edit", item(1)), Some(json!({"content": "x"}))).await;
    assert_eq!((status, &error["error"]["param"]), (400, &json!("item_id")));

    let item = edited["user_item"]["id"].as_str().unwrap();
    let body = json!({"content": "eins", "regenerate": true, "model": "good", "stream": true});
    let reply = app.post(&format!("{path}/items/{item}/edit"), &body).send().await.unwrap();
    let events = events(reply).await;
    assert_eq!(events.last().unwrap(), "[DONE]");
    let kept = app.messages_of(&id).await;
    assert_eq!(
        kept,
        [("user".to_owned(), "eins".to_owned()), ("assistant".to_owned(), streamed_text(&events))]
    );
    assert_eq!(app.ok("GET", &format!("{path}/branches"), None).await["data"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn the_projects_instruction_is_sent_and_named_in_a_header() {
    let upstream = Upstream::start().await;
    let app = App::with_upstream(&upstream).await;
    let project = app
        .ok("POST", "/v1/projects", Some(json!({"name": "Garden", "instruction": "Speak of plants."})))
        .await;
    let id = app.ok("POST", "/v1/conversations", Some(json!({"project_id": project["data"]["id"]}))).await;
    let id = id["id"].as_str().unwrap();
    let reply = app.post("/v1/chat/completions", &ask("good", id, "Hi", false)).send().await.unwrap();
    assert_eq!(reply.headers()["x-applied-prompt-modules"], "project_instruction");
    reply.bytes().await.unwrap();
    let (role, text) = sent_messages(&upstream.post_requests()[0].json())[0].clone();
    assert!(role == "system" && text.contains("Speak of plants."), "{text}");
    assert_eq!(app.messages_of(id).await.len(), 2, "instructions are not stored as messages");
}

#[tokio::test]
async fn completions_are_stored_listed_changed_and_deleted_as_by_openai() {
    let app = App::start(|_| {}).await;
    let mut ids = Vec::new();
    for stream in [false, true] {
        let body = json!({"model": "echo", "store": true, "stream": stream, "metadata": {"n": stream.to_string()},
                          "messages": [{"role": "user", "content": "Hi"}]});
        let reply = app.post("/v1/chat/completions", &body).send().await.unwrap();
        let answer: Value = if stream {
            serde_json::from_str(&events(reply).await[0]).unwrap()
        } else {
            reply.json().await.unwrap()
        };
        ids.push(answer["id"].as_str().unwrap().to_owned());
    }
    let list = app.ok("GET", "/v1/chat/completions", None).await;
    let listed: Vec<_> = list["data"].as_array().unwrap().iter().map(|c| c["id"].as_str().unwrap()).collect();
    assert_eq!(listed, ids);
    let some = app.ok("GET", "/v1/chat/completions?metadata[n]=true&model=echo", None).await;
    assert_eq!(some["data"].as_array().unwrap().len(), 1);
    for id in ids {
        let path = format!("/v1/chat/completions/{id}");
        let kept = app.ok("GET", &path, None).await;
        assert_eq!(
            (&kept["object"], &kept["choices"][0]["message"]["content"]),
            (&json!("chat.completion"), &json!("Hi"))
        );
        let messages = app.ok("GET", &format!("{path}/messages"), None).await;
        assert_eq!(
            (&messages["data"][0]["content"], messages["data"][0]["id"].is_string()),
            (&json!("Hi"), true)
        );
        let changed = app.ok("POST", &path, Some(json!({"metadata": {"a": "b"}}))).await;
        assert_eq!(changed["metadata"], json!({"a": "b"}));
        assert_eq!(app.ok("DELETE", &path, None).await["deleted"], true);
        assert_eq!(app.call("GET", &path, None).await.0, 404);
    }
}
