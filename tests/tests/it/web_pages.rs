//! Web pages and paths: which origins may call, the protection of an open server against other pages, repeated slashes.

use jan_cli::config::AuthMode;
use jan_server::{AllowAll, ApiKeys, Hosts, Server};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::app::App;

/// The headers that OpenAI's JavaScript client and Jan's web client send, and one that nobody sends yet.
const SENT: &str = "authorization,content-type,x-conversation-id,x-stainless-arch,x-stainless-lang,x-stainless-os,\
                    x-stainless-package-version,x-stainless-retry-count,x-stainless-runtime,x-stainless-runtime-version,\
                    x-stainless-timeout,x-tool-call-id,x-something-new";

async fn preflight(app: &App, path: &str, origin: &str) -> Response {
    let request = app.client.request(Method::OPTIONS, format!("{}{path}", app.url)).header("origin", origin);
    let request = request
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", SENT);
    request.send().await.unwrap()
}

#[tokio::test]
async fn allowed_origins_may_send_every_header_and_others_get_no_cors_headers() {
    let app = App::start(|config| config.cors.origins = vec!["HTTPS://Chat.Example:443/".into()]).await;
    let reply = preflight(&app, "/v1/chat/completions", "https://chat.example").await;
    assert_eq!(reply.headers()["access-control-allow-headers"], SENT);
    assert_eq!(reply.headers()["access-control-allow-credentials"], "true");
    let reply = preflight(&app, "/v1/chat/completions", "https://evil.example").await;
    assert_eq!(reply.status(), 204);
    let cors_header = reply.headers().keys().find(|name| name.as_str().starts_with("access-control-"));
    assert_eq!(cors_header, None);

    let all = App::start(|config| config.cors.origins = vec!["*".into()]).await;
    let reply = preflight(&all, "/v1/chat/completions", "https://any.example").await;
    assert_eq!(reply.headers()["access-control-allow-headers"], SENT);
    assert_eq!(reply.headers()["access-control-allow-origin"], "*");
    assert!(!reply.headers().contains_key("access-control-allow-credentials"));
}

#[tokio::test]
async fn an_open_server_answers_only_under_its_own_host_names() {
    let app = App::start(|config| {
        config.auth.mode = AuthMode::Open;
        config.auth.hosts = vec!["jan".into()];
        config.public_url = Some("https://chat.example/ai".into());
    })
    .await;
    let ask =
        |host: &'static str| app.client.get(format!("{}/v1/models", app.url)).header("host", host).send();
    for own in ["localhost:8000", "127.0.0.1", "[::1]:8000", "jan:8000", "chat.example"] {
        assert_eq!(ask(own).await.unwrap().status(), 200, "{own}");
    }
    for other in ["evil.example", "localhost.evil.example", "10.0.0.1", "evil.example:8000"] {
        let reply = ask(other).await.unwrap();
        assert_eq!(reply.status(), 403, "{other}");
        let error: Value = reply.json().await.unwrap();
        assert_eq!(error["error"]["code"], "host_not_allowed");
    }
    let all = App::start(|config| {
        config.auth.mode = AuthMode::Open;
        config.addr = ([0, 0, 0, 0], 0).into();
    })
    .await;
    let ask =
        |host: &'static str| all.client.get(format!("{}/v1/models", all.url)).header("host", host).send();
    assert_eq!(ask("192.168.1.5:8000").await.unwrap().status(), 200);
    assert_eq!(ask("evil.example").await.unwrap().status(), 403);
    // A server that requires a credential answers under any name.
    let local = App::start(|_| {}).await;
    let reply = local.get("/v1/models").header("host", "any.example").send().await.unwrap();
    assert_eq!(reply.status(), 200);
}

#[tokio::test]
async fn an_open_server_changes_nothing_for_other_origins() {
    let app = App::start(|config| config.auth.mode = AuthMode::Open).await;
    let send = |method: &str, kind: &'static str, origin: String| {
        let request = app.client.request(method.parse().unwrap(), format!("{}/v1/conversations", app.url));
        request.header("origin", origin).header("content-type", kind).body("{}").send()
    };
    for kind in ["application/json", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
    {
        for origin in ["https://evil.example", "null"] {
            let reply = send("POST", kind, origin.into()).await.unwrap();
            assert_eq!(reply.status(), 403, "{kind} {origin}");
            assert_eq!(reply.json::<Value>().await.unwrap()["error"]["code"], "origin_not_allowed");
        }
    }
    assert_eq!(send("DELETE", "text/plain", "https://evil.example".into()).await.unwrap().status(), 403);
    assert!(
        send("POST", "application/json", "http://localhost:3000".into()).await.unwrap().status().is_success()
    );
    // Its own origin, for Swagger UI.
    assert!(send("POST", "application/json", app.url.clone()).await.unwrap().status().is_success());
    let list = app.client.get(format!("{}/v1/conversations", app.url)).send().await.unwrap();
    let list: Value = list.json().await.unwrap();
    assert_eq!(list["data"].as_array().unwrap().len(), 2, "nothing else was created");
}

#[tokio::test]
async fn the_host_names_of_a_mounted_open_server_can_be_set() {
    let ask = async |hosts: Option<Hosts>, host: &str| {
        let builder = Server::builder().auth(AllowAll::new());
        let server =
            if let Some(hosts) = hosts { builder.hosts(hosts) } else { builder }.build().await.unwrap();
        let request = http::Request::post("/v1/conversations").header("origin", "https://chat.example");
        server
            .handle(request.header("host", host).body(http_body_util::Empty::new()).unwrap())
            .await
            .status()
            .is_success()
    };
    assert!(!ask(None, "chat.example").await);
    assert!(ask(Some(Hosts::local().and("chat.example")), "chat.example").await);
    assert!(
        !ask(Some(Hosts::local().and("other.example")), "other.example").await,
        "the page has another origin"
    );
    assert!(ask(Some(Hosts::any()), "chat.example").await);
    let keys = Server::builder()
        .auth(ApiKeys::new([&"sk_0123456789abcdefghij".into()]).unwrap())
        .build()
        .await
        .unwrap();
    let request = http::Request::get("/v1/models")
        .header("host", "any.example")
        .header("x-api-key", "sk_0123456789abcdefghij");
    let reply = keys.handle(request.body(http_body_util::Empty::new()).unwrap()).await;
    assert_ne!(reply.status(), 403, "a server with keys does not check the host");
}

#[tokio::test]
async fn a_503_says_when_to_retry() {
    let app = App::start(|config| config.echo.enabled = false).await;
    let reply = app.ask("m", false).await;
    assert_eq!(reply.status(), 503);
    for (name, value) in [("retry-after", "5"), ("retry-after-ms", "5000"), ("x-should-retry", "true")] {
        assert_eq!(reply.headers()[name], value, "{name}");
    }
}

#[tokio::test]
async fn an_invalid_origin_stops_the_start() {
    for wrong in ["chat.example", "https://chat.example/app"] {
        let server = Server::builder().auth(AllowAll::new());
        let error = server.cors_origins([wrong.to_owned()]).build().await.err().unwrap();
        assert!(error.to_string().contains(wrong), "{error}");
    }
}

#[tokio::test]
async fn repeated_slashes_count_as_one_for_every_rule() {
    let app = App::start(|config| {
        config.rate_limit.enabled = true;
        config.rate_limit.v1_minute = 77;
        config.rate_limit.llm_minute = 88;
    })
    .await;
    for path in ["//auth/guest-login", "/auth//guest-login", "//llm///auth/guest-login"] {
        let reply = app.client.post(format!("{}{path}", app.url)).send().await.unwrap();
        assert_eq!(reply.status(), 201, "{path}");
        let reply = preflight(&app, path, "http://localhost:3000").await;
        assert_eq!(reply.headers()["access-control-allow-origin"], "http://localhost:3000", "{path}");
    }
    for (path, limit) in [("//v1/models", "77"), ("/llm//v1//models", "88")] {
        let reply = app.get(path).send().await.unwrap();
        assert_eq!(
            (reply.status().as_u16(), &reply.headers()["x-ratelimit-limit-minute"]),
            (200, &limit.parse().unwrap())
        );
        let nobody = app.client.get(format!("{}{path}", app.url)).send().await.unwrap();
        assert_eq!(nobody.status(), 401, "{path}");
    }
    // The same key with another spelling of the same path is the same request.
    let make = |path: &'static str| {
        app.post(path, &json!({"metadata": {"a": "b"}})).header("idempotency-key", "once").send()
    };
    let first: Value = make("/v1/conversations").await.unwrap().json().await.unwrap();
    let again: Value = make("//llm/v1//conversations").await.unwrap().json().await.unwrap();
    assert_eq!(first["id"], again["id"]);
    assert_eq!(app.get("/v1/models/a%2F%2Fb").send().await.unwrap().status(), 404);
    assert_eq!(app.get("/v1/models//echo").send().await.unwrap().status(), 200);
}
