//! An unknown id is not found, whatever its form: every route of the document is called with ids of many forms, and so
//! is every route whose body contains ids of the caller's data.

use std::time::Duration;

use jan_cli::config::Config;
use jan_tests::PrivatePostgres;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::app::App;
use crate::owners::{OwnedIds, body, create_data};

/// Unknown ids, as they are written in a path.
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

/// Unknown ids, as they are written in a body.
fn odd_texts() -> Vec<String> {
    let shapes =
        ["x", "conv_nope", "CONV_A", " ", "\0", "a\0b", "../x", "' OR '1'='1", "é\u{1F431}", "%00", "x\r\ny"];
    shapes.into_iter().map(str::to_owned).chain(["a".repeat(4000)]).collect()
}

/// Sends a request by hand, so that the path is not changed: an HTTP client would resolve `..`.
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
    // The reply to HEAD has no body.
    if method != "HEAD" {
        assert_eq!(reply["error"]["type"], "not_found_error", "{}: {reply}", shown());
    }
}

/// The paths to call for one path of the document: one variable is unknown, the others exist.
fn paths_to_try(path: &str, owned: &OwnedIds) -> Vec<String> {
    let existing = |variable: &str| match variable {
        "item_id" => owned.item.clone(),
        "name" => "other".to_owned(),
        "call_id" => "call_1".to_owned(),
        "share_id" => owned.share.clone(),
        _ if path.starts_with("/v1/conversations/") => owned.conversation.clone(),
        _ => "x".to_owned(),
    };
    let variables: Vec<&str> = path.split('{').skip(1).filter_map(|part| part.split('}').next()).collect();
    let mut paths_to_try = Vec::new();
    for odd in odd_paths() {
        for tried in &variables {
            let fill = |path: String, variable: &&str| {
                let value = if variable == tried { odd.clone() } else { existing(variable) };
                path.replace(&format!("{{{variable}}}"), &value)
            };
            paths_to_try.push(variables.iter().fold(path.to_owned(), fill));
        }
    }
    paths_to_try
}

async fn every_route(app: &App) {
    let owned = create_data(app).await;
    let document: Value = app.get("/api/openapi.json").send().await.unwrap().json().await.unwrap();
    let mut tried = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        if !path.contains('{') {
            continue;
        }
        for (method, operation) in operations.as_object().unwrap() {
            let method = method.to_uppercase();
            // A PUT without a signed link is refused before the id is looked up.
            if method == "PUT" && path == "/api/media/{id}" {
                continue;
            }
            let has_body = !matches!(method.as_str(), "GET" | "HEAD" | "DELETE");
            let body = has_body.then(|| body(operation["operationId"].as_str().unwrap()));
            for path in paths_to_try(path, &owned) {
                is_not_found(app, &method, &path, body.as_ref()).await;
                tried += 1;
            }
        }
    }
    assert!(tried > 1000, "{tried} requests were sent");
}

async fn every_body(app: &App) {
    let owned = create_data(app).await;
    let conversation = format!("/v1/conversations/{}", owned.conversation);
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
        // A bulk deletion skips unknown ids, and a list filtered by one is empty.
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
        // A cursor is a position in a list, so an unknown one is an invalid parameter.
        for list in ["conversations", "projects", "shares", "media", "files", "chat/completions"] {
            let (status, reply) = app.call("GET", &format!("/v1/{list}?after={encoded}"), None).await;
            assert_eq!((status, &reply["error"]["code"]), (400, &json!("unknown_cursor")), "{list}: {reply}");
        }
    }
    // Values that are not text are not ids.
    for body in [chat(json!(7), false), chat(json!([]), false), chat(json!({"id": 7}), false)] {
        assert_eq!(app.call("POST", "/v1/chat/completions", Some(body)).await.0, 400);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_id_is_not_found_on_every_route_whatever_its_form() {
    every_route(&App::start(|_| {}).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_id_is_not_found_in_every_body_whatever_its_form() {
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
