//! Models and embeddings.

use jan_tests::Upstream;
use serde_json::{Value, json};

use crate::app::{App, provider};

#[tokio::test]
async fn models_of_all_providers_are_listed_and_found() {
    let upstream = Upstream::start().await;
    let url = upstream.url();
    let app = App::start(|config| {
        config.providers.insert("upstream".into(), provider(&url));
    })
    .await;
    let list: Value = app.get("/v1/models").send().await.unwrap().json().await.unwrap();
    assert_eq!(list["object"], "list");
    let ids: Vec<_> =
        list["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
    assert!(ids.contains(&"echo") && ids.contains(&"good"), "{ids:?}");

    let one: Value = app.get("/v1/models/good").send().await.unwrap().json().await.unwrap();
    assert_eq!((&one["id"], &one["object"]), (&json!("good"), &json!("model")));
    for unknown in ["/v1/models/nope", "/v1/models/org%2Fnope", "/v1/models/org/nope"] {
        let reply = app.get(unknown).send().await.unwrap();
        assert_eq!(reply.status(), 404);
        let error: Value = reply.json().await.unwrap();
        assert_eq!(error["error"]["code"], "model_not_found");
    }
    // Each name goes to its own provider.
    let local: Value = app.ask("echo", false).await.json().await.unwrap();
    let remote: Value = app.ask("good", false).await.json().await.unwrap();
    assert_eq!(local["model"], "echo");
    assert_ne!(remote["model"], "echo");
}

#[tokio::test]
async fn an_unknown_model_is_404_where_all_models_are_known() {
    let app = App::start(|_| {}).await;
    let upstream = Upstream::start().await;
    let two = App::start(|config| {
        config.providers.insert("a".into(), provider(&upstream.url()));
        config.providers.insert("b".into(), provider(&upstream.url()));
    })
    .await;
    let reply = two.ask("nope", true).await;
    assert_eq!(reply.status(), 404);
    let error: Value = reply.json().await.unwrap();
    assert_eq!(
        (&error["error"]["code"], &error["error"]["param"]),
        (&json!("model_not_found"), &json!("model"))
    );
    assert_eq!(app.ask("nope", false).await.status(), 404);
}

#[tokio::test]
async fn embeddings_come_from_the_upstream_and_bad_input_is_named() {
    let upstream = Upstream::start().await;
    let app = App::before(&upstream).await;
    let body = json!({"model": "good", "input": ["a", "b"]});
    let reply: Value = app.post("/v1/embeddings", &body).send().await.unwrap().json().await.unwrap();
    assert_eq!(reply["data"].as_array().unwrap().len(), 2);
    for (body, param) in [
        (json!({"input": "a"}), "model"),
        (json!({"model": "good"}), "input"),
        (json!({"model": "good", "input": []}), "input"),
        (json!({"model": "good", "input": 7}), "input"),
    ] {
        let reply = app.post("/v1/embeddings", &body).send().await.unwrap();
        assert_eq!(reply.status(), 400);
        let error: Value = reply.json().await.unwrap();
        assert_eq!(error["error"]["param"], param);
    }
    let echo = App::start(|_| {}).await;
    let reply = echo.post("/v1/embeddings", &json!({"model": "echo", "input": "a"})).send().await.unwrap();
    let error: Value = reply.json().await.unwrap();
    assert_eq!(error["error"]["code"], "unsupported_model");
}

#[tokio::test]
async fn a_provider_whose_list_fails_is_still_asked_and_a_guess_is_no_404() {
    // Its list is a 404 under this path, as its chats are.
    let (good, lost) = (Upstream::start().await, Upstream::start().await);
    let wrong = format!("{}/nowhere", lost.url());
    let gone = "http://127.0.0.1:9/v1";
    for (url, status) in [(wrong.as_str(), 502), (gone, 502)] {
        let app = App::start(|config| {
            config.providers.insert("a".into(), provider(url));
            config.providers.insert("b".into(), provider(&good.url()));
        })
        .await;
        assert_eq!(app.ask("good", false).await.status(), 200, "{url}");
        assert_eq!(app.ask("nope", false).await.status(), status, "{url}");
        let listed: Value = app.get("/v1/models").send().await.unwrap().json().await.unwrap();
        assert!(listed["data"].as_array().unwrap().iter().any(|model| model["id"] == "good"), "{url}");
    }
    let app = App::start(|config| {
        config.providers.insert("a".into(), provider(gone));
        config.providers.insert("b".into(), provider(&good.url()));
    })
    .await;
    let reply = app.get("/v1/models/nope").send().await.unwrap();
    assert_eq!((reply.status().as_u16(), reply.headers()["retry-after"].to_str().unwrap()), (503, "5"));
}
