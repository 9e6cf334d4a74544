//! Postgres keeps what every store promises; memory and SQLite are asked where they are written.

use jan_core::promises;
use jan_llm::Store;
use jan_llm::store::Durability;
use jan_tests::PrivatePostgres;

#[tokio::test(flavor = "multi_thread")]
async fn postgres_keeps_its_promises() {
    // What is promised here does not depend on the disk.
    let Some(postgres) = PrivatePostgres::start_with(&[("fsync", "off")]).await else { return };
    let store = Store::open(&postgres.database().await, Durability::Process).await.unwrap();
    promises::conversations(store.conversations).await;
    promises::records(store.records).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_may_open_an_empty_postgres_at_once() {
    let Some(postgres) = PrivatePostgres::start_with(&[("fsync", "off")]).await else { return };
    let url = postgres.database().await;
    let open = || Store::open(&url, Durability::Process);
    let (one, other) = tokio::join!(open(), open());
    assert!(one.is_ok() && other.is_ok());
    open().await.unwrap();
}
