//! An id that was never given out is not found, whatever it looks like: every route of the document is tried with ids of
//! many shapes, and so is every body that names something of the caller's.

use std::time::Duration;

use jan_cli::config::Config;
use jan_tests::PrivatePostgres;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::app::App;
use crate::owners::{Things, body, things};

/// As they stand in a path.
fn odd_paths() -> Vec<String> {
    let shapes = [
        "x",
        "-1",
        "null",
        "conv_nope",
        "conv_aaaaaaaaaaaaaaaa",
        "CONV_AAAAAAAAAAAAAAAA",
        "msg_aaaaaaaaaaaaaaaa",
        "proj_aaaaaaaaaaaaaaaa",
        "jan_00000000000000000000000000",
        "file-abc",
        "%20",
        "%25",
        "%00",
        "a%00b",
        "%FF%FE",
        "..%2F..%2Fetc%2Fpasswd",
        "..",
        "%2E%2E",
        "'%20OR%20'1'%3D'1",
        "x%0D%0Ay",
        "%E4%BD%A0%E5%A5%BD",
        "%F0%9F%90%B1",
    ];
    shapes.into_iter().map(str::to_owned).chain(["a".repeat(4000), "%C3%A9".repeat(500)]).collect()
}

/// As they stand in a body.
fn odd_texts() -> Vec<String> {
    let shapes =
        ["x", "conv_nope", "CONV_A", " ", "\0", "a\0b", "../x", "' OR '1'='1", "é\u{1F431}", "%00", "x\r\ny"];
    shapes.into_iter().map(str::to_owned).chain(["a".repeat(4000)]).collect()
}

/// A path goes out as it is written: an HTTP client would take `..` for a step up.
async fn status_and_body(app: &App, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
    let host = app.url.trim_start_matches("http://");
    let body = body.map(Value::to_string).unwrap_or_default();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        app.token,
        body.len()
    );
    let exchange = async {
        let mut stream = TcpStream::connect(host).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).await.unwrap();
        String::from_utf8_lossy(&reply).into_owned()
    };
    let reply = tokio::time::timeout(Duration::from_secs(30), exchange).await;
    let reply = reply.unwrap_or_else(|_| panic!("no reply to {method} {path} within 30 s"));
    let (head, body) = reply.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{method} {path}: {reply}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or_default())
}

async fn is_not_found(app: &App, method: &str, path: &str, body: Option<&Value>) {
    let shown = || format!("{method} {} {body:?}", path.chars().take(120).collect::<String>());
    let (status, reply) = status_and_body(app, method, path, body).await;
    assert_eq!(status, 404, "{}: {reply}", shown());
    // A HEAD has no body to tell more.
    if method != "HEAD" {
        assert_eq!(reply["error"]["type"], "not_found_error", "{}: {reply}", shown());
    }
}

/// The paths to try for one path of the document: each variable odd in turn, with what is there before it.
fn tries(path: &str, things: &Things) -> Vec<String> {
    let there = |variable: &str| match variable {
        "item_id" => things.item.clone(),
        "name" => "other".to_owned(),
        "call_id" => "call_1".to_owned(),
        "share_id" => things.share.clone(),
        _ if path.starts_with("/v1/conversations/") => things.conversation.clone(),
        _ => "x".to_owned(),
    };
    let variables: Vec<&str> = path.split('{').skip(1).filter_map(|part| part.split('}').next()).collect();
    let mut tries = Vec::new();
    for odd in odd_paths() {
        for tried in &variables {
            let fill = |path: String, variable: &&str| {
                let value = if variable == tried { odd.clone() } else { there(variable) };
                path.replace(&format!("{{{variable}}}"), &value)
            };
            tries.push(variables.iter().fold(path.to_owned(), fill));
        }
    }
    tries
}

async fn every_route(app: &App) {
    let things = things(app).await;
    let document: Value = app.get("/api/openapi.json").send().await.unwrap().json().await.unwrap();
    let mut tried = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        if !path.contains('{') {
            continue;
        }
        for (method, operation) in operations.as_object().unwrap() {
            let method = method.to_uppercase();
            // A PUT without a signed link is refused before anything is looked for.
            if method == "PUT" && path == "/api/media/{id}" {
                continue;
            }
            let has_body = !matches!(method.as_str(), "GET" | "HEAD" | "DELETE");
            let body = has_body.then(|| body(operation["operationId"].as_str().unwrap()));
            for path in tries(path, &things) {
                is_not_found(app, &method, &path, body.as_ref()).await;
                tried += 1;
            }
        }
    }
    assert!(tried > 1000, "{tried} were tried");
}

async fn every_body(app: &App) {
    let things = things(app).await;
    let conversation = format!("/v1/conversations/{}", things.conversation);
    let messages = json!([{"role": "user", "content": "x"}]);
    let chat = |conversation: Value, stream: bool| json!({"model": "echo", "messages": messages, "conversation": conversation, "stream": stream});
    for id in odd_texts() {
        let branches = format!("{conversation}/branches");
        let share = format!("{conversation}/share");
        let encoded: String = form_urlencoded::byte_serialize(id.as_bytes()).collect();
        let items = format!("{conversation}/items?branch={encoded}");
        let item = json!({"items": [{"role": "user", "content": "x"}]});
        for (method, path, body) in [
            ("POST", "/v1/chat/completions", Some(chat(json!(id), false))),
            ("POST", "/v1/chat/completions", Some(chat(json!({ "id": id }), true))),
            ("POST", "/v1/conversations", Some(json!({ "project_id": id }))),
            ("PATCH", &conversation, Some(json!({ "project_id": id }))),
            ("POST", &branches, Some(json!({"name": "new", "fork_from_item_id": id}))),
            ("POST", &branches, Some(json!({"name": "new", "parent_branch": id}))),
            ("POST", &share, Some(json!({"scope": "item", "item_id": id}))),
            ("POST", &share, Some(json!({"scope": "conversation", "branch": id}))),
            ("POST", "/v1/media/resolve", Some(json!({"ids": [id]}))),
            ("GET", &items, None),
            ("POST", &items, Some(item)),
        ] {
            is_not_found(app, method, path, body.as_ref()).await;
        }
        // What is not there is passed over where many are deleted, and narrows a list to nothing.
        for (path, body) in [
            ("/v1/conversations/bulk-delete", json!({"conversation_ids": [id]})),
            ("/v1/media/bulk-delete", json!({"ids": [id]})),
        ] {
            assert_eq!(app.ok("POST", path, Some(body)).await["data"]["deleted_count"], 0, "{id:?}");
        }
        for filter in
            ["conversations?project_id", "conversations?referrer", "chat/completions?model", "files?purpose"]
        {
            let list = app.ok("GET", &format!("/v1/{filter}={encoded}"), None).await;
            assert_eq!(list["data"], json!([]), "{filter}={encoded}");
        }
        // A cursor is no id of a thing but a place in a list: the list was asked for wrongly.
        for list in ["conversations", "projects", "shares", "media", "files", "chat/completions"] {
            let (status, reply) = app.call("GET", &format!("/v1/{list}?after={encoded}"), None).await;
            assert_eq!((status, &reply["error"]["code"]), (400, &json!("unknown_cursor")), "{list}: {reply}");
        }
    }
    // What is no text at all is no id.
    for body in [chat(json!(7), false), chat(json!([]), false), chat(json!({"id": 7}), false)] {
        assert_eq!(app.call("POST", "/v1/chat/completions", Some(body)).await.0, 400);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_id_is_not_found_on_every_route_whatever_its_shape() {
    every_route(&App::start(|_| {}).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_id_is_not_found_in_every_body_whatever_its_shape() {
    every_body(&App::start(|_| {}).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_id_is_not_found_in_postgres_either() {
    let Some(postgres) = PrivatePostgres::start_with(&[("fsync", "off")]).await else { return };
    for routes in [true, false] {
        let url = postgres.database().await;
        let app = App::start(|config: &mut Config| config.database.url = Some(url.into())).await;
        if routes {
            every_route(&app).await;
        } else {
            every_body(&app).await;
        }
    }
}
