//! Runs every example, as a reader would.

use std::process::{Command, Stdio};

use jan_tests::{Process, Upstream, output};
use serde_json::{Value, json};

use crate::app::{binary, chat, client};

/// An example that serves HTTP, and its URL. Dropping it stops the program.
struct Running {
    _process: Process,
    url: String,
}

impl Running {
    fn start(name: &str) -> Self {
        let mut process = Process::start(Command::new(binary(name)).stdout(Stdio::piped()));
        let url = process.stdout().unwrap().with("http://");
        Self { _process: process, url: url.trim().to_owned() }
    }
}

async fn answer(url: &str, model: &str) -> String {
    let request = client().post(url).header("x-api-key", "sk_example_0123456789abcdef");
    let reply: Value = request.json(&chat(model, false)).send().await.unwrap().json().await.unwrap();
    reply["choices"][0]["message"]["content"].as_str().unwrap_or_else(|| panic!("{reply}")).to_owned()
}

#[tokio::test]
async fn the_server_examples_answer() {
    for (name, path, model, expected) in [
        ("01_hello_server", "", "echo", "Hello!"),
        ("02_own_model", "", "parrot", "Squawk! Hello!"),
        ("04_mounted_in_axum", "/ai", "echo", "Hello!"),
        ("05_plain_hyper_loop", "", "echo", "Hello!"),
    ] {
        let running = Running::start(name);
        assert_eq!(
            answer(&format!("{}{path}/v1/chat/completions", running.url), model).await,
            expected,
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_mounted_server_has_its_documentation_under_its_path() {
    let running = Running::start("04_mounted_in_axum");
    let page = client().get(format!("{}/ai/api/swagger/index.html", running.url)).send().await.unwrap();
    assert_eq!(page.status(), 200);
    assert_eq!(client().get(&running.url).send().await.unwrap().text().await.unwrap(), "my own page");
}

/// Requests the current user with these headers: the status, and user id, auth method and error code.
async fn current_user(url: &str, headers: &[(&'static str, &str)]) -> (u16, Value) {
    let request =
        headers.iter().fold(client().get(format!("{url}/v1/users/me")), |request, (name, value)| {
            request.header(*name, *value)
        });
    let reply = request.send().await.unwrap();
    let status = reply.status().as_u16();
    let body: Value = serde_json::from_slice(&reply.bytes().await.unwrap()).unwrap_or_default();
    (status, json!([body["data"]["id"], body["data"]["auth_method"], body["error"]["code"]]))
}

#[tokio::test]
async fn users_are_identified_by_a_session_cookie_or_a_key() {
    let running = Running::start("10_session_cookie");
    let url = &running.url;
    for _ in 0..2 {
        assert_eq!(
            current_user(url, &[("cookie", "a=b; session=s3cret")]).await,
            (200, json!(["ann", "session", null]))
        );
        assert_eq!(
            current_user(url, &[("cookie", "session=other")]).await,
            (401, json!([null, null, "session_ended"]))
        );
    }
    let (status, by_key) = current_user(url, &[("x-api-key", "sk_example_0123456789abcdef")]).await;
    assert_eq!((status, &by_key[1]), (200, &json!("api_key")));
    assert_eq!(current_user(url, &[]).await, (401, json!([null, null, "missing_credential"])));
    // A browser sends the cookie with requests of every page, so changes are accepted only from allowed origins.
    let change = |origin: &'static str| {
        let request = client().post(format!("{url}/v1/conversations")).header("cookie", "session=s3cret");
        request.header("origin", origin).send()
    };
    let own: &'static str = Box::leak(url.clone().into_boxed_str());
    for (origin, status) in [(own, 200), ("http://localhost:3000", 200), ("https://evil.example", 403)] {
        assert_eq!(change(origin).await.unwrap().status(), status, "{origin}");
    }
    // The identity header that services behind the original's gateway trust is ignored here.
    assert_eq!(current_user(url, &[("x-user-id", "ann")]).await.0, 401);
}

#[tokio::test]
async fn users_are_those_that_the_host_app_authenticated() {
    let running = Running::start("11_host_users");
    let url = format!("{}/ai", running.url);
    for name in ["ann", "bob"] {
        assert_eq!(current_user(&url, &[("x-my-app-user", name)]).await, (200, json!([name, "host", null])));
    }
    assert_eq!(current_user(&url, &[("authorization", "Bearer x")]).await.0, 401);
}

#[tokio::test]
async fn chat_without_http_prints_both_turns() {
    let done = output(&mut Command::new(binary("03_chat_without_http")));
    let text = String::from_utf8(done.stdout).unwrap();
    assert_eq!(text.lines().collect::<Vec<_>>(), ["Hello from Rust!", "And again.", "13 tokens"]);

    let upstream = Upstream::start().await;
    let url = upstream.url();
    let remote = tokio::task::spawn_blocking(move || {
        output(Command::new(binary("03_chat_without_http")).args([url.as_str(), "good"]))
    });
    assert!(remote.await.unwrap().status.success());
    assert_eq!(upstream.post_requests().len(), 2);
}

#[test]
fn a_stored_chat_continues_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("chats.db");
    let run = || {
        let done = output(Command::new(binary("06_kept_chat")).arg(&file));
        String::from_utf8(done.stdout).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(run(), ["Hello number 1", "Hello number 1: 2 items"]);
    assert_eq!(run(), ["Hello number 2", "Hello number 1: 4 items"]);
}

#[test]
fn an_own_store_sees_every_turn() {
    let done = output(&mut Command::new(binary("07_own_store")));
    assert_eq!(String::from_utf8(done.stdout).unwrap(), "ann: 2 items stored\n");
}

#[test]
fn own_tables_are_in_the_same_database() {
    let folder = tempfile::tempdir().unwrap();
    let done = output(Command::new(binary("12_own_tables")).arg(folder.path().join("tickets.db")));
    let wanted = "the number is taken: true\nticket 1: 1 item\nconversations in all: 1\n";
    assert_eq!(String::from_utf8(done.stdout).unwrap(), wanted);
}

#[test]
fn a_layer_of_ones_own_counts_calls() {
    let done = output(&mut Command::new(binary("13_own_layer")));
    let wanted = "ann: Some(2)\nann: Some(2)\nann: You have asked enough for today.\nbob: Some(2)\n";
    assert_eq!(String::from_utf8(done.stdout).unwrap(), wanted);
}

#[test]
fn media_is_stored_without_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let done = output(Command::new(binary("08_media_without_server")).arg(folder.path()));
    let text = String::from_utf8(done.stdout).unwrap();
    assert!(text.contains("again: true, Bob's: false") && text.contains("the same: true"), "{text}");
    assert!(text.ends_with("1 of Ann's deleted, and Bob's is still there: true\n"), "{text}");
}

#[test]
fn an_own_blob_store_stores_media() {
    let done = output(&mut Command::new(binary("09_own_blob_store")));
    let wanted = "text/plain: 30 bytes, in 1 and 1\ntwo places\n";
    assert_eq!(String::from_utf8(done.stdout).unwrap(), wanted);
}

#[test]
fn examples_are_short() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            let lines = std::fs::read_to_string(&path).unwrap().lines().count();
            assert!(lines <= 60, "{} has {lines} lines", path.display());
            seen += 1;
        }
    }
    assert!(seen >= 5);
}
