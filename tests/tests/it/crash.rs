//! Nothing acknowledged is lost: the server is killed during many writes, started again, and must return all of them.

use futures_util::{StreamExt, stream};
use jan_tests::within;
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::app::client;
use crate::binary::{Serving, jan};

const WRITERS: usize = 200;
/// The server is killed after this number of acknowledged writes in a round, while others are in progress.
const ACKNOWLEDGED: usize = 600;
const ROUNDS: usize = 2;

/// A conversation as its writer knows it.
struct Written {
    id: String,
    /// The names of the acknowledged batches, of three items each.
    kept: Vec<String>,
    /// The name of the batch that was sent and not acknowledged.
    open: Option<String>,
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_keeps_acknowledged_writes_when_the_server_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    acknowledged_writes_survive_kills(|| {
        Serving::start(jan(&dir).envs([("JAN_AUTH", "open"), ("JAN_RATE_LIMIT", "off")]))
    })
    .await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn postgres_keeps_acknowledged_writes_when_the_server_is_killed() {
    let Some(postgres) = jan_tests::PrivatePostgres::start().await else { return };
    let (dir, url) = (tempfile::tempdir().unwrap(), postgres.url());
    let settings = [("JAN_AUTH", "open"), ("JAN_RATE_LIMIT", "off"), ("JAN_DATABASE_URL", &url)];
    acknowledged_writes_survive_kills(|| Serving::start(jan(&dir).envs(settings))).await;
}

async fn acknowledged_writes_survive_kills(start: impl Fn() -> Serving) {
    let (mut serving, mut written, client) = (start(), Vec::new(), client());
    for round in 0..ROUNDS {
        let acknowledged = watch::Sender::new(0);
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let (url, name) = (format!("{}/v1/conversations", serving.1), format!("{round}.{writer}"));
            writers.spawn(write(client.clone(), url, name, acknowledged.clone()));
        }
        let mut enough = acknowledged.subscribe();
        // `wait_for` returns a lock guard, which would block the writers.
        let waiting = enough.wait_for(|count| *count >= ACKNOWLEDGED);
        drop(within(&format!("{ACKNOWLEDGED} acknowledged writes"), waiting).await);
        serving.kill();
        while let Some(theirs) =
            within("a writer to see that the server has ended", writers.join_next()).await
        {
            written.extend(theirs.unwrap());
        }
        serving = start();
        check(&client, &format!("{}/v1/conversations", serving.1), &written).await;
    }
    assert_eq!(serving.terminate(), Some(0));
}

/// Creates conversations and adds items to them until the server has ended.
async fn write(client: Client, url: String, name: String, count: watch::Sender<usize>) -> Vec<Written> {
    let mut written: Vec<Written> = Vec::new();
    let items = |batch: &str| -> Vec<_> { texts(batch).iter().map(|text| message(text)).collect() };
    for turn in 0.. {
        let batch = format!("{name}.{turn}");
        // A conversation is created with three items and gets three more items twice.
        match written.last_mut().filter(|last| last.kept.len() < 3) {
            None => {
                let body = json!({"items": items(&batch)});
                let Some(made) = acknowledged(client.post(&url).json(&body)).await else { break };
                let id = made["id"].as_str().unwrap().to_owned();
                written.push(Written { id, kept: vec![batch], open: None });
            }
            Some(last) => {
                let body = json!({"items": items(&batch)});
                last.open = Some(batch);
                let added = client.post(format!("{url}/{}/items", last.id)).json(&body);
                if acknowledged(added).await.is_none() {
                    break;
                }
                last.kept.extend(last.open.take());
            }
        }
        count.send_modify(|count| *count += 1);
    }
    written
}

/// How often a writer retries when the database of a busy machine was not available in time.
const TRIES: usize = 20;

/// The reply, if it arrived completely. A 503 means that there was no database connection in time and nothing was
/// written, so the request is repeated; any other error fails the test.
async fn acknowledged(request: RequestBuilder) -> Option<Value> {
    for _ in 0..TRIES {
        let response = request.try_clone().unwrap().send().await.ok()?;
        let status = response.status();
        let answer: Value = response.json().await.ok()?;
        if status != 503 {
            assert!(status.is_success(), "{status}: {answer}");
            return Some(answer);
        }
    }
    panic!("the database was not available in {TRIES} attempts");
}

fn texts(batch: &str) -> Vec<String> {
    (1..=3).map(|n| format!("{batch}/{n}")).collect()
}

fn message(text: &str) -> Value {
    json!({"type": "message", "role": "user", "content": text})
}

async fn check(client: &Client, url: &str, written: &[Written]) {
    let stored_texts = |id: String| async move {
        let items = client.get(format!("{url}/{id}/items?limit=100&order=asc"));
        let items = acknowledged(items).await.unwrap();
        let text = |item: &Value| item["content"][0]["text"].as_str().unwrap().to_owned();
        let texts: Vec<String> = items["data"].as_array().unwrap().iter().map(text).collect();
        (id, texts)
    };
    // Acknowledged batches are stored, in order; the one that was not acknowledged is stored completely or not at all.
    let mut found = stream::iter(written.iter().map(|known| stored_texts(known.id.clone()))).buffered(32);
    for known in written {
        let (_, found) = found.next().await.unwrap();
        let kept: Vec<_> = known.kept.iter().flat_map(|batch| texts(batch)).collect();
        let with_open: Vec<_> =
            kept.iter().cloned().chain(known.open.iter().flat_map(|b| texts(b))).collect();
        assert!(found == kept || found == with_open, "{}: {found:?} of {kept:?}", known.id);
    }
    // The same holds for conversations whose creation was not acknowledged.
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let page = acknowledged(client.get(format!("{url}?limit=100{after}"))).await.unwrap();
        all.extend(page["data"].as_array().unwrap().iter().map(|c| c["id"].as_str().unwrap().to_owned()));
        match page["next_after"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    let is_known = |id: &String| written.iter().any(|known| known.id == *id);
    assert_eq!(all.iter().filter(|id| is_known(id)).count(), written.len());
    let others: Vec<_> = all.into_iter().filter(|id| !is_known(id)).map(stored_texts).collect();
    let mut others = stream::iter(others).buffered(32);
    while let Some((id, found)) = others.next().await {
        let batch = found.first().and_then(|text| text.strip_suffix("/1")).unwrap_or_default();
        assert_eq!(found, texts(batch), "{id}");
    }
}
