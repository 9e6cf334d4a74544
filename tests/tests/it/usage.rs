//! Usage reports over HTTP. The counting of chats is tested with the chats (`answers`, `turns`).

use serde_json::{Value, json};

use crate::app::App;

#[tokio::test]
async fn usage_is_reported_by_model_and_day() {
    let app = App::start(|_| {}).await;
    let read = async |path: &str| {
        let reply = app.get(path).send().await.unwrap();
        (reply.status().as_u16(), reply.json::<Value>().await.unwrap())
    };
    let (status, report) = read("/v1/usage/me?from=2026-01-01&to=2026-01-31").await;
    let wanted = json!({"object": "usage", "from": "2026-01-01", "to": "2026-01-31", "prompt_tokens": 0,
                        "completion_tokens": 0, "total_tokens": 0, "requests": 0, "models": []});
    assert_eq!((status, &report["data"]), (200, &wanted));
    assert!(report["meta"]["request_id"].is_string());
    let (_, daily) = read("/v1/usage/me/daily?days=7").await;
    assert_eq!(daily["data"]["days"], json!([]));

    for (path, param) in [
        ("/v1/usage/me?from=yesterday", "from"),
        ("/v1/usage/me?to=2026-13-01", "to"),
        ("/v1/usage/me/daily?days=0", "days"),
    ] {
        let (status, error) = read(path).await;
        assert_eq!((status, &error["error"]["param"]), (400, &json!(param)), "{path}");
    }
}

#[tokio::test]
async fn only_the_owner_sees_a_projects_usage() {
    let app = App::start(|_| {}).await;
    let made: Value =
        app.post("/v1/projects", &json!({"name": "P"})).send().await.unwrap().json().await.unwrap();
    let path = format!("/v1/usage/projects/{}", made["data"]["id"].as_str().unwrap());
    assert_eq!(app.get(&path).send().await.unwrap().status(), 200);
    let login = app.client.post(format!("{}/llm/auth/guest-login", app.url)).send().await.unwrap();
    let other: Value = login.json().await.unwrap();
    let request =
        app.client.get(format!("{}{path}", app.url)).bearer_auth(other["access_token"].as_str().unwrap());
    assert_eq!(request.send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn prompt_templates_are_public() {
    let app = App::start(|_| {}).await;
    let read = async |key: &str| {
        app.client.get(format!("{}/v1/prompt-templates/{key}", app.url)).send().await.unwrap()
    };
    let timing: Value = read("timing").await.json().await.unwrap();
    assert_eq!(
        (&timing["data"]["template_key"], &timing["data"]["is_system"]),
        (&json!("timing"), &json!(true))
    );
    assert_eq!(timing["data"]["variables"], json!(["date"]));
    assert_eq!((read("nope").await.status().as_u16(), read("a-b").await.status().as_u16()), (404, 404));
}
