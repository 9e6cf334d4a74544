//! The bare mode (`api.bare`), for clients of the original: its format of texts, images, errors and lists.

use jan_tests::Upstream;
use serde_json::{Value, json};

use crate::app::{App, events, provider};

const TEXT: &str = jan_tests::upstream::bodies::TEXT;

async fn bare(upstream: &Upstream) -> App {
    let url = upstream.url();
    App::start(|config| {
        config.api.bare = true;
        config.providers.insert("upstream".into(), provider(&url));
    })
    .await
}

async fn items(app: &App, id: &str) -> Vec<Value> {
    let list = app.ok("GET", &format!("/v1/conversations/{id}/items?order=asc"), None).await;
    list["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn texts_and_images_have_the_originals_names() {
    let upstream = Upstream::start().await;
    let app = bare(&upstream).await;
    let id = app.conversation(json!([])).await;
    let parts = json!([{"type": "text", "text": "What is it?"},
                       {"type": "image_url", "image_url": {"url": crate::media::DOT}}]);
    let chat = json!({"model": "good", "conversation": id, "messages": [{"role": "user", "content": parts}]});
    app.ok("POST", "/v1/chat/completions", Some(chat)).await;
    let kept = items(&app, &id).await;
    let (asked, picture) = (&kept[0]["content"][0], &kept[0]["content"][1]);
    assert_eq!(asked, &json!({"type": "input_text", "text": "What is it?", "input_text": "What is it?"}));
    assert_eq!(picture["type"], "image");
    assert!(picture["image"]["url"].is_string(), "{picture}");
    assert_eq!(
        (&kept[1]["content"][0]["type"], &kept[1]["content"][0]["text"]),
        (&json!("text"), &json!(TEXT))
    );
    let path = format!("/v1/conversations/{id}/items/{}", kept[1]["id"].as_str().unwrap());
    assert_eq!(app.ok("GET", &path, None).await, kept[1]);

    // So do the reply to an edit and a public share.
    let edit = format!("/v1/conversations/{id}/items/{}/edit", kept[0]["id"].as_str().unwrap());
    let outcome = app
        .ok("POST", &edit, Some(json!({"content": "And that?", "regenerate": true, "model": "good"})))
        .await;
    assert_eq!(outcome["user_item"]["content"][0]["input_text"], "And that?");
    assert_eq!(outcome["items"][0]["content"][0]["type"], "text");
    let share = format!("/v1/conversations/{id}/share");
    let share = app.ok("POST", &share, Some(json!({"scope": "conversation"}))).await;
    let shown = format!("/v1/public/shares/{}", share["slug"].as_str().unwrap());
    let shown = app.ok("GET", &shown, None).await;
    let messages = &shown["snapshot"]["items"];
    assert_eq!(messages[0]["content"][0]["input_text"], "And that?");
    assert_eq!(messages[1]["content"][0], json!({"type": "text", "text": TEXT, "annotations": []}));
}

#[tokio::test]
async fn a_shared_snapshot_can_be_copied_to_a_conversation() {
    let upstream = Upstream::start().await;
    let app = bare(&upstream).await;
    let items = json!([
        {"role": "user", "content": "Find it."},
        {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{\"q\":\"secret\"}"},
        {"type": "function_call_output", "call_id": "c1", "output": "it is there"},
        {"role": "assistant", "content": "Found."}]);
    let id = app.conversation(items).await;
    let share = format!("/v1/conversations/{id}/share");
    let share = app.ok("POST", &share, Some(json!({"scope": "conversation"}))).await;
    let shown = app.ok("GET", &format!("/v1/public/shares/{}", share["slug"].as_str().unwrap()), None).await;
    assert!(!shown.to_string().contains("secret") && !shown.to_string().contains("it is there"));
    let copied: Vec<Value> = shown["snapshot"]["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| json!({"type": item["type"], "role": item["role"], "content": item["content"]}))
        .collect();
    let copy = app.conversation(copied.into()).await;
    let messages =
        [("user", "Find it."), ("assistant", "Found.")].map(|(role, text)| (role.into(), text.into()));
    assert_eq!(app.messages_of(&copy).await, messages);
}

#[tokio::test]
async fn errors_have_code_and_message_at_the_top_level_also_in_streams() {
    let upstream = Upstream::start().await;
    let (app, plain) = (bare(&upstream).await, App::with_upstream(&upstream).await);
    for (method, path, body) in [
        ("GET", "/v1/conversations/x", None),
        ("GET", "/v1/nope", None),
        ("DELETE", "/v1/models", None),
        ("POST", "/v1/projects", Some(json!({"name": 7}))),
        ("POST", "/v1/chat/completions", Some(json!({"model": "good"}))),
        ("POST", "/v1/chat/completions", Some(json!({"model": "bad-gateway", "messages": []}))),
    ] {
        let (status, reply) = app.call(method, path, body.clone()).await;
        assert!(status >= 400);
        assert_eq!(
            (&reply["code"], &reply["message"]),
            (&reply["error"]["code"], &reply["error"]["message"])
        );
        assert!(reply["message"].is_string() && reply["code"].is_string(), "{reply}");
        let (_, reply) = plain.call(method, path, body).await;
        assert_eq!(reply.as_object().unwrap().len(), 1, "{reply}");
    }
    // The original's web client reads the id of the project that already has the name from `code`.
    let project = app.ok("POST", "/v1/projects", Some(json!({"name": "Trips"}))).await;
    let (status, reply) = app.call("POST", "/v1/projects", Some(json!({"name": " Trips "}))).await;
    assert_eq!((status, &reply["code"], &reply["error"]["code"]), (409, &project["id"], &project["id"]));
    let stream = events(app.ask("error-event", true).await).await;
    let last: Value = serde_json::from_str(stream.last().unwrap()).unwrap();
    assert!(last["message"].is_string() && last["message"] == last["error"]["message"], "{last}");
}

#[tokio::test]
async fn lists_have_a_total_and_a_cursor_for_the_next_page() {
    let upstream = Upstream::start().await;
    let (app, plain) = (bare(&upstream).await, App::with_upstream(&upstream).await);
    for app in [&app, &plain] {
        for n in 0..3 {
            app.ok("POST", "/v1/projects", Some(json!({"name": format!("p{n}")}))).await;
            app.conversation(
                json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]),
            )
            .await;
        }
    }
    let first = app.ok("GET", "/v1/conversations?limit=1", None).await;
    let id = first["data"][0]["id"].as_str().unwrap();
    app.ok("POST", &format!("/v1/conversations/{id}/share"), Some(json!({"scope": "conversation"}))).await;
    let chat = json!({"model": "good", "store": true, "messages": [{"role": "user", "content": "x"}]});
    app.ok("POST", "/v1/chat/completions", Some(chat)).await;
    let items = format!("/v1/conversations/{id}/items");
    for (list, total) in [
        ("/v1/conversations", 3),
        ("/v1/conversations?project_id=x", 0),
        ("/v1/projects", 3),
        (items.as_str(), 2),
        ("/v1/shares", 1),
        ("/v1/chat/completions", 1),
        ("/v1/chat/completions?metadata[a]=b", 0),
    ] {
        let page = app.ok("GET", list, None).await;
        assert_eq!(page["total"], total, "{list}: {page}");
    }
    let branches = app.ok("GET", &format!("/v1/conversations/{id}/branches"), None).await;
    assert_eq!(branches["total"], 1);

    let page = app.ok("GET", "/v1/projects?limit=2", None).await;
    assert_eq!((&page["total"], &page["has_more"]), (&json!(3), &json!(true)));
    let next = page["next_cursor"].as_str().unwrap();
    let rest = app.ok("GET", &format!("/v1/projects?limit=2&cursor={next}"), None).await;
    assert_eq!(rest["data"].as_array().unwrap().len(), 1);
    assert_eq!((&rest["next_cursor"], &rest["total"]), (&Value::Null, &json!(3)));
    let page = plain.ok("GET", "/v1/projects?limit=2", None).await;
    assert!(page.get("total").is_none() && page.get("next_cursor").is_none());

    // A limit over the maximum is the maximum; 0 and values that are not numbers are errors here too.
    for (limit, status) in
        [("101", 200), ("500", 200), ("99999999999", 200), ("0", 400), ("-1", 400), ("x", 400)]
    {
        for list in ["/v1/conversations", "/v1/projects", &items] {
            let (got, reply) = app.call("GET", &format!("{list}?limit={limit}"), None).await;
            assert_eq!(got, status, "{list}?limit={limit}: {reply}");
        }
    }
    assert_eq!(plain.call("GET", "/v1/conversations?limit=101", None).await.0, 400);
}

#[tokio::test]
async fn a_prompt_template_keeps_its_envelope() {
    let upstream = Upstream::start().await;
    for app in [bare(&upstream).await, App::with_upstream(&upstream).await] {
        let reply = app.ok("GET", "/v1/prompt-templates/timing", None).await;
        assert_eq!(reply["data"]["template_key"], "timing", "{reply}");
    }
}
