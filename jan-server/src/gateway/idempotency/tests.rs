use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use jan_core::auth::AllowAll;
use jan_core::clock::MovedClock;
use jan_core::{Clock, Database, UserId};

use super::claim::{KEPT, LEASE};
use super::record::{Entry, LARGEST};
use super::*;
use crate::{Echo, Server};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A server whose clock the test moves.
async fn server() -> (Server, MovedClock) {
    server_on(&Database::memory()).await
}

async fn server_on(database: &Database) -> (Server, MovedClock) {
    let clock = MovedClock::at(1_700_000_000);
    let builder = Server::builder().auth(AllowAll::new()).model(Echo::default()).database(database.clone());
    (builder.clock(Arc::new(clock.clone())).build().await.unwrap(), clock)
}

/// Asks for `text` with a key: the status, whether it was replayed, and the body.
async fn ask(server: &Server, key: &str, text: &str) -> (u16, bool, Bytes) {
    let body = serde_json::json!({"model": "echo", "messages": [{"role": "user", "content": text}]});
    let request = Request::post("/v1/chat/completions").header(NAME, key);
    let request = request.body(Full::new(Bytes::from(body.to_string()))).unwrap();
    let response = server.handle(request).await;
    let (status, replayed) = (response.status().as_u16(), response.headers().contains_key(REPLAYED));
    (status, replayed, response.into_body().collect().await.unwrap().to_bytes())
}

fn code(body: &Bytes) -> String {
    let said: serde_json::Value = serde_json::from_slice(body).unwrap();
    said["error"]["code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_key_is_visible_ascii_and_not_long() {
    let (server, _) = server().await;
    let longest = "k".repeat(LONGEST);
    for good in ["k", "\"8e03978e-40d5\"", &longest] {
        assert_eq!(ask(&server, good, "x").await.0, 200, "{good}");
    }
    let long = "k".repeat(LONGEST + 1);
    for bad in ["", "two words", "schlüssel", &long] {
        let (status, _, body) = ask(&server, bad, "x").await;
        assert_eq!(status, 400, "{bad}");
        let said: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(said["error"]["param"], NAME);
    }
}

#[tokio::test]
async fn an_answer_is_kept_for_a_day() {
    let (server, clock) = server().await;
    let (_, replayed, first) = ask(&server, "k", "one").await;
    assert!(!replayed);
    clock.advance(DAY - Duration::from_secs(1));
    assert_eq!(ask(&server, "k", "one").await, (200, true, first));
    assert_eq!(code(&ask(&server, "k", "two").await.2), "idempotency_conflict");
    clock.advance(Duration::from_secs(1));
    let (status, replayed, _) = ask(&server, "k", "two").await;
    assert_eq!((status, replayed), (200, false));
}

#[tokio::test]
async fn what_is_too_large_to_be_kept_is_not_done_twice() {
    let (server, _) = server().await;
    let text = "x".repeat(LARGEST + 1);
    assert_eq!(ask(&server, "k", &text).await.0, 200);
    let (status, _, body) = ask(&server, "k", &text).await;
    assert_eq!((status, code(&body).as_str()), (409, "idempotency_answer_too_large"));
}

#[tokio::test]
async fn a_key_whose_process_died_is_free_after_its_lease() {
    let database = Database::memory();
    let (server, clock) = server_on(&database).await;
    let records = Records::<Entry>::new(KIND, jan_core::record::on(&database).await.unwrap());
    // As a process leaves it that dies in the middle.
    let entry = Entry { asked: "something".into(), outcome: None };
    let left = jan_core::record::TypedRecord::new("idem_1", clock.millis(), entry).key("k");
    let me =
        server.inner.gateway.verifier.verify(jan_core::auth::Presented::nothing()).await.unwrap().unwrap();
    records.insert(&me.user, &left.expires_at(clock.millis() + LEASE)).await.unwrap();

    assert_eq!(ask(&server, "k", "one").await.0, 409);
    clock.advance(Duration::from_millis(LEASE as u64));
    assert_eq!(ask(&server, "k", "one").await.0, 200);
    assert!(ask(&server, "k", "one").await.1);
}

#[tokio::test(start_paused = true)]
async fn a_claim_is_renewed_until_it_ends() {
    let (database, clock, me) = (Database::memory(), MovedClock::at(1_700_000_000), UserId::new("me"));
    let records = Records::new(KIND, jan_core::record::on(&database).await.unwrap());
    let claim = || claim::claim(records.clone(), Arc::new(clock.clone()), &me, "k", "asked");
    let Turn::Mine(mine) = claim().await.unwrap() else { panic!("the key is free") };
    for _ in 0..10 {
        // Both clocks: the task sleeps by one and writes down the other.
        tokio::time::sleep(Duration::from_secs(30)).await;
        clock.advance(Duration::from_secs(30));
        assert!(matches!(claim().await.unwrap(), Turn::Running));
    }
    mine.settle(Outcome::TooLarge).await;
    let kept = records.find(&me, "k").await.unwrap().unwrap();
    assert_eq!(kept.expires_at, Some(clock.millis() + KEPT));
    assert!(matches!(claim().await.unwrap(), Turn::TooLarge));

    let claim = || claim::claim(records.clone(), Arc::new(clock.clone()), &me, "other", "asked");
    let Turn::Mine(mine) = claim().await.unwrap() else { panic!("the key is free") };
    drop(mine);
    // It is freed by a task of its own, which needs a few turns.
    for attempt in 0.. {
        if matches!(claim().await.unwrap(), Turn::Mine(_)) {
            break;
        }
        assert!(attempt < 10_000, "a claim that was dropped is not freed");
        tokio::task::yield_now().await;
    }
}
