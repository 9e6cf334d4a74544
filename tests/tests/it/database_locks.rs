//! What another process does to the database: it holds the file, or leaves few connections.

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
    let (status, come_back) = (made.status().as_u16(), made.headers().contains_key("retry-after"));
    let body: Value = made.json().await.unwrap();
    assert_eq!(status == 503, body["error"]["code"] == "database_unavailable", "{status}: {body}");
    (status, come_back)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_holds_the_file_stops_writers_alone() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("shared.db");
    let settings = [("JAN_AUTH", "open"), ("JAN_RATE_LIMIT", "off"), ("JAN_ECHO", "1")];
    let mut command = jan(&dir);
    command.envs(settings).env("JAN_DATABASE_URL", file_url(&file));
    let (serving, client) = (Serving::start(&mut command), client());
    let url = &serving.1;
    assert!((200..300).contains(&write(&client, url).await.0));

    // From here on this process has the lock, as a backup or an import would.
    let other = Database::sqlite(&file).await.unwrap();
    let lock = other.begin().await.unwrap();
    let begun = Instant::now();
    let writers = async {
        let written = join_all((0..40).map(|_| write(&client, url))).await;
        (written, begun.elapsed())
    };
    let others = async {
        for _ in 0..20 {
            assert_eq!(client.get(format!("{url}/healthz")).send().await.unwrap().status(), 200);
            let list = client.get(format!("{url}/v1/conversations")).send().await.unwrap();
            assert_eq!(list.json::<Value>().await.unwrap()["data"].as_array().unwrap().len(), 1);
            let asked = client.post(format!("{url}/v1/chat/completions")).json(&chat("echo", true));
            assert_eq!(events(asked.send().await.unwrap()).await.last().unwrap(), "[DONE]");
        }
        begun.elapsed()
    };
    let ((written, refused), answered) = tokio::join!(writers, others);
    assert_eq!(written, vec![(503, true); 40]);
    // A deadline is 5 s, and forty of them one after the other would be minutes.
    assert!(refused < Duration::from_secs(30), "the last writer was told after {refused:?}");
    assert!(answered < Duration::from_secs(30), "readers and streams took {answered:?}");

    // The lock goes while somebody waits.
    let waiting = write(&client, url);
    let free = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        drop(lock);
    };
    assert!((200..300).contains(&tokio::join!(waiting, free).0.0));
    assert_eq!(serving.terminate(), Some(0));
}

/// Turns that are kept, so many at once; each is to be answered.
async fn turns(app: &App, at_once: usize) {
    let turn = |_| async {
        let mut asked = chat("good", false);
        asked["conversation"] = json!({});
        app.call("POST", "/v1/chat/completions", Some(asked)).await
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
        // Somebody else has some of those that are allowed.
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
