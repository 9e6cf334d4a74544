//! `Idempotency-Key`: a request that creates something can be repeated without creating it twice.

use jan_tests::{Upstream, until};
use reqwest::Response;
use serde_json::{Value, json};

use crate::app::{App, chat, provider};

const CHAT: &str = "/v1/chat/completions";

impl App {
    async fn post_with_key(&self, key: &str, path: &str, body: &Value) -> Response {
        self.post(path, body).header("Idempotency-Key", key).send().await.unwrap()
    }
}

fn is_replayed(response: &Response) -> bool {
    response.headers().get("idempotent-replayed").is_some_and(|value| value == "true")
}

async fn conflict(response: Response) -> String {
    assert_eq!(response.status(), 409);
    let error: Value = response.json().await.unwrap();
    assert_eq!(error["error"]["param"], "Idempotency-Key");
    error["error"]["code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_repeated_chat_is_replayed_without_asking_the_model() {
    let upstream = Upstream::start().await;
    let app = App::with_upstream(&upstream).await;
    for stream in [false, true] {
        let (key, body) = (format!("key-{stream}"), chat("good", stream));
        let first = app.post_with_key(&key, CHAT, &body).await;
        assert_eq!((first.status().as_u16(), is_replayed(&first)), (200, false));
        let kind = first.headers()["content-type"].clone();
        let first = first.bytes().await.unwrap();
        let sent = upstream.post_requests().len();
        // The same route, under the prefix of its service as well.
        for path in [CHAT, "/llm/v1/chat/completions"] {
            let again = app.post_with_key(&key, path, &body).await;
            assert_eq!((again.status().as_u16(), is_replayed(&again)), (200, true));
            assert_eq!(again.headers()["content-type"], kind);
            assert_eq!(again.bytes().await.unwrap(), first);
        }
        assert_eq!(upstream.post_requests().len(), sent);
        assert_eq!(stream, first.ends_with(b"data: [DONE]\n\n"));
    }
    // Without a key, or with another key, it is a new chat.
    let sent = upstream.post_requests().len();
    assert!(!is_replayed(&app.post(CHAT, &chat("good", false)).send().await.unwrap()));
    assert!(!is_replayed(&app.post_with_key("key-new", CHAT, &chat("good", false)).await));
    assert_eq!(upstream.post_requests().len(), sent + 2);
}

#[tokio::test]
async fn nothing_is_created_twice() {
    let app = App::start(|_| {}).await;
    let made = app.post_with_key("k", "/v1/conversations", &json!({"title": "Rivers"})).await;
    let made: Value = made.json().await.unwrap();
    let again = app.post_with_key("k", "/v1/conversations", &json!({"title": "Rivers"})).await;
    assert!(is_replayed(&again));
    assert_eq!(again.json::<Value>().await.unwrap(), made);
    let all: Value = app.get("/v1/conversations").send().await.unwrap().json().await.unwrap();
    assert_eq!(all["data"].as_array().unwrap().len(), 1);

    let items = format!("/v1/conversations/{}/items", made["id"].as_str().unwrap());
    let item = json!({"items": [{"type": "message", "role": "user", "content": "Hello!"}]});
    let first: Value = app.post_with_key("i", &items, &item).await.json().await.unwrap();
    assert_eq!(app.post_with_key("i", &items, &item).await.json::<Value>().await.unwrap(), first);
    let kept: Value = app.get(&items).send().await.unwrap().json().await.unwrap();
    assert_eq!(kept["data"].as_array().unwrap().len(), 1);

    let project = app.post_with_key("p", "/v1/projects", &json!({"name": "Maps"})).await;
    assert_eq!(project.status(), 201);
    let again = app.post_with_key("p", "/v1/projects", &json!({"name": "Maps"})).await;
    assert_eq!((again.status().as_u16(), is_replayed(&again)), (201, true));
}

#[tokio::test]
async fn a_key_is_valid_for_one_request_of_one_caller() {
    let app = App::start(|_| {}).await;
    assert_eq!(app.post_with_key("k", CHAT, &chat("echo", false)).await.status(), 200);
    let other_body = app.post_with_key("k", CHAT, &chat("echo", true)).await;
    assert_eq!(conflict(other_body).await, "idempotency_conflict");
    let other_route = app.post_with_key("k", "/v1/conversations", &chat("echo", false)).await;
    assert_eq!(conflict(other_route).await, "idempotency_conflict");

    // The same key of another caller is independent.
    let login = app.client.post(format!("{}/llm/auth/guest-login", app.url)).send().await.unwrap();
    let login: Value = login.json().await.unwrap();
    let theirs = app.client.post(format!("{}{CHAT}", app.url)).json(&chat("echo", true));
    let theirs = theirs.bearer_auth(login["access_token"].as_str().unwrap()).header("Idempotency-Key", "k");
    let theirs = theirs.send().await.unwrap();
    assert_eq!((theirs.status().as_u16(), is_replayed(&theirs)), (200, false));
}

#[tokio::test]
async fn of_two_requests_at_the_same_time_one_runs() {
    let upstream = Upstream::start().await;
    let app = App::with_upstream(&upstream).await;
    let body = chat("slow-head", false);
    let first = app.post(CHAT, &body).header("Idempotency-Key", "k").send();
    let first = tokio::spawn(first);
    upstream.gate().reached(1).await;
    let second = app.post_with_key("k", CHAT, &body).await;
    assert_eq!(second.headers()["retry-after"], "1");
    assert_eq!(conflict(second).await, "idempotency_in_progress");
    upstream.gate().open();
    let first = first.await.unwrap().unwrap().bytes().await.unwrap();
    let again = app.post_with_key("k", CHAT, &body).await;
    assert!(is_replayed(&again));
    assert_eq!(again.bytes().await.unwrap(), first);
    assert_eq!(upstream.post_requests().len(), 1);
}

#[tokio::test]
async fn a_failed_or_cancelled_request_releases_its_key() {
    let upstream = Upstream::start().await;
    let app = App::with_upstream(&upstream).await;
    // An error, an incomplete stream, and an incomplete whole answer.
    for (model, stream, status) in
        [("overloaded", false, 503), ("cut-mid-event", true, 200), ("cut-mid-event", false, 502)]
    {
        let (body, before) = (chat(model, stream), upstream.post_requests().len());
        for sent in 1..=2 {
            let reply = app.post_with_key("failing", CHAT, &body).await;
            assert_eq!((reply.status().as_u16(), is_replayed(&reply)), (status, false), "{model}");
            reply.bytes().await.unwrap();
            assert_eq!(upstream.post_requests().len(), before + sent, "{model}");
        }
    }

    // The client disconnects in the middle of the stream.
    upstream.gate().pass(1);
    let mut cancelled = app.post_with_key("cancelled", CHAT, &chat("slow-chunks", true)).await;
    assert!(cancelled.chunk().await.unwrap().is_some());
    drop(cancelled);
    upstream.wait_for(|counts| counts.streams_dropped >= 1).await;
    upstream.gate().open();
    // The server releases the key in the background; until then the reply is that the request is in progress.
    let again = until("the key to be released", async || {
        let again = app.post_with_key("cancelled", CHAT, &chat("slow-chunks", true)).await;
        if again.status() != 409 {
            return Some(again);
        }
        assert_eq!(conflict(again).await, "idempotency_in_progress");
        None
    })
    .await;
    assert_eq!((again.status().as_u16(), is_replayed(&again)), (200, false));
    assert!(again.bytes().await.unwrap().ends_with(b"data: [DONE]\n\n"));
}

#[tokio::test]
async fn a_stored_reply_survives_a_restart() {
    let (upstream, data) = (Upstream::start().await, tempfile::tempdir().unwrap());
    let start = || {
        App::start(|config| {
            config.data_dir = data.path().join("data");
            config.echo.enabled = false;
            config.providers.insert("upstream".into(), provider(&upstream.url()));
        })
    };
    let mut app = start().await;
    let body = chat("good", true);
    let first = app.post_with_key("k", CHAT, &body).await.bytes().await.unwrap();
    app.stop().await;

    let mut next = start().await;
    next.token = app.token;
    let again = next.post_with_key("k", CHAT, &body).await;
    assert!(is_replayed(&again));
    assert_eq!(again.bytes().await.unwrap(), first);
    assert_eq!(upstream.post_requests().len(), 1);
}
