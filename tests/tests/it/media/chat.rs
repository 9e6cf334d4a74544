//! Images in chats: requests name them by id, models get data URLs or links, conversations store the ids.

use jan_tests::Upstream;
use serde_json::{Value, json};

use super::{DOT, by_data_url};
use crate::app::{App, provider};

async fn dot(app: &App) -> String {
    app.ok("POST", "/v1/media", Some(by_data_url(DOT))).await["data"]["id"].as_str().unwrap().to_owned()
}

/// The body of a chat about an image, with unusual white space and number formats.
fn about(url: &str, more: &str) -> String {
    format!(
        r#"{{ "model":"good", "messages":[ {{"role":"user","content":[{{"type":"text", "text":"What is this? jan_"}},{{"type":"image_url","image_url":{{"url":"{url}"}}}}]}}], "top_k":1.50{more}}}"#
    )
}

async fn send(app: &App, token: &str, body: String) -> (u16, Value) {
    let request = app.client.post(format!("{}/v1/chat/completions", app.url)).bearer_auth(token).body(body);
    let reply = request.send().await.unwrap();
    (reply.status().as_u16(), serde_json::from_slice(&reply.bytes().await.unwrap()).unwrap_or_default())
}

#[tokio::test]
async fn the_upstream_gets_the_image_and_every_other_byte_unchanged() {
    let upstream = Upstream::start().await;
    let app = App::with_upstream(&upstream).await;
    let id = dot(&app).await;
    for named in [id.clone(), format!("data:image/png;{id}")] {
        assert_eq!(send(&app, &app.token, about(&named, "")).await.0, 200);
    }
    for request in upstream.post_requests() {
        let sent = String::from_utf8(request.body.to_vec()).unwrap();
        let part = format!(r#"{{"type":"image_url","image_url":{{"url":"{DOT}"}}}}"#);
        assert!(sent.contains(&part), "{sent}");
        assert!(
            sent.contains(r#"{"type":"text", "text":"What is this? jan_"}"#)
                && sent.contains(r#""top_k":1.50"#),
            "{sent}"
        );
        assert!(!sent.contains(&id));
    }
    // A request without media ids is passed on byte for byte.
    let plain = about("https://example.com/jan_1.png", "");
    assert_eq!(send(&app, &app.token, plain.clone()).await.0, 200);
    assert_eq!(upstream.post_requests().last().unwrap().body, plain);
}

#[tokio::test]
async fn an_unknown_or_foreign_id_is_an_error_before_anything_is_sent_or_stored() {
    let upstream = Upstream::start().await;
    let app = App::with_upstream(&upstream).await;
    let (id, other) = (dot(&app).await, app.guest().await);
    for (token, id) in [(&other, id.as_str()), (&app.token, "jan_00000000000000000000000000")] {
        for more in ["", r#","stream":true"#, r#","conversation":{}"#] {
            let (status, error) = send(&app, token, about(id, more)).await;
            assert_eq!((status, &error["error"]["code"]), (400, &json!("unknown_media")), "{error}");
            assert!(error["error"]["message"].as_str().unwrap().contains(id));
        }
    }
    assert!(upstream.post_requests().is_empty());
    assert_eq!(app.ok("GET", "/v1/conversations", None).await["data"], json!([]));
}

#[tokio::test]
async fn a_conversation_stores_the_id_and_sends_the_image_again() {
    let upstream = Upstream::start().await;
    let app = App::with_upstream(&upstream).await;
    let (id, conversation) = (dot(&app).await, app.conversation(json!([])).await);
    assert_eq!(
        send(&app, &app.token, about(&id, &format!(r#","conversation":"{conversation}""#))).await.0,
        200
    );
    let items = app.ok("GET", &format!("/v1/conversations/{conversation}/items?order=asc"), None).await;
    assert_eq!(items["data"][0]["content"][1]["image_url"], id.as_str());
    assert!(!items.to_string().contains("base64"));
    let more = json!({"model": "good", "conversation": conversation, "messages": [{"role": "user", "content": "And now?"}]});
    app.ok("POST", "/v1/chat/completions", Some(more)).await;
    let again = upstream.post_requests().last().unwrap().json();
    assert_eq!(again["messages"][0]["content"][1]["image_url"]["url"], DOT, "{again}");
    assert_eq!(again["messages"].as_array().unwrap().last().unwrap()["content"], "And now?");
}

#[tokio::test]
async fn a_conversation_continues_after_its_image_was_deleted() {
    let upstream = Upstream::start().await;
    let app = App::with_upstream(&upstream).await;
    let (id, conversation) = (dot(&app).await, app.conversation(json!([])).await);
    let in_conversation = format!(r#","conversation":"{conversation}""#);
    assert_eq!(send(&app, &app.token, about(&id, &in_conversation)).await.0, 200);
    app.ok("DELETE", &format!("/v1/media/{id}"), None).await;

    let more = json!({"model": "good", "conversation": conversation, "messages": [{"role": "user", "content": "And now?"}]});
    app.ok("POST", "/v1/chat/completions", Some(more)).await;
    let sent = upstream.post_requests().last().unwrap().json();
    let gone = json!({"type": "text", "text": "[a picture that is no longer here]"});
    assert_eq!(sent["messages"][0]["content"][1], gone, "{sent}");
    let items = app.ok("GET", &format!("/v1/conversations/{conversation}/items?order=asc"), None).await;
    assert_eq!(
        items["data"][0]["content"][1]["image_url"],
        id.as_str(),
        "the stored message does not change"
    );

    // The stored question can be answered again; a new message that names the deleted image is refused.
    let question = items["data"][0]["id"].as_str().unwrap();
    let again = format!("/v1/conversations/{conversation}/items/{question}/regenerate");
    app.ok("POST", &again, Some(json!({"model": "good", "answer": true}))).await;
    assert_eq!(upstream.post_requests().last().unwrap().json()["messages"][0]["content"][1], gone);
    let request = upstream.post_requests().len();
    let named =
        format!(r#"[{{"type":"text","text":"Again?"}},{{"type":"image_url","image_url":{{"url":"{id}"}}}}]"#);
    let body = format!(
        r#"{{"model":"good","conversation":"{conversation}","messages":[{{"role":"user","content":{named}}}]}}"#
    );
    let (status, error) = send(&app, &app.token, body).await;
    assert_eq!((status, &error["error"]["code"]), (400, &json!("unknown_media")), "{error}");
    assert!(error["error"]["message"].as_str().unwrap().contains(&id));
    assert_eq!(upstream.post_requests().len(), request);
}

#[tokio::test]
async fn a_provider_that_fetches_urls_gets_links_for_images_and_data_for_files() {
    let upstream = Upstream::start().await;
    let url = upstream.url();
    let app = App::start(|config| {
        config.echo.enabled = false;
        config.public_url = Some("https://jan.example/".into());
        config.media.types.push("application/pdf".into());
        let mut provider = provider(&url);
        provider.media = jan_cli::config::MediaForm::Link;
        config.providers.insert("upstream".into(), provider);
    })
    .await;
    let id = dot(&app).await;
    assert_eq!(send(&app, &app.token, about(&id, "")).await.0, 200);
    let shown = upstream.post_requests()[0].json()["messages"][0]["content"][1]["image_url"]["url"]
        .as_str()
        .unwrap()
        .to_owned();
    let link = shown.strip_prefix("https://jan.example").unwrap();
    assert!(link.starts_with(&format!("/api/media/{id}?exp=")), "{shown}");
    assert_eq!(app.open(link).await.status(), 200);

    let pdf: Value =
        app.upload(b"%PDF-1.7 x".to_vec(), "a.pdf", "application/pdf").await.json().await.unwrap();
    let part = json!({"type": "file", "file": {"file_id": pdf["data"]["id"]}});
    let chat = json!({"model": "good", "messages": [{"role": "user", "content": [part]}]});
    app.ok("POST", "/v1/chat/completions", Some(chat)).await;
    let file = upstream.post_requests()[1].json()["messages"][0]["content"][0].clone();
    let wanted = json!({"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0xLjcgeA=="});
    assert_eq!(file, json!({"type": "file", "file": wanted}));
}
