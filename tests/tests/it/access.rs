//! Authentication and rate limits.

use serde_json::{Value, json};

use crate::app::{App, chat};

/// The routes under `/v1` that intentionally need no credential.
const PUBLIC: [&str; 3] = ["/v1/public/shares/{slug}", "/v1/share/{slug}", "/v1/prompt-templates/{key}"];

#[tokio::test]
async fn every_other_v1_route_requires_a_credential() {
    let app = App::start(|_| {}).await;
    let document: Value =
        app.client.get(format!("{}/api/openapi.json", app.url)).send().await.unwrap().json().await.unwrap();
    let mut checked = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        if !path.starts_with("/v1") || PUBLIC.contains(&path.as_str()) {
            continue;
        }
        let is_media = path.starts_with("/v1/media") || path.starts_with("/v1/files");
        let service = if is_media { "/media" } else { "/llm" };
        for method in methods.as_object().unwrap().keys() {
            for prefix in ["", service] {
                let method: reqwest::Method = method.to_uppercase().parse().unwrap();
                let has_body = method != reqwest::Method::HEAD;
                let url = format!("{}{prefix}{}", app.url, path.replace("{id}", "x"));
                let reply = app.client.request(method, url).send().await.unwrap();
                assert_eq!(reply.status(), 401, "{prefix}{path}");
                assert_eq!(reply.headers()["www-authenticate"], "Bearer");
                if has_body {
                    let error: Value = reply.json().await.unwrap();
                    assert_eq!(error["error"]["type"], "auth_error");
                }
                checked += 1;
            }
        }
    }
    assert!(checked >= 10);
}

#[tokio::test]
async fn bad_credentials_are_refused_and_not_in_the_error() {
    let app = App::start(|_| {}).await;
    for value in ["Bearer nonsense-token", "Basic dXNlcg==", "Bearer ", "", "Bearer sk_wrong_key_wrong_key"] {
        let reply = app
            .client
            .get(format!("{}/v1/models", app.url))
            .header("authorization", value)
            .send()
            .await
            .unwrap();
        assert_eq!(reply.status(), 401, "{value}");
        assert!(!reply.text().await.unwrap().contains("nonsense-token"));
    }
}

#[tokio::test]
async fn a_refresh_token_returns_new_tokens_for_the_same_guest() {
    let app = App::start(|_| {}).await;
    let login = app.client.post(format!("{}/auth/guest-login", app.url)).send().await.unwrap();
    assert_eq!(login.status(), 201);
    let login: Value = login.json().await.unwrap();
    assert_eq!((&login["token_type"], &login["expires_in"]), (&json!("Bearer"), &json!(300)));
    let body = json!({"refresh_token": login["refresh_token"]});
    let next =
        app.client.post(format!("{}/llm/auth/refresh-token", app.url)).json(&body).send().await.unwrap();
    let next: Value = next.json().await.unwrap();
    assert_eq!(next["user_id"], login["user_id"]);
    for (body, status) in [(json!({}), 400), (json!({"refresh_token": login["access_token"]}), 401)] {
        let reply =
            app.client.post(format!("{}/auth/refresh-token", app.url)).json(&body).send().await.unwrap();
        assert_eq!(reply.status(), status);
    }
}

#[tokio::test]
async fn an_api_key_is_accepted_in_both_headers() {
    let key = "sk_test_0123456789abcdef";
    let app = App::start(|config| config.auth.api_keys = vec![key.into()]).await;
    let url = format!("{}/v1/models", app.url);
    for request in [app.client.get(&url).header("x-api-key", key), app.client.get(&url).bearer_auth(key)] {
        let reply = request.send().await.unwrap();
        assert_eq!(
            (reply.status().as_u16(), &reply.headers()["x-auth-method"]),
            (200, &"api_key".parse().unwrap())
        );
    }
    assert_eq!(app.get("/v1/models").send().await.unwrap().headers()["x-auth-method"], "jwt");
}

#[tokio::test]
async fn over_the_limit_the_reply_is_429_with_retry_after() {
    let app = App::start(|config| {
        config.rate_limit.enabled = true;
        config.rate_limit.v1_minute = 2;
        config.rate_limit.llm_minute = 1;
    })
    .await;
    // A new window may begin between two requests; but five requests cannot all fit into two windows of two.
    let mut refused = None;
    for _ in 0..5 {
        let reply = app.post("/v1/chat/completions", &chat("echo", false)).send().await.unwrap();
        if reply.status() == 429 {
            refused = Some(reply);
            break;
        }
        assert_eq!(reply.headers()["x-ratelimit-limit-minute"], "2");
    }
    let refused = refused.expect("the limit holds");
    let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait));
    for (name, value) in
        [("x-ratelimit-limit-minute", "2"), ("x-ratelimit-remaining-minute", "0"), ("ratelimit-limit", "2")]
    {
        assert_eq!(refused.headers()[name], value, "{name}");
    }
    let error: Value = refused.json().await.unwrap();
    assert_eq!(error["error"]["type"], "rate_limit_error");
    // Under /llm requests are counted by caller, with the other limit.
    assert_eq!(app.get("/llm/v1/models").send().await.unwrap().headers()["x-ratelimit-limit-minute"], "1");
}
