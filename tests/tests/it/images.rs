//! Image generation: the request to the upstream, the stored media, the reply to the caller.

use jan_tests::Upstream;
use jan_tests::upstream::bodies::PIXEL;
use jan_tests::upstream::{Reply, Step};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::app::{App, provider};
use crate::media::{DOT, by_data_url, png, refused};

const GENERATE: &str = "/v1/images/generations";
const EDIT: &str = "/v1/images/edits";

/// Starts a server whose upstream generates images.
pub(crate) async fn app_with_images(upstream: &Upstream) -> App {
    let url = upstream.url();
    App::start(|config| {
        config.providers.insert("images".into(), provider(&url));
        config.images.enabled = true;
        config.images.model = Some("z-image".into());
    })
    .await
}

/// The body of the last request to the upstream.
fn sent_json(upstream: &Upstream) -> Value {
    serde_json::from_slice(&upstream.post_requests().last().unwrap().body).unwrap()
}

#[tokio::test]
async fn an_image_is_generated_stored_and_added_to_the_conversation() {
    let upstream = Upstream::start().await;
    let app = app_with_images(&upstream).await;
    let conversation = app.ok("POST", "/v1/conversations", Some(json!({}))).await["id"].clone();
    let body = json!({
        "prompt": "one red pixel", "n": 2, "cfg_scale": 7.5, "conversation_id": conversation, "store": true,
    });
    let reply_body = app.ok("POST", GENERATE, Some(body)).await;
    assert_eq!(
        (&reply_body["created"], &reply_body["usage"]["total_tokens"]),
        (&json!(1_700_000_000), &json!(5))
    );
    let picture = &reply_body["data"][0];
    assert_eq!((picture.get("b64_json"), &picture["revised_prompt"]), (None, &json!("one red pixel")));
    // The same bytes are the same media.
    assert_eq!(picture["id"], reply_body["data"][1]["id"]);
    let sent = json!({
        "prompt": "one red pixel", "n": 2, "cfg_scale": 7.5, "model": "z-image", "response_format": "b64_json",
    });
    assert_eq!(sent_json(&upstream), sent);

    let shown = app.open(picture["url"].as_str().unwrap()).await;
    assert_eq!(
        (shown.status().as_u16(), &shown.headers()["content-type"]),
        (200, &"image/png".parse().unwrap())
    );
    let id = picture["id"].as_str().unwrap();
    let media = app.ok("GET", &format!("/v1/media/{id}/metadata"), None).await;
    assert_eq!((&media["data"]["width"], &media["data"]["mime"]), (&json!(1), &json!("image/png")));
    let items = format!("/v1/conversations/{}/items", conversation.as_str().unwrap());
    let item = app.ok("GET", &items, None).await["data"][0].clone();
    assert_eq!((&item["type"], &item["prompt"]), (&json!("image_generation"), &json!("one red pixel")));
    assert_eq!(item["content"][0]["image"]["file_id"], id);
}

#[tokio::test]
async fn a_stream_names_its_events_and_the_final_image_is_stored() {
    let upstream = Upstream::start().await;
    let app = app_with_images(&upstream).await;
    let body = json!({"prompt": "x", "stream": true, "partial_images": 1, "response_format": "b64_json"});
    let send = || app.post(GENERATE, &body).header("idempotency-key", "once").send();
    let first = send().await.unwrap();
    assert_eq!(first.headers()["content-type"], "text/event-stream");
    let text = first.text().await.unwrap();
    let events: Vec<&str> = text.trim_end().split("\n\n").collect();
    let [partial, completed] = events.as_slice() else { panic!("{text}") };
    assert!(partial.starts_with("event: image_generation.partial_image\ndata: {"), "{partial}");
    let data = completed.strip_prefix("event: image_generation.completed\ndata: ").unwrap();
    let data: Value = serde_json::from_str(data).unwrap();
    assert_eq!(data["b64_json"], PIXEL);
    app.ok("GET", &format!("/v1/media/{}/metadata", data["id"].as_str().unwrap()), None).await;
    // The repeated request is replayed, and no image is generated again.
    assert_eq!(send().await.unwrap().text().await.unwrap(), text);
    assert_eq!(upstream.post_requests().len(), 1);

    upstream.script([Reply::stream(vec![Step::event(r#"{"type":"image_generation.partial_image"}"#)])]);
    let body = json!({"prompt": "x", "stream": true});
    let cut = app.post(GENERATE, &body).send().await.unwrap().text().await.unwrap();
    assert!(cut.trim_end().ends_with('}') && cut.contains("upstream_cut"), "{cut}");
}

#[tokio::test]
async fn a_stream_gets_the_completed_event_if_the_upstream_sends_a_whole_reply() {
    let upstream = Upstream::start().await;
    let app = app_with_images(&upstream).await;
    let whole = json!({"created": 1_700_000_001, "data": [{"b64_json": PIXEL}, {"b64_json": PIXEL}],
                       "size": "1x1", "usage": {"total_tokens": 5}});
    for (path, kind) in [(GENERATE, "image_generation.completed"), (EDIT, "image_edit.completed")] {
        for form in ["b64_json", "url"] {
            upstream.script([Reply::json(200, &whole)]);
            let body = json!({"prompt": "x", "stream": true, "response_format": form, "image": PIXEL});
            let reply = app.post(path, &body).send().await.unwrap();
            assert_eq!(reply.headers()["content-type"], "text/event-stream");
            let text = reply.text().await.unwrap();
            let events: Vec<Value> = text
                .trim_end()
                .split("\n\n")
                .map(|event| event.strip_prefix(&format!("event: {kind}\ndata: ")).expect(event))
                .map(|data| serde_json::from_str(data).unwrap())
                .collect();
            assert_eq!(events.len(), 2, "{text}");
            let last = &events[1];
            assert_eq!((&last["type"], &last["created_at"]), (&json!(kind), &json!(1_700_000_001)));
            assert_eq!((&last["size"], &last["usage"]["total_tokens"]), (&json!("1x1"), &json!(5)));
            assert_eq!(events[0].get("usage"), None, "usage is reported once");
            match form {
                "b64_json" => assert_eq!(last["b64_json"], PIXEL),
                _ => assert_eq!(app.open(last["url"].as_str().unwrap()).await.status(), 200),
            }
        }
    }
}

#[tokio::test]
async fn images_are_edited_by_a_form_and_by_json() {
    let upstream = Upstream::start().await;
    let app = app_with_images(&upstream).await;
    let kept = app.ok("POST", "/v1/media", Some(by_data_url(DOT))).await["data"]["id"].clone();
    let body = json!({"prompt": "bluer", "image": kept, "mask": {"b64_json": PIXEL}, "size": "original"});
    let reply_body = app.ok("POST", EDIT, Some(body)).await;
    assert!(reply_body["data"][0]["url"].is_string(), "{reply_body}");
    let part = |bytes: Vec<u8>| Part::bytes(bytes).file_name("in.png").mime_str("image/png").unwrap();
    let form = Form::new().text("prompt", "redder").text("n", "1").part("image[]", part(png(2, 2, b"a")));
    let form = form.part("image[]", part(png(3, 3, b"b"))).text("response_format", "b64_json");
    let reply_body: Value = app.form(EDIT, form).await.json().await.unwrap();
    assert_eq!(reply_body["data"][0]["b64_json"], PIXEL, "{reply_body}");
    let sent: Vec<String> = upstream
        .post_requests()
        .iter()
        .map(|sent_json| {
            assert!(sent_json.header("content-type").starts_with("multipart/form-data; boundary="));
            assert_eq!(sent_json.path, "/v1/images/edits");
            String::from_utf8_lossy(&sent_json.body).into_owned()
        })
        .collect();
    let names = |sent: &str| {
        let names = sent.split("form-data; name=\"").skip(1).filter_map(|part| part.split('"').next());
        names.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(names(&sent[0]), ["prompt", "model", "response_format", "image", "mask"]);
    assert_eq!(names(&sent[1]), ["n", "prompt", "model", "response_format", "image[]", "image[]"]);
    let second = String::from_utf8_lossy(&png(3, 3, b"b")).into_owned();
    assert!(sent[1].contains(&second), "the bytes of the image");
}

#[tokio::test]
async fn a_failed_request_is_tried_three_times_and_a_refused_one_once() {
    let upstream = Upstream::start().await;
    let app = app_with_images(&upstream).await;
    let broken = || Reply::json(500, &json!({"error": {"message": "no"}}));
    upstream.script([broken(), broken()]);
    app.ok("POST", GENERATE, Some(json!({"prompt": "x"}))).await;
    assert_eq!(upstream.post_requests().len(), 3);
    upstream.script([broken(), broken(), broken()]);
    let reply = app.post(GENERATE, &json!({"prompt": "x"})).send().await.unwrap();
    assert_eq!(refused(reply).await.0, 502);
    assert_eq!(upstream.post_requests().len(), 6);
    // If the upstream's image is not an image, the error is the upstream's and not the caller's.
    for data in [json!("!"), json!(7), json!("anVzdCB3b3Jkcw==")] {
        upstream.script([Reply::json(200, &json!({"created": 1, "data": [{"b64_json": data}]}))]);
        let reply = app.post(GENERATE, &json!({"prompt": "x"})).send().await.unwrap();
        assert_eq!(refused(reply).await, (502, "upstream_garbage".into(), String::new()));
    }
    let sent_json = upstream.post_requests().len();
    let no = json!({"error": {"message": "No such size.", "param": "size", "code": "bad_size"}});
    upstream.script([Reply::json(400, &no)]);
    let reply = app.post(GENERATE, &json!({"prompt": "x", "size": "7x7"})).send().await.unwrap();
    assert_eq!(refused(reply).await, (400, "bad_size".into(), "size".into()));
    assert_eq!(upstream.post_requests().len(), sent_json + 1);
}

#[tokio::test]
async fn a_bad_request_names_the_field_and_does_not_reach_the_upstream() {
    let upstream = Upstream::start().await;
    let app = app_with_images(&upstream).await;
    let foreign: Value = {
        let (other, body) = (app.guest().await, by_data_url(DOT));
        app.call_as(&other, "POST", "/v1/media", Some(body)).await.1["data"]["id"].clone()
    };
    for (path, body, status, param) in [
        (GENERATE, json!({}), 400, "prompt"),
        (GENERATE, json!({"prompt": "x", "n": 9}), 400, "n"),
        (GENERATE, json!({"prompt": "x", "provider_id": "nobody"}), 404, "provider_id"),
        (
            GENERATE,
            json!({"prompt": "x", "store": true, "conversation_id": "conv_0000000000000000"}),
            404,
            "conversation_id",
        ),
        (EDIT, json!({"prompt": "x"}), 400, "image"),
        (EDIT, json!({"prompt": "x", "image": "data:image/png;base64,!"}), 400, "image"),
        (EDIT, json!({"prompt": "x", "image": "http://127.0.0.1/x.png"}), 400, "image"),
        (EDIT, json!({"prompt": "x", "image": foreign}), 400, "image"),
    ] {
        let reply = refused(app.post(path, &body).send().await.unwrap()).await;
        assert_eq!((reply.0, reply.2.as_str()), (status, param), "{body}");
    }
    let text = Part::bytes(b"just words".to_vec()).file_name("a.png").mime_str("image/png").unwrap();
    let form = Form::new().text("prompt", "x").part("image", text);
    assert_eq!(refused(app.form(EDIT, form).await).await.0, 415);
    let form = Form::new().text("prompt", "x").part("video", Part::bytes(vec![1]).file_name("v.mp4"));
    assert_eq!(refused(app.form(EDIT, form).await).await.2, "video");
    assert!(upstream.post_requests().is_empty());
    let reply = app.post("/v1/images/variations", &json!({})).send().await.unwrap();
    assert_eq!(refused(reply).await.0, 501);
    // If image generation is not enabled.
    let without = App::with_upstream(&upstream).await;
    let reply = refused(without.post(GENERATE, &json!({"prompt": "x"})).send().await.unwrap()).await;
    assert_eq!((reply.0, reply.1.as_str()), (400, "image_generation_disabled"));
}

#[tokio::test]
async fn a_reply_without_an_image_is_a_bad_gateway() {
    let upstream = Upstream::start().await;
    let app = app_with_images(&upstream).await;
    for reply in [
        json!({"error": {"message": "not this", "code": "content_policy_violation"}}),
        json!({"created": 1, "data": [], "error": "not this"}),
        json!({"code": 400, "message": "not this"}),
        json!({"created": 1, "data": []}),
        json!({"created": 1, "data": null}),
        json!({"created": 1}),
        json!({"created": 1, "data": [null]}),
        json!({"created": 1, "data": [{"b64_json": null, "url": null}]}),
        json!({"created": 1, "data": [{"b64_json": ""}]}),
    ] {
        upstream.script([Reply::json(200, &reply)]);
        let (status, error) = app.call("POST", GENERATE, Some(json!({"prompt": "x"}))).await;
        assert_eq!(status, 502, "{reply}: {error}");
    }
    assert_eq!(app.ok("GET", "/v1/media", None).await["data"], json!([]), "nothing is stored");
    for event in [
        "event: error\ndata: {\"message\":\"not this\"}\n\n",
        "data: {\"type\":\"error\",\"error\":{\"message\":\"not this\"}}\n\n",
        "data: {\"type\":\"image_generation.completed\",\"b64_json\":null}\n\n",
    ] {
        upstream.script([Reply::stream(vec![Step::send(event)])]);
        let body = json!({"prompt": "x", "stream": true});
        let text = app.post(GENERATE, &body).send().await.unwrap().text().await.unwrap();
        assert!(text.contains("\"error\"") && !text.contains("completed"), "{event}: {text}");
    }
}

#[tokio::test]
async fn a_whole_reply_has_the_creation_time_whatever_the_upstream_sends() {
    let upstream = Upstream::start().await;
    let app = app_with_images(&upstream).await;
    let events = jan_tests::upstream::bodies::picture_events();
    let streamed = Reply::stream(events.iter().map(Step::event).collect());
    for reply in [Reply::json(200, &json!({"data": [{"b64_json": PIXEL}]})), streamed] {
        upstream.script([reply]);
        let reply_body = app.ok("POST", GENERATE, Some(json!({"prompt": "x"}))).await;
        assert!(reply_body["created"].as_u64().unwrap() > 1_700_000_000, "{reply_body}");
        assert!(reply_body["data"][0]["url"].is_string(), "{reply_body}");
    }
}
