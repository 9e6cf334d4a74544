//! Models and embeddings.

use jan_llm::Echo;
use jan_server::{AllowAll, Server, bind};
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
    // Each model name selects its provider.
    let local: Value = app.ask("echo", false).await.json().await.unwrap();
    let remote: Value = app.ask("good", false).await.json().await.unwrap();
    assert_eq!(local["model"], "echo");
    assert_ne!(remote["model"], "echo");
}

#[tokio::test]
async fn models_have_display_names_an_order_and_capabilities() {
    let upstream = Upstream::start().await;
    let known = json!({"url": upstream.url(), "models": {
        "good": {"display_name": "Good", "category": "Best", "category_order": -1, "supports": {"images": true}}}});
    let app = App::start(|config| {
        config.providers.insert("up".into(), serde_json::from_value(known).unwrap());
    })
    .await;
    let list = app.ok("GET", "/v1/models", None).await;
    let rows = list["data"].as_array().unwrap();
    let best = json!({"id": "good", "model_display_name": "Good", "category": "Best", "category_order_number": -1,
                      "model_order_number": 0});
    for (member, value) in best.as_object().unwrap() {
        assert_eq!(&rows[0][member], value, "the configured order is used: {}", rows[0]);
    }
    assert!(rows.iter().all(|row| row["object"] == "model" && row.get("provider_id").is_none()));
    let order = |row: &Value| {
        let number = |member: &str| row[member].as_i64().unwrap();
        (number("category_order_number"), number("model_order_number"))
    };
    assert!(rows.is_sorted_by_key(order), "{rows:?}");
    let reply = app.get("/v1/models/good").header("x-provider-data", "true").send().await.unwrap();
    assert_eq!(reply.json::<Value>().await.unwrap()["provider_name"], "up");

    let details = app.ok("GET", "/v1/models/catalogs/good", None).await["data"].clone();
    let flag = |name: &str| details[format!("supports_{name}")].as_bool().unwrap();
    assert_eq!(["images", "tools", "reasoning"].map(flag), [true, true, false]);
    assert_eq!(details["architecture"]["input_modalities"], json!(["text", "image"]));
    let echo = app.ok("GET", "/v1/models/catalogs/echo", None).await["data"].clone();
    assert_eq!((&echo["id"], &echo["supports_tools"]), (&json!("echo"), &json!(false)));
    // A model name that begins like the route `catalogs` is still a name.
    assert_eq!(app.ok("GET", "/v1/models/cut-mid-event", None).await["id"], "cut-mid-event");
    for unknown in ["nope", "maker/nope", "maker%2Fnope"] {
        let (status, reply) = app.call("GET", &format!("/v1/models/catalogs/{unknown}"), None).await;
        assert_eq!((status, &reply["error"]["code"]), (404, &json!("model_not_found")));
    }
}

#[tokio::test]
async fn a_model_name_may_contain_slashes() {
    let server = Server::builder()
        .auth(AllowAll::new())
        .model(Echo::named("maker/model:latest"))
        .build()
        .await
        .unwrap();
    let listener = bind(([127, 0, 0, 1], 0).into()).unwrap();
    let url = format!("http://{}/v1/models", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move { server.serve(listener, std::future::pending::<()>()).await });
    for path in [
        "maker/model:latest",
        "maker%2Fmodel:latest",
        "catalogs/maker/model:latest",
        "catalogs/maker%2Fmodel%3Alatest",
    ] {
        let reply: Value = reqwest::get(format!("{url}/{path}")).await.unwrap().json().await.unwrap();
        let reply = reply.get("data").unwrap_or(&reply);
        assert_eq!(reply["id"], "maker/model:latest", "{path}");
    }
    serving.abort();
}

#[tokio::test]
async fn an_unknown_model_is_404_if_all_lists_of_models_are_known() {
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
    let app = App::with_upstream(&upstream).await;
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
async fn if_a_list_of_models_fails_known_models_work_and_unknown_ones_are_not_404() {
    // Under this path the lost upstream answers 404 to everything.
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
