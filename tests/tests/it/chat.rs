//! Chat completions, as callers of an OpenAI-compatible API use them.

use jan_tests::Upstream;
use serde_json::{Value, json};

use crate::app::{App, chat, events, streamed_text};

#[tokio::test]
async fn a_whole_answer_has_text_and_usage() {
    let app = App::start(|_| {}).await;
    for path in ["/v1/chat/completions", "/llm/v1/chat/completions"] {
        let reply = app.post(path, &chat("echo", false)).send().await.unwrap();
        assert_eq!(
            (reply.status().as_u16(), &reply.headers()["x-auth-method"]),
            (200, &"jwt".parse().unwrap())
        );
        let answer: Value = reply.json().await.unwrap();
        assert_eq!(answer["object"], "chat.completion");
        assert_eq!(answer["choices"][0]["message"]["content"], "Hello!");
        assert_eq!(answer["usage"]["total_tokens"], 2);
    }
}

#[tokio::test]
async fn a_stream_ends_with_done_and_has_usage_if_requested() {
    let app = App::start(|_| {}).await;
    let plain = events(app.ask("echo", true).await).await;
    assert_eq!((streamed_text(&plain).as_str(), plain.last().unwrap().as_str()), ("Hello!", "[DONE]"));
    assert!(plain.iter().all(|event| !event.contains("\"choices\":[]")), "{plain:?}");
    let mut body = chat("echo", true);
    body["stream_options"] = json!({"include_usage": true});
    let events = events(app.post("/v1/chat/completions", &body).send().await.unwrap()).await;
    let usage: Value = serde_json::from_str(&events[events.len() - 2]).unwrap();
    assert_eq!((usage["choices"].as_array().unwrap().len(), &usage["usage"]["total_tokens"]), (0, &json!(2)));
}

#[tokio::test]
async fn a_request_without_a_content_type_works() {
    let app = App::start(|_| {}).await;
    let body = chat("echo", true).to_string();
    let url = format!("{}/v1/chat/completions", app.url);
    let reply = app.client.post(url).bearer_auth(&app.token).body(body).send().await.unwrap();
    assert_eq!(streamed_text(&events(reply).await), "Hello!");
}

#[tokio::test]
async fn request_bytes_and_unknown_fields_pass_through_unchanged() {
    let upstream = Upstream::start().await;
    let app = App::with_upstream(&upstream).await;
    let mut body = chat("extra-fields", false);
    body["vendor_knob"] = json!({"deep": [1.5, null, {"x": "ü"}]});
    body["chat_template_kwargs"] = json!({"enable_thinking": false});
    let text = serde_json::to_string_pretty(&body).unwrap();
    let url = format!("{}/v1/chat/completions", app.url);
    let reply = app.client.post(url).bearer_auth(&app.token).body(text.clone()).send().await.unwrap();
    let answer: Value = reply.json().await.unwrap();

    let asked = upstream.post_requests().pop().unwrap();
    assert_eq!(asked.body, text, "an unchanged request is forwarded byte for byte");
    assert_eq!(asked.header("authorization"), "", "the caller's token is not sent to the upstream");
    assert!(answer["choices"][0]["message"]["reasoning_content"].is_string());
}

#[tokio::test]
async fn reasoning_and_unknown_fields_of_chunks_pass_through() {
    let upstream = Upstream::start().await;
    let app = App::with_upstream(&upstream).await;
    let text = events(app.ask("extra-fields", true).await).await.join("\n");
    assert!(text.contains("reasoning_content"), "{text}");
    let asked = upstream.post_requests().pop().unwrap().json();
    assert_eq!(
        asked["stream_options"]["include_usage"], true,
        "the server requests usage to count it, if the caller does not"
    );
}

#[tokio::test]
async fn the_caller_gets_the_requested_form_whichever_the_upstream_sends() {
    let upstream = Upstream::start().await;
    let app = App::with_upstream(&upstream).await;
    let streamed = events(app.ask("json-for-stream", true).await).await;
    assert_eq!(streamed.last().unwrap(), "[DONE]");
    let whole: Value = app.ask("stream-for-json", false).await.json().await.unwrap();
    assert_eq!(whole["object"], "chat.completion");
    assert_eq!(Value::from(streamed_text(&streamed)), whole["choices"][0]["message"]["content"]);
}

#[tokio::test]
async fn a_client_that_disconnects_stops_the_upstream() {
    let upstream = Upstream::start().await;
    let app = App::with_upstream(&upstream).await;
    // The upstream sends the first piece and then waits at the gate.
    upstream.gate().pass(1);
    let mut reply = app.ask("slow-chunks", true).await;
    assert!(reply.chunk().await.unwrap().is_some());
    drop(reply);
    upstream.wait_for(|counts| counts.streams_dropped == 1).await;

    // The same before the first byte.
    let waiting = app.post("/v1/chat/completions", &chat("slow-head", false)).send();
    let waiting = tokio::spawn(waiting);
    upstream.wait_for(|counts| counts.streams_started == 2).await;
    waiting.abort();
    upstream.wait_for(|counts| counts.streams_dropped == 2).await;
}

#[tokio::test]
async fn without_a_provider_the_error_says_how_to_get_one() {
    let app = App::start(|config| config.echo.enabled = false).await;
    let models: Value = app.get("/v1/models").send().await.unwrap().json().await.unwrap();
    assert_eq!(models["data"], json!([]));
    let reply = app.ask("any", true).await;
    assert_eq!(reply.status(), 503);
    let error: Value = reply.json().await.unwrap();
    assert_eq!(error["error"]["code"], "no_model");
    assert!(error["error"]["message"].as_str().unwrap().contains("make run"));
}
