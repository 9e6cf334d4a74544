//! Reading media: bytes, ranges, HEAD, links; and deletion.

use reqwest::Method;
use serde_json::{Value, json};

use super::{DOT, by_data_url, png, refused};
use crate::app::App;

/// Uploads an image; returns its id, link and bytes.
async fn picture(app: &App) -> (String, String, Vec<u8>) {
    let bytes = png(3, 3, b"0123456789");
    let kept: Value = app.upload(bytes.clone(), "a \"ü\".png", "image/png").await.json().await.unwrap();
    let text = |member: &str| kept["data"][member].as_str().unwrap().to_owned();
    (text("id"), text("url"), bytes)
}

#[tokio::test]
async fn bytes_are_read_whole_in_ranges_and_conditionally() {
    let app = App::start(|_| {}).await;
    let (id, link, bytes) = picture(&app).await;
    for path in [format!("/v1/media/{id}"), format!("/media/v1/media/{id}"), link] {
        let ask = |method: Method| app.client.request(method, app.at(&path)).bearer_auth(&app.token);
        let whole = ask(Method::GET).send().await.unwrap();
        let headers = whole.headers().clone();
        assert_eq!((whole.status().as_u16(), &whole.bytes().await.unwrap()[..]), (200, &bytes[..]), "{path}");
        let tag = headers["etag"].to_str().unwrap();
        for (name, value) in [
            ("content-type", "image/png"),
            ("x-content-type-options", "nosniff"),
            ("accept-ranges", "bytes"),
            ("content-length", &bytes.len().to_string()),
            ("content-disposition", "inline; filename=\"a ___.png\"; filename*=UTF-8''a%20%22%C3%BC%22.png"),
        ] {
            assert_eq!(headers[name], value, "{name}");
        }
        let head = ask(Method::HEAD).send().await.unwrap();
        for name in ["etag", "content-type", "content-length", "content-disposition", "cache-control"] {
            assert_eq!(head.headers()[name], headers[name], "{name}");
        }
        assert!(head.bytes().await.unwrap().is_empty());

        for (range, condition, status, part) in [
            ("bytes=0-3", None, 206, &bytes[..4]),
            ("bytes=-4", None, 206, &bytes[bytes.len() - 4..]),
            ("bytes=30-", Some(tag), 206, &bytes[30..]),
            ("bytes=30-", Some("\"other\""), 200, &bytes[..]),
            ("bytes=0-1,4-5", None, 200, &bytes[..]),
            ("nonsense", None, 200, &bytes[..]),
        ] {
            let request = ask(Method::GET).header("range", range);
            let request = if let Some(tag) = condition { request.header("if-range", tag) } else { request };
            let reply = request.send().await.unwrap();
            let content_range =
                reply.headers().get("content-range").map(|value| value.to_str().unwrap().to_owned());
            assert_eq!(
                (reply.status().as_u16(), content_range.is_some()),
                (status, status == 206),
                "{range}"
            );
            assert_eq!(&reply.bytes().await.unwrap()[..], part, "{range} {content_range:?}");
        }
        let outside = ask(Method::GET).header("range", "bytes=999-").send().await.unwrap();
        assert_eq!(outside.headers()["content-range"], format!("bytes */{}", bytes.len()));
        assert_eq!(refused(outside).await, (416, "out_of_range".into(), "Range".into()));
        for method in [Method::GET, Method::HEAD] {
            let known = ask(method).header("if-none-match", format!("W/{tag}")).send().await.unwrap();
            assert_eq!((known.status().as_u16(), &known.headers()["etag"]), (304, &headers["etag"]));
            assert!(known.bytes().await.unwrap().is_empty());
        }
    }
}

#[tokio::test]
async fn other_users_read_public_media_and_media_by_signed_links() {
    let app = App::start(|_| {}).await;
    let (id, link, bytes) = picture(&app).await;
    let plain = format!("/api/media/{id}");
    assert!(link.starts_with(&format!("{}{plain}?exp=", app.url)), "{link}");
    assert_eq!(app.open(&plain).await.status(), 404, "an id is not a signed link");
    let shown = app.open(&link).await;
    assert_eq!(shown.headers()["access-control-allow-origin"], "*");
    assert_eq!(shown.headers()["cache-control"], "private, max-age=3600, must-revalidate");
    assert_eq!(shown.bytes().await.unwrap(), bytes);
    for wrong in [
        link.replace("exp=", "exp=9"),
        link.replace("sig=", "sig=A"),
        format!("{plain}?sig=x"),
        format!("{plain}?exp=99999999999"),
    ] {
        assert_eq!(refused(app.open(&wrong).await).await, (403, "bad_link".into(), String::new()), "{wrong}");
    }

    let public = app.ok("PATCH", &format!("/v1/media/{id}"), Some(json!({"public": true}))).await;
    assert_eq!(
        (&public["data"]["public"], &public["data"]["url"]),
        (&json!(true), &json!(format!("{}{plain}", app.url)))
    );
    let shown = app.open(&plain).await;
    assert_eq!(
        shown.headers()["cache-control"],
        "public, max-age=3600, must-revalidate",
        "publication can be revoked"
    );
    assert_eq!(shown.headers()["x-content-type-options"], "nosniff");
    assert_eq!(shown.bytes().await.unwrap(), bytes);
    let head = app.client.head(format!("{}{plain}", app.url)).send().await.unwrap();
    assert_eq!(
        (head.status().as_u16(), head.headers()["content-length"].to_str().unwrap()),
        (200, bytes.len().to_string().as_str())
    );
    app.ok("PATCH", &format!("/v1/media/{id}"), Some(json!({"public": false}))).await;
    assert_eq!(app.open(&plain).await.status(), 404);
    assert_eq!(app.open("/api/media/nonsense").await.status(), 404);
    assert_eq!(app.open("/media/healthz").await.status(), 200);
}

#[tokio::test]
async fn links_are_returned_for_one_for_several_and_in_payloads() {
    let app = App::start(|_| {}).await;
    let (id, ..) = picture(&app).await;
    let dot =
        app.ok("POST", "/v1/media", Some(by_data_url(DOT))).await["data"]["id"].as_str().unwrap().to_owned();
    let one = app.ok("GET", &format!("/v1/media/{id}/presign"), None).await["data"].clone();
    assert_eq!(one["id"], id);
    assert!((604_790..=604_800).contains(&one["expires_in"].as_i64().unwrap()), "{one}");
    assert_eq!(app.open(one["url"].as_str().unwrap()).await.status(), 200);

    let placeholder = format!("data:image/png;{dot}");
    let both =
        app.ok("POST", "/v1/media/resolve", Some(json!({"ids": [placeholder, id]}))).await["data"]["media"]
            .clone();
    assert_eq!((&both[0]["id"], &both[1]["id"]), (&json!(dot), &json!(id)));
    for link in both.as_array().unwrap() {
        assert!(link["expires_at"].is_i64());
        assert_eq!(app.open(link["presigned_url"].as_str().unwrap()).await.status(), 200);
    }
    let payload = json!({"messages": [{"content": [{"image_url": {"url": placeholder}}, {"text": format!("about {id}")}, 7]}]});
    let resolved =
        app.ok("POST", "/v1/media/resolve", Some(json!({"payload": payload}))).await["data"]["payload"]
            .clone();
    let content = &resolved["messages"][0]["content"];
    assert_eq!(app.open(content[0]["image_url"]["url"].as_str().unwrap()).await.status(), 200);
    assert_eq!((&content[1]["text"], &content[2]), (&json!(format!("about {id}")), &json!(7)));

    let unknown = "jan_00000000000000000000000000";
    for body in [json!({"ids": [id, unknown]}), json!({"payload": [unknown]})] {
        let (status, error) = app.call("POST", "/v1/media/resolve", Some(body)).await;
        assert_eq!((status, &error["error"]["code"]), (404, &json!("unknown_media")));
        assert!(error["error"]["message"].as_str().unwrap().contains(unknown), "{error}");
    }
    assert_eq!(app.call("POST", "/v1/media/resolve", Some(json!({}))).await.1["error"]["param"], "ids");
}

#[tokio::test]
async fn deleted_media_is_not_found_on_any_route() {
    let app = App::start(|_| {}).await;
    let (id, link, _) = picture(&app).await;
    let gone = app.ok("DELETE", &format!("/v1/media/{id}"), None).await;
    assert_eq!(gone["data"], json!({"id": id, "object": "media.deleted", "deleted": true}));
    for path in [format!("/v1/media/{id}"), format!("/v1/media/{id}/metadata"), link] {
        assert_eq!(
            refused(app.get(&path).send().await.unwrap()).await,
            (404, "media_not_found".into(), "id".into()),
            "{path}"
        );
    }
    let (second, ..) = picture(&app).await;
    assert_ne!(id, second, "an id is never reused");
    let gone = app.ok("POST", "/v1/media/bulk-delete", Some(json!({"ids": [id, second]}))).await;
    assert_eq!(gone["data"], json!({"deleted_count": 1, "deleted_ids": [second]}));
    assert_eq!(app.call("POST", "/v1/media/bulk-delete", Some(json!({"ids": []}))).await.0, 400);
}
