//! The real model (SmolLM2-135M-Instruct) behind the API. The file is fetched by `scripts/model`; `make test` does that.

use std::path::{Path, PathBuf};

use futures_util::future::select;
use jan_cli::config::Config;
use jan_tests::{tool, until};
use serde_json::{Value, json};

use crate::app::{App, chat, events, said};

/// The path of the model. Without one the test is skipped, loudly; in CI that is a failure.
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
async fn a_real_model_answers_streams_and_keeps_to_forms() {
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
    assert_eq!(said(&streamed), whole, "streamed and whole answers say the same");
    let last: Value = serde_json::from_str(&streamed[streamed.len() - 2]).unwrap();
    assert_eq!(last["usage"], answer["usage"]);
    assert!(streamed.len() > 4);

    let form = json!({"type": "object", "properties": {"city": {"type": "string", "maxLength": 16}}, "required": ["city"], "additionalProperties": false});
    let mut formed = chat("smol", false);
    formed["response_format"] =
        json!({"type": "json_schema", "json_schema": {"name": "city", "schema": form}});
    let answer: Value = app.post("/v1/chat/completions", &formed).send().await.unwrap().json().await.unwrap();
    let content = answer["choices"][0]["message"]["content"].as_str().unwrap_or_else(|| panic!("{answer}"));
    assert!(serde_json::from_str::<Value>(content).unwrap()["city"].is_string(), "{content}");

    let mut called = chat("smol", false);
    called["tools"] = json!([{"type": "function", "function": {"name": "weather", "parameters": form}}]);
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
async fn a_full_queue_is_429_and_who_leaves_makes_room() {
    let Some(path) = model() else { return };
    let app = App::start(with_model(&path)).await;
    let mut long = chat("smol", true);
    long["messages"][0]["content"] = json!("Count from one to one thousand in words.");
    long["max_tokens"] = json!(4000);
    // Never a token that ends the answer.
    long["logit_bias"] = json!({"0": -100, "2": -100});
    // The first is answered. Of two more, whichever comes first takes the one place in the queue, and the other finds it
    // full; which of the two it is, and which of them is heard first, is left to chance.
    let mut first = app.post("/v1/chat/completions", &long).send().await.unwrap();
    assert!(first.chunk().await.unwrap().is_some());
    let ask = || Box::pin(app.post("/v1/chat/completions", &long).send());
    let (heard, other) = select(ask(), ask()).await.factor_first();
    let heard = heard.unwrap();
    let refused = if heard.status() == 429 {
        // The other one waits, and leaves without an answer.
        drop(other);
        heard
    } else {
        // Its place shows itself: a stream is begun when its first chunk takes long.
        assert_eq!(heard.status(), 200);
        other.await.unwrap()
    };
    assert_eq!(refused.status(), 429);
    assert!(refused.headers().contains_key("retry-after"));
    drop(first);
    let mut short = chat("smol", false);
    short["max_tokens"] = json!(4);
    // The server sees behind the client's back that they have left.
    let reply = until("a place in the queue", async || {
        let reply = app.post("/v1/chat/completions", &short).send().await.unwrap();
        (reply.status() != 429).then_some(reply)
    })
    .await;
    assert_eq!(reply.status(), 200, "the model is free again");
}
