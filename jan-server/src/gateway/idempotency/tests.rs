use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use jan_core::auth::AllowAll;
use jan_core::clock::MovedClock;
use jan_core::{Clock, Database, UserId};

use super::lease::{LEASE, REPLY_LIFETIME};
use super::record::{KeyRecord, MAX_BODY};
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

/// Sends a chat with a key: the status, whether the reply was replayed, and the body.
async fn send(server: &Server, key: &str, text: &str) -> (u16, bool, Bytes) {
    let body = serde_json::json!({"model": "echo", "messages": [{"role": "user", "content": text}]});
    let request = Request::post("/v1/chat/completions").header(NAME, key);
    let request = request.body(Full::new(Bytes::from(body.to_string()))).unwrap();
    let response = server.handle(request).await;
    let (status, replayed) = (response.status().as_u16(), response.headers().contains_key(REPLAYED));
    (status, replayed, response.into_body().collect().await.unwrap().to_bytes())
}

fn code(body: &Bytes) -> String {
    let reply: serde_json::Value = serde_json::from_slice(body).unwrap();
    reply["error"]["code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_key_must_be_visible_ascii_of_at_most_255_characters() {
    let (server, _) = server().await;
    let longest = "k".repeat(MAX_KEY_LENGTH);
    for good in ["k", "\"8e03978e-40d5\"", &longest] {
        assert_eq!(send(&server, good, "x").await.0, 200, "{good}");
    }
    let long = "k".repeat(MAX_KEY_LENGTH + 1);
    for bad in ["", "two words", "schlüssel", &long] {
        let (status, _, body) = send(&server, bad, "x").await;
        assert_eq!(status, 400, "{bad}");
        let reply: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(reply["error"]["param"], NAME);
    }
}

#[tokio::test]
async fn a_reply_can_be_replayed_for_a_day() {
    let (server, clock) = server().await;
    let (_, replayed, first) = send(&server, "k", "one").await;
    assert!(!replayed);
    clock.advance(DAY - Duration::from_secs(1));
    assert_eq!(send(&server, "k", "one").await, (200, true, first));
    assert_eq!(code(&send(&server, "k", "two").await.2), "idempotency_conflict");
    clock.advance(Duration::from_secs(1));
    let (status, replayed, _) = send(&server, "k", "two").await;
    assert_eq!((status, replayed), (200, false));
}

#[tokio::test]
async fn a_request_with_a_reply_too_large_to_be_stored_does_not_run_twice() {
    let (server, _) = server().await;
    let text = "x".repeat(MAX_BODY + 1);
    assert_eq!(send(&server, "k", &text).await.0, 200);
    let (status, _, body) = send(&server, "k", &text).await;
    assert_eq!((status, code(&body).as_str()), (409, "idempotency_answer_too_large"));
}

#[tokio::test]
async fn a_key_of_a_dead_process_is_free_after_its_lease() {
    let database = Database::memory();
    let (server, clock) = server_on(&database).await;
    let records = Records::<KeyRecord>::new(KIND, jan_core::record::on(&database).await.unwrap());
    // As a process leaves it that dies during the request.
    let record = KeyRecord { digest: "something".into(), outcome: None };
    let abandoned = jan_core::record::TypedRecord::new("idem_1", clock.millis(), record).key("k");
    let me =
        server.inner.gateway.verifier.verify(jan_core::auth::Presented::nothing()).await.unwrap().unwrap();
    records.insert(&me.user, &abandoned.expires_at(clock.millis() + LEASE)).await.unwrap();

    assert_eq!(send(&server, "k", "one").await.0, 409);
    clock.advance(Duration::from_millis(LEASE as u64));
    assert_eq!(send(&server, "k", "one").await.0, 200);
    assert!(send(&server, "k", "one").await.1);
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_renewed_until_the_request_ends() {
    let (database, clock, me) = (Database::memory(), MovedClock::at(1_700_000_000), UserId::new("me"));
    let records = Records::new(KIND, jan_core::record::on(&database).await.unwrap());
    let acquire = || lease::acquire(records.clone(), Arc::new(clock.clone()), &me, "k", "asked");
    let KeyState::Acquired(lease) = acquire().await.unwrap() else { panic!("the key is free") };
    for _ in 0..10 {
        // Both clocks: the task sleeps by tokio's and stores times of the other.
        tokio::time::sleep(Duration::from_secs(30)).await;
        clock.advance(Duration::from_secs(30));
        assert!(matches!(acquire().await.unwrap(), KeyState::Running));
    }
    lease.store(Outcome::TooLarge).await;
    let stored = records.find(&me, "k").await.unwrap().unwrap();
    assert_eq!(stored.expires_at, Some(clock.millis() + REPLY_LIFETIME));
    assert!(matches!(acquire().await.unwrap(), KeyState::TooLarge));

    let acquire = || lease::acquire(records.clone(), Arc::new(clock.clone()), &me, "other", "asked");
    let KeyState::Acquired(lease) = acquire().await.unwrap() else { panic!("the key is free") };
    drop(lease);
    // A task of its own releases the key; it needs a few polls.
    for attempt in 0.. {
        if matches!(acquire().await.unwrap(), KeyState::Acquired(_)) {
            break;
        }
        assert!(attempt < 10_000, "a lease that was dropped is not released");
        tokio::task::yield_now().await;
    }
}
