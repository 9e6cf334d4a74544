//! A real model (SmolLM2-135M-Instruct) behind the API. `make test` downloads its file with `scripts/model`.

use std::path::{Path, PathBuf};

use futures_util::future::select;
use jan_cli::config::Config;
use jan_tests::{tool, until};
use serde_json::{Value, json};

use crate::app::{App, chat, events, streamed_text};

/// The path of the model file. Without it the test prints that it is skipped; in CI that is a failure.
pub(crate) fn model() -> Option<PathBuf> {
    tool("JAN_TEST_MODEL")
}

fn with_model(path: &Path) -> impl FnOnce(&mut Config) {
    let path = path.to_owned();
    move |config| {
        config.echo.enabled = false;
        config.local.model = Some(path);
        config.local.name = Some("smol".into());
        config.local.queue = Some(1);
    }
}

#[tokio::test]
async fn a_real_model_answers_streams_and_follows_schemas() {
    let Some(path) = model() else { return };
    let app = App::start(with_model(&path)).await;

    let models: Value = app.get("/v1/models").send().await.unwrap().json().await.unwrap();
    assert_eq!(models["data"][0]["id"], "smol");

    let mut question = chat("smol", false);
    question["messages"] = json!([
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": "What is the capital of France?"},
    ]);
    question["temperature"] = json!(0);
    question["max_tokens"] = json!(24);
    let answer: Value =
        app.post("/v1/chat/completions", &question).send().await.unwrap().json().await.unwrap();
    let whole = answer["choices"][0]["message"]["content"].as_str().unwrap_or_else(|| panic!("{answer}"));
    assert!(whole.contains("Paris"), "{whole}");
    assert!(answer["usage"]["completion_tokens"].as_u64().unwrap() > 1);

    question["stream"] = json!(true);
    question["stream_options"] = json!({"include_usage": true});
    let streamed = events(app.post("/v1/chat/completions", &question).send().await.unwrap()).await;
    assert_eq!(streamed_text(&streamed), whole, "streamed and whole answers are equal");
    let last: Value = serde_json::from_str(&streamed[streamed.len() - 2]).unwrap();
    assert_eq!(last["usage"], answer["usage"]);
    assert!(streamed.len() > 4);

    let schema = json!({"type": "object", "properties": {"city": {"type": "string", "maxLength": 16}}, "required": ["city"], "additionalProperties": false});
    let mut formed = chat("smol", false);
    formed["response_format"] =
        json!({"type": "json_schema", "json_schema": {"name": "city", "schema": schema}});
    let answer: Value = app.post("/v1/chat/completions", &formed).send().await.unwrap().json().await.unwrap();
    let content = answer["choices"][0]["message"]["content"].as_str().unwrap_or_else(|| panic!("{answer}"));
    assert!(serde_json::from_str::<Value>(content).unwrap()["city"].is_string(), "{content}");

    let mut called = chat("smol", false);
    called["tools"] = json!([{"type": "function", "function": {"name": "weather", "parameters": schema}}]);
    called["tool_choice"] = json!({"type": "function", "function": {"name": "weather"}});
    let answer: Value = app.post("/v1/chat/completions", &called).send().await.unwrap().json().await.unwrap();
    let call = &answer["choices"][0]["message"]["tool_calls"][0]["function"];
    assert_eq!(call["name"], "weather", "{answer}");
    assert!(serde_json::from_str::<Value>(call["arguments"].as_str().unwrap()).unwrap()["city"].is_string());
    assert_eq!(answer["choices"][0]["finish_reason"], "tool_calls");

    let mut long = chat("smol", true);
    long["messages"][0]["content"] = json!("word ".repeat(20_000));
    let reply = app.post("/v1/chat/completions", &long).send().await.unwrap();
    assert_eq!(reply.status(), 400);
    let error: Value = reply.json().await.unwrap();
    assert_eq!(
        (&error["error"]["code"], &error["error"]["param"]),
        (&json!("context_length_exceeded"), &json!("messages"))
    );
}

#[tokio::test]
async fn a_full_queue_is_429_and_a_disconnect_frees_a_place() {
    let Some(path) = model() else { return };
    let app = App::start(with_model(&path)).await;
    let mut long = chat("smol", true);
    long["messages"][0]["content"] = json!("Count from one to one thousand in words.");
    long["max_tokens"] = json!(4000);
    // The tokens that end the answer are never chosen.
    long["logit_bias"] = json!({"0": -100, "2": -100});
    // The first request is being answered. Of two more, the one that arrives first takes the only place in the queue,
    // and the other gets 429. Which one arrives first, and which reply arrives first, is random.
    let mut first = app.post("/v1/chat/completions", &long).send().await.unwrap();
    assert!(first.chunk().await.unwrap().is_some());
    let ask = || Box::pin(app.post("/v1/chat/completions", &long).send());
    let (first_reply, other) = select(ask(), ask()).await.factor_first();
    let first_reply = first_reply.unwrap();
    let refused = if first_reply.status() == 429 {
        // The other request waits in the queue; dropping it disconnects.
        drop(other);
        first_reply
    } else {
        // This one is in the queue: the head of a stream is sent when its first chunk takes long.
        assert_eq!(first_reply.status(), 200);
        other.await.unwrap()
    };
    assert_eq!(refused.status(), 429);
    assert!(refused.headers().contains_key("retry-after"));
    drop(first);
    let mut short = chat("smol", false);
    short["max_tokens"] = json!(4);
    // The server notices the disconnects in the background.
    let reply = until("a place in the queue", async || {
        let reply = app.post("/v1/chat/completions", &short).send().await.unwrap();
        (reply.status() != 429).then_some(reply)
    })
    .await;
    assert_eq!(reply.status(), 200, "the model is free again");
}
