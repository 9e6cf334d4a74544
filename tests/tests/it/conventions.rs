//! Rules for every route: request ids, errors, CORS, the envelope, the OpenAPI document.

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::App;

#[tokio::test]
async fn a_valid_request_id_is_kept_and_is_in_errors() {
    let app = App::start(|_| {}).await;
    let reply = app.get("/v1/models/nope").header("x-request-id", "my-id-1").send().await.unwrap();
    assert_eq!(reply.headers()["x-request-id"], "my-id-1");
    let error: Value = reply.json().await.unwrap();
    assert_eq!(error["error"]["request_id"], "my-id-1");
    let reply = app.get("/v1/models").header("x-request-id", "<b>").send().await.unwrap();
    assert!(reply.headers()["x-request-id"].to_str().unwrap().starts_with("req_"));
}

#[tokio::test]
async fn unknown_routes_and_methods_have_the_error_shape() {
    let app = App::start(|_| {}).await;
    let reply = app.get("/v1/nope").send().await.unwrap();
    assert_eq!(reply.status(), 404);
    let error: Value = reply.json().await.unwrap();
    for member in ["type", "code", "message", "param", "request_id"] {
        assert!(error["error"].get(member).is_some(), "{member}");
    }
    let reply = app.client.delete(format!("{}/v1/models", app.url)).send().await.unwrap();
    assert_eq!((reply.status().as_u16(), &reply.headers()["allow"]), (405, &"GET, HEAD".parse().unwrap()));
    assert_eq!(app.client.head(format!("{}/healthz", app.url)).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn local_pages_may_call_and_others_may_not() {
    let app = App::start(|_| {}).await;
    let ask = |origin: &'static str| {
        app.client
            .request(Method::OPTIONS, format!("{}/v1/embeddings", app.url))
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .send()
    };
    let local = ask("http://localhost:3000").await.unwrap();
    assert_eq!(local.status(), 204);
    assert_eq!(local.headers()["access-control-allow-origin"], "http://localhost:3000");
    assert_eq!(local.headers()["access-control-allow-methods"], "POST");
    assert!(local.headers()["access-control-allow-headers"].to_str().unwrap().contains("Idempotency-Key"));
    assert!(
        ask("https://evil.example").await.unwrap().headers().get("access-control-allow-origin").is_none()
    );
    let refused = app
        .client
        .get(format!("{}/v1/models", app.url))
        .header("origin", "http://localhost:1")
        .send()
        .await
        .unwrap();
    assert_eq!(
        refused.headers()["access-control-allow-origin"],
        "http://localhost:1",
        "pages can read errors too"
    );
}

/// The original's decoder stopped after the first JSON value; the bytes after it may be part of another request.
#[tokio::test]
async fn json_followed_by_anything_is_refused() {
    for bare in [false, true] {
        let app = App::start(|config| config.api.bare = bare).await;
        for path in ["/v1/chat/completions", "/v1/conversations", "/v1/projects", "/v1/embeddings"] {
            let body =
                r#"{"model":"echo","name":"x","input":"x","messages":[{"role":"user","content":"x"}]}"#;
            for stray in ["}", "x", " {}", ",", "\0"] {
                let request = app.client.post(format!("{}{path}", app.url)).bearer_auth(&app.token);
                let reply = request.body(format!("{body}{stray}")).send().await.unwrap();
                assert_eq!(reply.status(), 400, "{path} with {stray:?}");
            }
        }
    }
}

#[tokio::test]
async fn native_routes_have_an_envelope_except_in_bare_mode() {
    let app = App::start(|_| {}).await;
    let reply: Value = app.get("/v1/version").send().await.unwrap().json().await.unwrap();
    assert_eq!(reply["data"]["version"], env!("CARGO_PKG_VERSION"));
    assert!(reply["meta"]["request_id"].is_string());
    let bare = App::start(|config| config.api.bare = true).await;
    let reply: Value = bare.get("/v1/version").send().await.unwrap().json().await.unwrap();
    assert_eq!(reply["version"], env!("CARGO_PKG_VERSION"));
}

#[tokio::test]
async fn health_and_documentation_are_public() {
    let app = App::start(|_| {}).await;
    let open = |path: &str| app.client.get(format!("{}{path}", app.url)).send();
    let health: Value = open("/healthz").await.unwrap().json().await.unwrap();
    assert_eq!(health, json!({"status": "ok"}));
    let ready: Value = open("/readyz").await.unwrap().json().await.unwrap();
    assert_eq!(ready, json!({"status": "ready"}));
    let document: Value = open("/api/openapi.json").await.unwrap().json().await.unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["components"]["securitySchemes"]["apiKey"].is_object());
    let page = open("/api/swagger/index.html").await.unwrap();
    assert_eq!(page.headers()["content-type"], "text/html");
    let page = page.text().await.unwrap();
    assert!(
        page.contains("swagger-ui") && !page.contains("https://"),
        "the page loads nothing from other servers"
    );
    assert!(
        open("/api/swagger/swagger-initializer.js")
            .await
            .unwrap()
            .text()
            .await
            .unwrap()
            .contains("../openapi.json")
    );
    assert_eq!(open("/api/swagger/nope.js").await.unwrap().status(), 404);
}

#[tokio::test]
async fn the_root_describes_the_server_and_short_paths_redirect_to_the_documentation() {
    let app = App::start(|_| {}).await;
    let open = |path: &str| app.client.get(format!("{}{path}", app.url));
    let root: Value = open("/").send().await.unwrap().json().await.unwrap();
    assert_eq!(
        (&root["name"], &root["documentation"]),
        (&"Jan Server".into(), &"api/swagger/index.html".into())
    );
    let page = open("/").header("accept", "text/html,*/*;q=0.8").send().await.unwrap();
    assert!(page.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    assert!(page.text().await.unwrap().contains("href=\"api/swagger/index.html\""));
    for path in ["/docs", "/api/swagger", "/api/swagger/"] {
        let page = open(path).send().await.unwrap();
        assert_eq!((page.status().as_u16(), page.url().path()), (200, "/api/swagger/index.html"), "{path}");
    }
    let app = App::start(|config| config.api.swagger = false).await;
    let open = |path: &str| app.client.get(format!("{}{path}", app.url));
    assert_eq!(open("/docs").send().await.unwrap().status(), 404);
    let page = open("/").header("accept", "text/html").send().await.unwrap();
    assert!(page.status() == 200 && !page.text().await.unwrap().contains("swagger"));
}
