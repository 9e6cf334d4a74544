//! Shares over HTTP: creation, public reading, revocation.

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::app::App;

/// Creates a conversation of two items; returns its id and the answer's id.
async fn conversation_of_two(app: &App) -> (String, String) {
    let new = json!({"title": "On tea", "metadata": {"where": "at-home"}, "referrer": "secret-app", "items": [
        {"role": "user", "content": "Tea?"}, {"role": "assistant", "content": "Yes."}]});
    let conversation: Value = app.post("/v1/conversations", &new).send().await.unwrap().json().await.unwrap();
    let id = conversation["id"].as_str().unwrap().to_owned();
    let items: Value = app
        .get(&format!("/v1/conversations/{id}/items?order=desc"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    (id, items["data"][0]["id"].as_str().unwrap().to_owned())
}

async fn share(app: &App, path: &str, body: Value) -> Value {
    let reply = app.post(path, &body).send().await.unwrap();
    assert_eq!(reply.status(), 201);
    reply.json::<Value>().await.unwrap()["data"].clone()
}

/// Sends a request without a credential.
async fn without_credential(app: &App, method: Method, path: &str) -> Response {
    app.client.request(method, app.at(path)).send().await.unwrap()
}

async fn status(app: &App, path: &str) -> u16 {
    without_credential(app, Method::GET, path).await.status().as_u16()
}

#[tokio::test]
async fn anybody_with_the_link_can_read_and_sees_nothing_about_the_owner() {
    let app = App::start(|config| config.public_url = Some("https://chat.example/".into())).await;
    let me: Value = app.get("/v1/users/me").send().await.unwrap().json().await.unwrap();
    let (id, _) = conversation_of_two(&app).await;
    let made = share(&app, &format!("/v1/conversations/{id}/share"), json!({"scope": "conversation"})).await;
    let path = format!("/v1/public/shares/{}", made["slug"].as_str().unwrap());
    assert_eq!(made["share_url"], format!("https://chat.example{path}"));

    let reply = without_credential(&app, Method::GET, &path).await;
    assert_eq!(reply.headers()["cache-control"], "public, max-age=300");
    let tag = reply.headers()["etag"].clone();
    let text = reply.text().await.unwrap();
    let seen: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&seen["data"]["title"], &seen["data"]["object"]), (&json!("On tea"), &json!("public_share")));
    assert_eq!(seen["data"]["snapshot"]["items"][1]["content"][0]["text"], "Yes.");
    for secret in [me["data"]["id"].as_str().unwrap(), "at-home", "secret-app", &id] {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
    let again =
        app.client.get(format!("{}{path}", app.url)).header("if-none-match", tag).send().await.unwrap();
    assert_eq!(again.status(), 304);
    assert_eq!(without_credential(&app, Method::HEAD, &path).await.status(), 200);
    assert_eq!(status(&app, &path.replace("public/shares", "share")).await, 200);

    assert_eq!(status(&app, "/v1/public/shares/short").await, 404);
    assert_eq!(without_credential(&app, Method::HEAD, "/v1/public/shares/short").await.status(), 404);
    assert_eq!(status(&app, &format!("/v1/public/shares/{}", "0".repeat(22))).await, 404);
}

#[tokio::test]
async fn a_share_is_revoked_by_its_owner_or_with_its_conversation() {
    let app = App::start(|_| {}).await;
    let (id, answer) = conversation_of_two(&app).await;
    let whole = share(&app, &format!("/v1/conversations/{id}/share"), json!({"scope": "conversation"})).await;
    let one = share(&app, &format!("/v1/conversations/{id}/items/{answer}/share"), json!({})).await;
    let url = |share: &Value| share["share_url"].as_str().unwrap().to_owned();
    assert_eq!((status(&app, &url(&whole)).await, status(&app, &url(&one)).await), (200, 200));

    let delete =
        |path: String| app.client.delete(format!("{}{path}", app.url)).bearer_auth(&app.token).send();
    let gone = delete(format!("/v1/shares/{}", whole["id"].as_str().unwrap())).await.unwrap();
    let gone: Value = gone.json().await.unwrap();
    assert_eq!(gone["data"], json!({"id": whole["id"], "object": "share.deleted", "deleted": true}));
    assert_eq!((status(&app, &url(&whole)).await, status(&app, &url(&one)).await), (410, 200));
    for (query, count) in [("", 1), ("?include_revoked=true", 2)] {
        let list: Value = app.get(&format!("/v1/shares{query}")).send().await.unwrap().json().await.unwrap();
        assert_eq!(list["data"].as_array().unwrap().len(), count);
        let path = format!("/v1/conversations/{id}/shares{query}");
        let list: Value = app.get(&path).send().await.unwrap().json().await.unwrap();
        assert_eq!(list["data"].as_array().unwrap().len(), count);
    }
    assert_eq!(app.get("/v1/shares?include_revoked=maybe").send().await.unwrap().status(), 400);

    delete(format!("/v1/conversations/{id}")).await.unwrap();
    assert_eq!(status(&app, &url(&one)).await, 410);
    let (id, _) = conversation_of_two(&app).await;
    let third = share(&app, &format!("/v1/conversations/{id}/share"), json!({"scope": "conversation"})).await;
    delete("/v1/conversations".into()).await.unwrap();
    assert_eq!(status(&app, &url(&third)).await, 410);
}

#[tokio::test]
async fn sharing_can_be_switched_off_and_is_limited() {
    let app = App::start(|config| config.sharing.enabled = false).await;
    let (id, _) = conversation_of_two(&app).await;
    let path = format!("/v1/conversations/{id}/share");
    assert_eq!(app.post(&path, &json!({"scope": "conversation"})).send().await.unwrap().status(), 403);
    assert_eq!(status(&app, &format!("/v1/public/shares/{}", "0".repeat(22))).await, 403);

    let app = App::start(|config| {
        config.rate_limit.enabled = true;
        config.rate_limit.shares_minute = 2;
        config.rate_limit.shares_hour = 2;
    })
    .await;
    let path = format!("/v1/public/shares/{}", "0".repeat(22));
    assert_eq!(
        [status(&app, &path).await, status(&app, &path).await, status(&app, &path).await],
        [404, 404, 429]
    );
    assert_eq!(app.get("/v1/models").send().await.unwrap().status(), 200);
}
