//! Links to media: clients can follow every link that they get, and a link in a request is read as its id, in any
//! spelling, without an HTTP request to fetch it.

use axum::Router;
use jan_server::{AllowAll, Echo, Hosts, Server, bind};
use jan_tests::Upstream;
use serde_json::{Value, json};

use super::{DOT, by_data_url, png};
use crate::app::App;

/// The image URLs in the last request to the upstream.
fn sent_image_urls(upstream: &Upstream) -> Vec<String> {
    let request = upstream.post_requests().last().unwrap().json();
    let messages = request["messages"].as_array().unwrap().clone();
    let parts = messages.iter().filter_map(|message| message["content"].as_array()).flatten();
    parts.filter_map(|part| part["image_url"]["url"].as_str().map(str::to_owned)).collect()
}

/// The image URLs in the stored items of a conversation.
async fn stored_image_urls(app: &App, conversation: &str) -> Vec<String> {
    let items = app.ok("GET", &format!("/v1/conversations/{conversation}/items"), None).await;
    let parts =
        items["data"].as_array().unwrap().iter().filter_map(|item| item["content"].as_array()).flatten();
    let url = |part: &Value| {
        let image = part.get("image_url").or_else(|| part.get("image"))?;
        image.as_str().or_else(|| image["url"].as_str()).map(str::to_owned)
    };
    parts.filter_map(url).collect()
}

async fn links_are_read_as_ids(public: Option<&str>) {
    let upstream = Upstream::start().await;
    let url = upstream.url();
    let app = App::start(|config| {
        config.echo.enabled = false;
        config.providers.insert("upstream".into(), crate::app::provider(&url));
        config.public_url = public.map(str::to_owned);
    })
    .await;
    let media = app.ok("POST", "/v1/media", Some(by_data_url(DOT))).await["data"].clone();
    let (id, link) = (media["id"].as_str().unwrap(), media["url"].as_str().unwrap());
    let base = public.unwrap_or(&app.url);
    assert!(link.starts_with(&format!("{base}/api/media/{id}?exp=")), "{link}");
    let local = app.url.replace("127.0.0.1", "localhost");
    let spellings = [
        link.to_owned(),
        link.split('?').next().unwrap().to_owned(),
        format!("{base}/api/media/{id}?v=2"),
        format!("{}/v1/media/{id}", app.url),
        format!("{}/media/v1/media/{id}?exp=1&sig=x", app.url),
        format!("{local}/v1/files/{id}/content"),
        format!("/api/media/{id}"),
        format!("/v1/media/{id}?exp=1&sig=x"),
        format!("data:image/png;{id}"),
        id.to_owned(),
    ];
    for spelled in &spellings {
        let part = json!({"type": "image_url", "image_url": {"url": spelled, "detail": "low"}});
        let messages = json!([{"role": "user", "content": [{"type": "text", "text": spelled}, part]}]);
        let chat = json!({"model": "good", "messages": messages});
        app.ok("POST", "/v1/chat/completions", Some(chat.clone())).await;
        assert_eq!(sent_image_urls(&upstream), [DOT], "{spelled}");
        let conversation = app.conversation(json!([])).await;
        let mut turn = chat;
        turn["conversation"] = json!(conversation);
        turn["store"] = json!(true);
        app.ok("POST", "/v1/chat/completions", Some(turn)).await;
        assert_eq!(stored_image_urls(&app, &conversation).await, [id], "{spelled}");
        let items = json!([{"role": "user", "content": [{"type": "input_image", "image_url": spelled}]}]);
        let made = app.conversation(items.clone()).await;
        assert_eq!(stored_image_urls(&app, &made).await, [id], "{spelled}");
        let path = format!("/v1/conversations/{conversation}/items");
        app.ok("POST", &path, Some(json!({"items": items}))).await;
        assert_eq!(stored_image_urls(&app, &conversation).await, [id, id], "{spelled}");
        // Our own links are not fetched: fetching from addresses of this machine is forbidden.
        let body = json!({"source": {"type": "remote_url", "url": spelled}});
        let again = app.ok("POST", "/v1/media", Some(body)).await["data"].clone();
        assert_eq!((&again["id"], &again["deduped"]), (&json!(id), &json!(true)), "{spelled}");
        let body = json!({"payload": {"image": spelled}, "ids": null});
        let resolved = app.ok("POST", "/v1/media/resolve", Some(body)).await["data"]["payload"].clone();
        assert!(resolved["image"].as_str().unwrap().starts_with(base), "{resolved}");
    }
    // A link to another server is not changed, and a text that contains a link stays a text.
    let foreign = format!("https://other.example/api/media/{id}?exp=1");
    let part = json!({"type": "image_url", "image_url": {"url": foreign}});
    let messages = json!([{"role": "user", "content": [part, {"type": "text", "text": link}]}]);
    let request = json!({"model": "good", "messages": messages});
    app.ok("POST", "/v1/chat/completions", Some(request)).await;
    assert_eq!(sent_image_urls(&upstream), [foreign]);
    let sent = upstream.post_requests().last().unwrap().json();
    assert_eq!(sent["messages"][0]["content"][1]["text"], link);

    let unknown = link.replace(id, "jan_00000000000000000000000000");
    let part = json!({"type": "image_url", "image_url": {"url": unknown}});
    let request = json!({"model": "good", "messages": [{"role": "user", "content": [part]}]});
    let (status, error) = app.call("POST", "/v1/chat/completions", Some(request)).await;
    assert_eq!((status, &error["error"]["code"]), (400, &json!("unknown_media")));
}

#[tokio::test]
async fn our_own_link_is_read_as_its_id() {
    links_are_read_as_ids(None).await;
}

#[tokio::test]
async fn a_link_to_the_public_url_is_read_as_its_id() {
    links_are_read_as_ids(Some("https://jan.example")).await;
}

#[tokio::test]
async fn media_of_another_user_is_copied_by_its_link_without_a_fetch() {
    let app = App::start(|_| {}).await;
    let media = app.ok("POST", "/v1/media", Some(by_data_url(DOT))).await["data"].clone();
    let (link, other) = (media["url"].as_str().unwrap(), app.guest().await);
    let ask = async |url: &str| {
        let body = json!({"source": {"type": "remote_url", "url": url}});
        app.call_as(&other, "POST", "/v1/media", Some(body)).await
    };
    let (status, kept) = ask(link).await;
    assert_eq!((status, &kept["data"]["sha256"]), (200, &media["sha256"]));
    assert_ne!(kept["data"]["id"], media["id"], "the other user gets an id of their own");
    for invalid in [link.split('?').next().unwrap(), &link.replace("sig=", "sig=A")] {
        let (status, error) = ask(invalid).await;
        assert_eq!((status, &error["error"]["code"]), (400, &json!("unknown_media")), "{invalid}");
    }
}

/// Every kind of link that the API returns.
async fn links(client: &reqwest::Client, api: &str) -> Vec<String> {
    let post = async |path: &str, body: Value| -> Value {
        let reply = client.post(format!("{api}{path}")).json(&body).send().await.unwrap();
        assert!(reply.status().is_success(), "{path}: {}", reply.status());
        reply.json().await.unwrap()
    };
    let media = post("/v1/media", by_data_url(DOT)).await["data"].clone();
    let id = media["id"].as_str().unwrap();
    let resolved = post("/v1/media/resolve", json!({"ids": [id]})).await["data"]["media"][0].clone();
    let upload = post("/v1/media/prepare-upload", json!({"mime_type": "image/png"})).await["data"].clone();
    let put = client.put(upload["upload_url"].as_str().unwrap()).body(png(2, 2, b"x")).send().await.unwrap();
    assert_eq!(put.status(), 200, "{upload}");
    let items = json!([{"role": "user", "content": "Tea?"}, {"role": "assistant", "content": "Yes."}]);
    let conversation =
        post("/v1/conversations", json!({"items": items})).await["id"].as_str().unwrap().to_owned();
    let share =
        post(&format!("/v1/conversations/{conversation}/share"), json!({"scope": "conversation"})).await;
    [&media["url"], &resolved["url"], &share["data"]["share_url"]]
        .map(|link| link.as_str().unwrap().to_owned())
        .into()
}

#[tokio::test]
async fn links_contain_the_path_under_which_the_server_is_mounted() {
    let server = || Server::builder().auth(AllowAll::new()).model(Echo::default());
    let mounted = Router::new().nest_service("/ai", server().build().await.unwrap());
    let nested = Router::new().nest("/v", Router::new().nest_service("/ai", server().build().await.unwrap()));
    let configured = server().mounted_at("/set/").hosts(Hosts::any()).build().await.unwrap();
    for (app, prefix) in [(mounted, "/ai"), (nested, "/v/ai")] {
        let listener = bind(([127, 0, 0, 1], 0).into()).unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move { axum::serve(listener, app).await });
        let (client, api) = (reqwest::Client::new(), format!("{base}{prefix}"));
        for link in links(&client, &api).await {
            assert!(link.starts_with(&api), "{link}");
            assert_eq!(client.get(&link).send().await.unwrap().status(), 200, "{link}");
        }
        serving.abort();
    }
    // Without axum the builder sets the path; without a `Host` header links are only paths.
    let ask = async |host: Option<&str>| {
        let body = http_body_util::Full::new(bytes::Bytes::from(by_data_url(DOT).to_string()));
        let mut request = http::Request::post("/v1/media");
        if let Some(host) = host {
            request = request.header("host", host);
        }
        let reply = configured.handle(request.body(body).unwrap()).await;
        let reply = http_body_util::BodyExt::collect(reply.into_body()).await.unwrap().to_bytes();
        let reply: Value = serde_json::from_slice(&reply).unwrap();
        reply["data"]["url"].as_str().unwrap().to_owned()
    };
    let link = ask(Some("localhost:8000")).await;
    assert!(link.starts_with("http://localhost:8000/set/api/media/jan_"), "{link}");
    assert!(ask(None).await.starts_with("/set/api/media/jan_"));
    let pretended = ask(Some("user@evil.example")).await;
    assert!(!pretended.contains("evil"), "{pretended}");
}
