//! Another process uses the database: it has locked the file, or few connections are available.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use jan_core::Database;
use jan_core::sql::file_url;
use jan_tests::{Upstream, within};
use reqwest::Client;
use serde_json::{Value, json};

use crate::app::{App, chat, client, events, provider};
use crate::binary::{Serving, jan};

async fn write(client: &Client, url: &str) -> (u16, bool) {
    let made = client.post(format!("{url}/v1/conversations")).json(&json!({})).send().await.unwrap();
    let (status, has_retry_after) = (made.status().as_u16(), made.headers().contains_key("retry-after"));
    let body: Value = made.json().await.unwrap();
    assert_eq!(status == 503, body["error"]["code"] == "database_unavailable", "{status}: {body}");
    (status, has_retry_after)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_locks_the_file_delays_only_writers() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("shared.db");
    let settings = [("JAN_AUTH", "open"), ("JAN_RATE_LIMIT", "off"), ("JAN_ECHO", "1")];
    let mut command = jan(&dir);
    command.envs(settings).env("JAN_DATABASE_URL", file_url(&file));
    let (serving, client) = (Serving::start(&mut command), client());
    let url = &serving.1;
    assert!((200..300).contains(&write(&client, url).await.0));

    // From here on this process has the lock, as a backup or an import could.
    let other = Database::sqlite(&file).await.unwrap();
    let lock = other.begin().await.unwrap();
    let started = Instant::now();
    let writers = async {
        let written = join_all((0..40).map(|_| write(&client, url))).await;
        (written, started.elapsed())
    };
    let others = async {
        for _ in 0..20 {
            assert_eq!(client.get(format!("{url}/healthz")).send().await.unwrap().status(), 200);
            let list = client.get(format!("{url}/v1/conversations")).send().await.unwrap();
            assert_eq!(list.json::<Value>().await.unwrap()["data"].as_array().unwrap().len(), 1);
            let request = client.post(format!("{url}/v1/chat/completions")).json(&chat("echo", true));
            assert_eq!(events(request.send().await.unwrap()).await.last().unwrap(), "[DONE]");
        }
        started.elapsed()
    };
    let ((written, refused), answered) = tokio::join!(writers, others);
    assert_eq!(written, vec![(503, true); 40]);
    // The deadline is 5 s; forty deadlines one after the other would take minutes.
    assert!(refused < Duration::from_secs(30), "the last writer was refused after {refused:?}");
    assert!(answered < Duration::from_secs(30), "readers and streams took {answered:?}");

    // The lock is released while a writer waits.
    let waiting = write(&client, url);
    let release = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        drop(lock);
    };
    assert!((200..300).contains(&tokio::join!(waiting, release).0.0));
    assert_eq!(serving.terminate(), Some(0));
}

/// Sends `at_once` chats that are stored, at the same time; each must be answered.
async fn turns(app: &App, at_once: usize) {
    let turn = |_| async {
        let mut request = chat("good", false);
        request["conversation"] = json!({});
        app.call("POST", "/v1/chat/completions", Some(request)).await
    };
    for (status, answer) in within("the turns", join_all((0..at_once).map(turn))).await {
        assert_eq!(status, 200, "{at_once} at once: {answer}");
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn turns_wait_for_the_connections_that_postgres_allows() {
    let Some(postgres) = jan_tests::PrivatePostgres::start().await else { return };
    let upstream = Upstream::start().await;
    let sql = async |sql: &str| postgres.sql(&postgres.url(), sql).await;
    sql("create role few login connection limit 5").await;
    sql("create role many login").await;
    for limit in ["by_role owner few", "by_database owner many connection limit 4", "shared owner few"] {
        sql(&format!("create database {limit}")).await;
    }
    for (role, database) in [("few", "by_role"), ("many", "by_database"), ("few", "shared")] {
        let url =
            postgres.url().replace("jan@", &format!("{role}@")).replace("/jan", &format!("/{database}"));
        // Another client uses some of the allowed connections.
        let other = Database::open(&url).await.unwrap();
        let held = if database == "shared" { Some(other.begin().await.unwrap()) } else { None };
        if held.is_none() {
            other.close().await;
        }
        let app = App::start(|config| {
            config.echo.enabled = false;
            config.providers.insert("upstream".into(), provider(&upstream.url()));
            config.database.url = Some(url.into());
        })
        .await;
        for at_once in [4, 12, 24] {
            turns(&app, at_once).await;
        }
        drop(held);
    }
}
