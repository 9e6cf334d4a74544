use std::net::TcpStream;
use std::path::Path;

use super::*;

#[tokio::test]
async fn each_database_is_new_and_empty() {
    let Some(postgres) = PrivatePostgres::start().await else { return };
    let (one, other) = (postgres.database().await, postgres.database().await);
    assert_ne!(one, other);
    postgres.sql(&one, "create table words (word text)").await;
    for empty in [&other, &postgres.url()] {
        assert_eq!(postgres.sql(empty, "select to_regclass('words') is null").await, "t");
    }
    assert_eq!(postgres.sql(&one, "show fsync").await, "on");
}

#[tokio::test]
async fn a_committed_row_survives_a_kill() {
    let Some(mut postgres) = PrivatePostgres::start().await else { return };
    let url = postgres.database().await;
    postgres.sql(&url, "create table words (word text)").await;
    postgres.sql(&url, "insert into words values ('kept'), ('too')").await;
    let address = url.rsplit_once('@').unwrap().1.split_once('/').unwrap().0.to_owned();

    postgres.kill().await;
    assert!(TcpStream::connect(&address).is_err(), "nothing listens");
    postgres.restart().await;
    assert_eq!(postgres.sql(&url, "select * from words").await, "kept\ntoo");

    // A running server is stopped and started again.
    postgres.restart().await;
    assert_eq!(postgres.sql(&url, "select count(*) from words").await, "2");
}

#[tokio::test]
async fn settings_are_applied_and_the_folder_is_removed_at_the_end() {
    let Some(postgres) = PrivatePostgres::start_with(&[("fsync", "off")]).await else { return };
    let folder = postgres.sql(&postgres.url(), "show unix_socket_directories").await;
    assert_eq!(postgres.sql(&postgres.url(), "show fsync").await, "off");
    assert!(Path::new(&folder).exists());
    drop(postgres);
    assert!(!Path::new(&folder).exists());
}
