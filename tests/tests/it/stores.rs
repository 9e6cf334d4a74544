//! Runs the tests of the stores (`promises`) on Postgres; memory and SQLite are tested in the crates that implement
//! them.

use jan_core::{Database, promises};
use jan_llm::Store;
use jan_tests::PrivatePostgres;

#[tokio::test(flavor = "multi_thread")]
async fn postgres_passes_the_tests_of_every_store() {
    // These tests do not depend on the disk.
    let Some(postgres) = PrivatePostgres::start_with(&[("fsync", "off")]).await else { return };
    let database = Database::open(&postgres.database().await).await.unwrap();
    let Store { conversations, branches, archive, records } = Store::on(&database).await.unwrap();
    promises::records(records.clone()).await;
    promises::conversations(promises::Stores { conversations, branches, archive, records }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_can_open_an_empty_postgres_at_the_same_time() {
    let Some(postgres) = PrivatePostgres::start_with(&[("fsync", "off")]).await else { return };
    let url = postgres.database().await;
    let open = async || Store::on(&Database::open(&url).await?).await;
    let (one, other) = tokio::join!(open(), open());
    assert!(one.is_ok() && other.is_ok());
    open().await.unwrap();
}
