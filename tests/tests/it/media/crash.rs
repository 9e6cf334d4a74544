//! No acknowledged media is lost, and no row is without bytes: the server is killed during many uploads.

use std::collections::BTreeMap;

use jan_tests::within;
use reqwest::Client;
use reqwest::multipart::{Form, Part};
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::png;
use crate::app::client;
use crate::binary::{Serving, jan};

const WRITERS: usize = 32;
/// The server is killed after this number of acknowledged uploads in a round, while others are in progress.
const ACKNOWLEDGED: usize = 100;

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_uploads_survive_a_kill_of_the_server() {
    let dir = tempfile::tempdir().unwrap();
    let start = || Serving::start(jan(&dir).envs([("JAN_AUTH", "open"), ("JAN_RATE_LIMIT", "off")]));
    let (mut serving, client) = (start(), client());
    let (mut kept, mut links) = (BTreeMap::new(), Vec::new());
    for round in 0..2 {
        let acknowledged = watch::Sender::new(0);
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            writers.spawn(write(
                client.clone(),
                serving.1.clone(),
                format!("{round}.{writer}"),
                acknowledged.clone(),
            ));
        }
        let mut enough = acknowledged.subscribe();
        let waiting = enough.wait_for(|count| *count >= ACKNOWLEDGED);
        drop(within(&format!("{ACKNOWLEDGED} acknowledged uploads"), waiting).await);
        serving.kill();
        while let Some(theirs) =
            within("a writer to see that the server has ended", writers.join_next()).await
        {
            for (id, link, bytes) in theirs.unwrap() {
                links.push((link, bytes.clone()));
                kept.insert(id, bytes);
            }
        }
        serving = start();
        check(&client, &serving.1, &kept).await;
    }
    // Links stay valid when the process that signed them has ended.
    let (link, bytes) = links.first().unwrap();
    // The new server has another port.
    let path = link.split_at(link.find("/api/").unwrap()).1;
    assert_eq!(
        client.get(format!("{}{path}", serving.1)).send().await.unwrap().bytes().await.unwrap(),
        bytes
    );
    assert_eq!(serving.terminate(), Some(0));
}

/// Uploads files until the server has ended; returns id, link and bytes of the acknowledged ones.
async fn write(
    client: Client,
    url: String,
    name: String,
    count: watch::Sender<usize>,
) -> Vec<(String, String, Vec<u8>)> {
    let mut kept = Vec::new();
    for turn in 0.. {
        let bytes = png(5, 5, format!("{name}.{turn}.").repeat(3000).as_bytes());
        let form = Form::new().part("file", Part::bytes(bytes.clone()));
        let Ok(reply) = client.post(format!("{url}/v1/media/upload")).multipart(form).send().await else {
            break;
        };
        let status = reply.status();
        let Ok(answer) = reply.json::<Value>().await else { break };
        assert!(status.is_success(), "{status}: {answer}");
        let text = |member: &str| answer["data"][member].as_str().unwrap().to_owned();
        kept.push((text("id"), text("url"), bytes));
        count.send_modify(|count| *count += 1);
    }
    kept
}

/// Acknowledged media has its exact bytes, and all other listed media has bytes of the listed length.
async fn check(client: &Client, url: &str, kept: &BTreeMap<String, Vec<u8>>) {
    let (mut found, mut after) = (0, String::new());
    loop {
        let page = client.get(format!("{url}/v1/media?limit=100{after}")).send().await.unwrap();
        let page: Value = page.json().await.unwrap();
        for media in page["data"].as_array().unwrap() {
            let id = media["id"].as_str().unwrap();
            let bytes =
                client.get(format!("{url}/v1/media/{id}")).send().await.unwrap().bytes().await.unwrap();
            assert_eq!(bytes.len() as u64, media["bytes"].as_u64().unwrap(), "{id}");
            if let Some(known) = kept.get(id) {
                assert_eq!(bytes, known);
                found += 1;
            }
        }
        match page["next_after"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(found, kept.len(), "acknowledged media is lost");
}
