//! `POST /v1/completions`: a prompt is continued by an upstream, by echo, by the local model.

use jan_tests::Upstream;
use jan_tests::upstream::bodies::TEXT;
use jan_tests::upstream::{Reply, Step};
use serde_json::{Value, json};

use crate::app::{App, events};
use crate::local_model::model;

const PATH: &str = "/v1/completions";

fn text(events: &[String]) -> String {
    let chunks = events.iter().filter_map(|event| serde_json::from_str::<Value>(event).ok());
    chunks.filter_map(|chunk| chunk["choices"][0]["text"].as_str().map(str::to_owned)).collect()
}

#[tokio::test]
async fn an_upstream_gets_the_request_unchanged_and_its_tokens_are_counted() {
    let upstream = Upstream::start().await;
    let app = App::with_upstream(&upstream).await;
    let body = json!({"model": "good", "prompt": ["def f(", "x"], "suffix": ")", "max_tokens": 8, "logprobs": 2, "top_k": 3});
    let whole = app.ok("POST", PATH, Some(body.clone())).await;
    assert_eq!((&whole["object"], &whole["choices"][0]["text"]), (&json!("text_completion"), &json!(TEXT)));
    assert_eq!(upstream.post_requests()[0].json(), body);
    assert_eq!(upstream.post_requests()[0].path, "/v1/completions");

    let stream = json!({"model": "good", "prompt": "a", "stream": true});
    for path in [PATH, "/llm/v1/completions"] {
        let events = events(app.post(path, &stream).send().await.unwrap()).await;
        assert_eq!((text(&events).as_str(), events.last().unwrap().as_str()), (TEXT, "[DONE]"));
        assert!(events.iter().all(|event| !event.contains("\"choices\":[]")), "{events:?}");
    }
    let mut with_usage = stream.clone();
    with_usage["stream_options"] = json!({"include_usage": true});
    let asked = events(app.post(PATH, &with_usage).send().await.unwrap()).await;
    assert!(asked[asked.len() - 2].contains("\"choices\":[]"), "{asked:?}");
    let report = app.ok("GET", "/v1/usage/me", None).await;
    assert_eq!((&report["data"]["requests"], &report["data"]["total_tokens"]), (&json!(4), &json!(64)));
}

#[tokio::test]
async fn faulty_answers_are_502_and_bad_requests_name_the_field() {
    let upstream = Upstream::start().await;
    let app = App::with_upstream(&upstream).await;
    let ask = |stream: bool| json!({"model": "good", "prompt": "a", "stream": stream});
    let half = Step::event(json!({"choices": [{"text": "a", "index": 0, "finish_reason": null}]}));
    for reply in [
        Reply::json(200, &json!({"error": "gone"})),
        Reply::json(200, &json!({"choices": []})),
        Reply::json(200, &json!({"choices": [{"text": "a", "finish_reason": null}]})),
        Reply::stream(vec![half, Step::event("[DONE]")]),
        Reply::stream(vec![Step::event("[DONE]")]),
    ] {
        upstream.script([reply.clone(), reply]);
        assert_eq!(app.call("POST", PATH, Some(ask(false))).await.0, 502);
        let text = app.post(PATH, &ask(true)).send().await.unwrap().text().await.unwrap();
        assert!(text.contains("\"error\"") && !text.contains("[DONE]"), "{text}");
    }
    for (body, param) in [
        (json!({"prompt": "a"}), "model"),
        (json!({"model": "good"}), "prompt"),
        (json!({"model": "good", "prompt": {}}), "prompt"),
        (json!({"model": "good", "prompt": "a", "n": 0}), "n"),
    ] {
        let (status, error) = app.call("POST", PATH, Some(body)).await;
        assert_eq!((status, &error["error"]["param"]), (400, &json!(param)));
    }
    assert_eq!(app.call_as("nobody", "POST", PATH, Some(ask(false))).await.0, 401);
    let none = App::start(|config| config.echo.enabled = false).await;
    let (status, error) = none.call("POST", PATH, Some(ask(false))).await;
    assert_eq!((status, &error["error"]["code"]), (503, &json!("no_model")));
}

#[tokio::test]
async fn echo_repeats_the_prompt_and_a_repeated_request_is_replayed() {
    let app = App::start(|_| {}).await;
    let body = json!({"model": "echo", "prompt": "one two", "stream": true});
    let send = || app.post(PATH, &body).header("idempotency-key", "once").send();
    let first = events(send().await.unwrap()).await;
    assert_eq!((text(&first).as_str(), first.last().unwrap().as_str()), ("one two", "[DONE]"));
    let again = send().await.unwrap();
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    assert_eq!(events(again).await, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_local_model_continues_text_and_tokens() {
    let Some(path) = model() else { return };
    let app = App::start(|config| {
        config.echo.enabled = false;
        config.local.model = Some(path);
        config.local.name = Some("small".into());
    })
    .await;
    let ask = |prompt: Value, more: Value| {
        let mut body = json!({"model": "small", "prompt": prompt, "max_tokens": 4, "temperature": 0});
        body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        body
    };
    let complete = async |body: Value| {
        let whole = app.ok("POST", PATH, Some(body)).await;
        let texts = whole["choices"].as_array().unwrap().iter();
        (texts.map(|c| c["text"].as_str().unwrap().to_owned()).collect::<Vec<_>>(), whole["usage"].clone())
    };
    let prompt = "The capital of France is";
    let (plain, used) = complete(ask(json!(prompt), json!({}))).await;
    assert!(!plain[0].is_empty(), "{plain:?}");
    assert!(
        used["completion_tokens"].as_u64().unwrap() <= 4 && used["prompt_tokens"].as_u64().unwrap() < 12,
        "{used}"
    );
    let (both, twice) = complete(ask(json!([prompt, prompt]), json!({"echo": true}))).await;
    assert_eq!(both, vec![format!("{prompt}{}", plain[0]); 2]);
    assert_eq!(twice["total_tokens"].as_u64(), used["total_tokens"].as_u64().map(|tokens| tokens * 2));
    let streamed =
        events(app.post(PATH, &ask(json!(prompt), json!({"stream": true}))).send().await.unwrap()).await;
    assert_eq!((text(&streamed), streamed.last().unwrap().as_str()), (plain[0].clone(), "[DONE]"));
    assert_eq!(complete(ask(json!([1000, 2000, 3000]), json!({}))).await.1["prompt_tokens"], 3);
    for (more, param) in
        [(json!({"n": 2}), "n"), (json!({"suffix": "x"}), "suffix"), (json!({"logprobs": 1}), "logprobs")]
    {
        let (status, error) = app.call("POST", PATH, Some(ask(json!(prompt), more))).await;
        assert_eq!((status, &error["error"]["param"]), (400, &json!(param)));
    }
}
