//! A SQLite file: what is acknowledged is there, what is not leaves nothing, and nobody is hurt by anybody who left.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::future::join_all;
use tempfile::TempDir;

use super::*;
use crate::ErrorKind;

const TABLES: &[Migration] = &[Migration {
    number: 1,
    sqlite: "CREATE TABLE word (text TEXT PRIMARY KEY); CREATE TABLE tag (text TEXT NOT NULL)",
    postgres: "",
}];
const KEEP: &str = "INSERT INTO word (text) VALUES ($1)";

async fn open(folder: &TempDir) -> Db {
    let url = format!("sqlite:{}", folder.path().join("words.db").display());
    let db = Db::open(&url, Durability::Process).await.unwrap();
    db.migrate("words", TABLES).await.unwrap();
    db
}

async fn keep(db: &Db, text: &str) -> Result<u64> {
    db.execute(KEEP, &[text.into()]).await
}

async fn words(db: &Db) -> Vec<String> {
    let rows = db.all("SELECT text FROM word ORDER BY text", &[]).await.unwrap();
    rows.iter().map(|row| row.text("text").unwrap()).collect()
}

/// Polls a future so often and then drops it, with time for the database between two polls. What it ended with, if it did.
fn cut_after<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    for _ in 0..polls {
        if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return Some(done);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    None
}

#[tokio::test]
async fn a_hundred_writers_at_once_are_all_kept() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&folder).await;
    let names: Vec<_> = (100..200).map(|n| n.to_string()).collect();
    for written in join_all(names.iter().map(|name| keep(&db, name))).await {
        assert_eq!(written.unwrap(), 1);
    }
    assert_eq!(words(&db).await, names);
    // As after a crash: another opens the file while nobody has closed it.
    assert_eq!(words(&open(&folder).await).await, names);
    drop(db.begin().await.unwrap());
    db.close().await;
    assert_eq!(keep(&db, "late").await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(words(&open(&folder).await).await, names);
}

#[tokio::test]
async fn a_transaction_that_is_dropped_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&folder).await;
    for written in 0..3 {
        let mut tx = db.begin().await.unwrap();
        for n in 0..written {
            tx.execute(KEEP, &[format!("lost {n}").into()]).await.unwrap();
        }
        drop(tx);
        keep(&db, &format!("kept {written}")).await.unwrap();
    }
    assert_eq!(words(&db).await, ["kept 0", "kept 1", "kept 2"]);
}

#[tokio::test]
async fn a_writer_who_leaves_at_any_moment_hurts_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&folder).await;
    let both = async |n: usize| {
        let mut tx = db.begin().await?;
        for half in ["a", "b"] {
            tx.execute(KEEP, &[format!("{n} {half}").into()]).await?;
        }
        tx.commit().await
    };
    // How far so many polls bring it depends on how fast the database answers: every distance is tried a few times.
    for round in 0..60 {
        let ended = cut_after(round % 12, both(round));
        keep(&db, &format!("{round} next")).await.unwrap();
        let found = words(&db).await;
        let is_there = |word: &str| found.contains(&format!("{round} {word}"));
        assert!(is_there("next"));
        assert_eq!(is_there("a"), is_there("b"), "whole or not at all");
        if let Some(ended) = ended {
            ended.unwrap();
            assert!(is_there("a"), "what was acknowledged is there");
        }
    }
}

#[tokio::test]
async fn those_who_share_a_commit_with_one_who_leaves_are_told_the_truth() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&folder).await;
    for polls in 0..20 {
        let names: Vec<_> = (0..3).map(|n| format!("{polls} {n}")).collect();
        let mut others = Box::pin(join_all(names.iter().map(|name| keep(&db, name))));
        let mut cx = Context::from_waker(Waker::noop());
        // The one who leaves is in line before the others.
        let leaver = format!("{polls} leaver");
        let mut leaves = Box::pin(keep(&db, &leaver));
        for _ in 0..polls {
            if leaves.as_mut().poll(&mut cx).is_ready() {
                break;
            }
            let _ = others.as_mut().poll(&mut cx);
            std::thread::sleep(Duration::from_millis(2));
        }
        drop(leaves);
        let written = others.as_mut().await;
        assert!(written.iter().all(Result::is_ok), "cut after {polls}: {written:?}");
        let found = words(&db).await;
        assert!(names.iter().all(|name| found.contains(name)));
    }
}

#[tokio::test]
async fn a_write_that_is_refused_leaves_those_of_others() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&folder).await;
    keep(&db, "taken").await.unwrap();
    let names: Vec<_> =
        (10..40).map(|n| if n % 3 == 0 { "taken".to_owned() } else { n.to_string() }).collect();
    for (name, written) in names.iter().zip(join_all(names.iter().map(|name| keep(&db, name))).await) {
        match written {
            Ok(_) => assert_ne!(name, "taken"),
            Err(error) => assert_eq!((error.kind(), name.as_str()), (ErrorKind::Conflict, "taken")),
        }
    }
    assert_eq!(words(&db).await.len(), 21);
}

#[tokio::test]
async fn readers_do_not_see_what_is_not_committed() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&folder).await;
    let mut tx = db.begin().await.unwrap();
    tx.execute(KEEP, &["mine".into()]).await.unwrap();
    assert!(tx.one("SELECT text FROM word", &[]).await.unwrap().is_some());
    assert_eq!(words(&db).await, [""; 0]);
    tx.commit().await.unwrap();
    assert_eq!(words(&db).await, ["mine"]);
    // Nor can they write.
    let error = db.all("DELETE FROM word RETURNING text", &[]).await.map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal);
    assert_eq!(words(&db).await, ["mine"]);
}

#[tokio::test]
async fn a_database_is_migrated_once_and_by_no_older_version() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&folder).await;
    keep(&db, "kept").await.unwrap();
    let second = Migration { number: 2, sqlite: "ALTER TABLE word ADD COLUMN more TEXT", postgres: "" };
    let steps = [TABLES[0], second];
    for _ in 0..2 {
        db.migrate("words", &steps).await.unwrap();
        db.migrate("another room", &[]).await.unwrap();
    }
    assert_eq!(words(&db).await, ["kept"]);
    let error = db.migrate("words", TABLES).await.unwrap_err();
    assert_eq!((error.kind(), error.get_code()), (ErrorKind::Unavailable, "database_too_new"));
    keep(&db, "kept still").await.unwrap();
}

#[tokio::test]
async fn a_migration_that_fails_leaves_the_database_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&folder).await;
    let second = Migration { number: 2, sqlite: "CREATE TABLE half (a TEXT); SELECT nonsense", postgres: "" };
    for _ in 0..2 {
        let error = db.migrate("words", &[TABLES[0], second]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal);
    }
    assert!(db.all("SELECT * FROM half", &[]).await.is_err());
    db.migrate("words", TABLES).await.unwrap();
    keep(&db, "kept").await.unwrap();
}

#[tokio::test]
async fn what_is_no_database_is_refused() {
    for url in ["", "words.db", "mysql://localhost/words", "memory"] {
        let error = Db::open(url, Durability::Process).await.unwrap_err();
        assert_eq!(error.get_param(), Some("database.url"), "{url}");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("no database");
    std::fs::write(&file, "These are not the bytes of a database, and they are rather many: 1234567890.")
        .unwrap();
    for path in [file, folder.path().join("no folder/words.db")] {
        let error = Db::open(&format!("sqlite:{}", path.display()), Durability::Process).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
    }
}
