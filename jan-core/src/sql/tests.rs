//! Tests of the SQLite database: acknowledged writes are kept, other writes have no effect, and a caller that is
//! dropped at any moment does not disturb others.

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

const BOTH: [Durability; 2] = [Durability::Process, Durability::Full];

async fn open(folder: &TempDir) -> Db {
    open_with(folder, Durability::Process).await
}

async fn open_with(folder: &TempDir, durability: Durability) -> Db {
    let db = Db::open(&file_url(folder.path().join("words.db")), durability).await.unwrap();
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

/// Polls a future `polls` times and then drops it, with a pause for the database between two polls. Returns its output
/// if it completed.
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
    for durability in BOTH {
        let folder = tempfile::tempdir().unwrap();
        let db = open_with(&folder, durability).await;
        let names: Vec<_> = (100..200).map(|n| n.to_string()).collect();
        for written in join_all(names.iter().map(|name| keep(&db, name))).await {
            assert_eq!(written.unwrap(), 1);
        }
        assert_eq!(words(&db).await, names);
        // As after a crash: the file is opened again although it was not closed.
        assert_eq!(words(&open(&folder).await).await, names);
        drop(db.begin().await.unwrap());
        db.close().await;
        assert_eq!(keep(&db, "late").await.unwrap_err().kind(), ErrorKind::Unavailable);
        assert_eq!(db.all("SELECT 1", &[]).await.map(drop).unwrap_err().kind(), ErrorKind::Unavailable);
        assert_eq!(words(&open(&folder).await).await, names);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threads_that_write_and_read_at_once_get_on() {
    for durability in BOTH {
        let folder = tempfile::tempdir().unwrap();
        let db = open_with(&folder, durability).await;
        let writers = (0..8).map(|writer| {
            let db = db.clone();
            tokio::spawn(async move {
                for n in 0..50 {
                    keep(&db, &format!("{writer} {n}")).await.unwrap();
                    let mine = [format!("{writer} {n}").into()];
                    assert!(db.one("SELECT text FROM word WHERE text = $1", &mine).await.unwrap().is_some());
                }
            })
        });
        for writer in join_all(writers).await {
            writer.unwrap();
        }
        assert_eq!(words(&db).await.len(), 400);
    }
}

#[tokio::test]
async fn very_many_rows_are_written_on_blocking_threads_and_undone_like_few() {
    for durability in BOTH {
        let folder = tempfile::tempdir().unwrap();
        let db = open_with(&folder, durability).await;
        let many = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
                    INSERT INTO word (text) SELECT 'word ' || i FROM n";
        assert_eq!(db.execute_bulk(many, &[9000.into()]).await.unwrap(), 9000);
        for polls in 0..6 {
            cut_after(polls, db.execute_bulk("DELETE FROM word WHERE text <> $1", &["kept".into()]));
            // A commit that was begun runs to its end; the next writer waits for it.
            drop(db.begin().await.unwrap());
            let left = words(&db).await.len();
            assert!(left == 9000 || left == 0, "{left} left");
            if left == 0 {
                db.execute_bulk(many, &[9000.into()]).await.unwrap();
            }
        }
        db.close().await;
        // The last deletion may have been committing when its caller was dropped: it happened completely or not at
        // all.
        let left = words(&open(&folder).await).await.len();
        assert!(left == 9000 || left == 0, "{left} left");
    }
}

#[tokio::test]
async fn one_who_leaves_does_not_hold_the_file() {
    for durability in BOTH {
        let folder = tempfile::tempdir().unwrap();
        let (db, other) = (open_with(&folder, durability).await, open_with(&folder, durability).await);
        let mut tx = db.begin().await.unwrap();
        tx.execute(KEEP, &["lost".into()]).await.unwrap();
        drop(tx);
        // A caller that has written and is dropped while its commit is pending.
        cut_after(1, keep(&db, "perhaps"));
        keep(&other, "another process").await.unwrap();
        assert!(words(&db).await.contains(&"another process".to_owned()));
        assert!(!words(&db).await.contains(&"lost".to_owned()));
    }
}

#[tokio::test]
async fn a_file_that_another_process_holds_is_waited_for_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let (db, other) = (open(&folder).await, open(&folder).await);
    let tx = other.begin().await.unwrap();
    let mut waits = Box::pin(keep(&db, "late"));
    assert!(waits.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    // Readers are not blocked meanwhile.
    assert_eq!(words(&db).await, [""; 0]);
    drop(tx);
    assert_eq!(waits.await.unwrap(), 1);
}

/// The clock of these two tests is paused: it advances only while all tasks wait for its timers. So a task that blocks
/// its thread, and waits by the machine's clock, is noticed.
#[tokio::test(start_paused = true)]
async fn a_lock_of_another_process_stops_writers_alone_and_all_of_them_once() {
    for durability in BOTH {
        let folder = tempfile::tempdir().unwrap();
        let (db, other) = (open_with(&folder, durability).await, open(&folder).await);
        keep(&db, "before").await.unwrap();
        let lock = other.begin().await.unwrap();
        let begun = tokio::time::Instant::now();
        let names: Vec<_> = (100..140).map(|n| n.to_string()).collect();
        let writers = async {
            let written = join_all(names.iter().map(|name| keep(&db, name))).await;
            (written, begun.elapsed())
        };
        let readers = async {
            for _ in 0..100 {
                assert_eq!(words(&db).await, ["before"]);
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            begun.elapsed()
        };
        let ((written, given_up), read) = tokio::join!(writers, readers);
        assert!(read < Duration::from_secs(2), "readers went on meanwhile: {read:?}");
        let deadline = Duration::from_secs(5)..Duration::from_secs(6);
        assert!(deadline.contains(&given_up), "one deadline for all: {given_up:?}");
        for refused in written {
            let error = refused.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable);
            assert!(error.retry_after().is_some());
        }
        // A later caller has a deadline of its own, and waits no longer than the lock is held.
        let late = keep(&db, "late");
        let free = async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            drop(lock);
        };
        assert_eq!(tokio::join!(late, free).0.unwrap(), 1);
        assert_eq!(words(&db).await, ["before", "late"]);
    }
}

#[tokio::test(start_paused = true)]
async fn those_who_waited_for_another_process_write_in_the_order_they_came() {
    for durability in BOTH {
        let folder = tempfile::tempdir().unwrap();
        let (db, other) = (open_with(&folder, durability).await, open(&folder).await);
        let lock = other.begin().await.unwrap();
        let names: Vec<_> = (0..20).map(|n| format!("{}", n * 7 % 20)).collect();
        let leaver = keep(&db, "one who leaves while at the head of the queue");
        assert!(tokio::time::timeout(Duration::from_millis(100), leaver).await.is_err());
        let writers = join_all(names.iter().map(|name| keep(&db, name)));
        let free = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            drop(lock);
        };
        assert!(tokio::join!(writers, free).0.iter().all(Result::is_ok));
        let rows = db.all("SELECT text FROM word ORDER BY rowid", &[]).await.unwrap();
        let kept: Vec<_> = rows.iter().map(|row| row.text("text").unwrap()).collect();
        assert_eq!(kept, names);
    }
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
    for durability in BOTH {
        let folder = tempfile::tempdir().unwrap();
        let db = open_with(&folder, durability).await;
        let both = async |n: usize| {
            let mut tx = db.begin().await?;
            for half in ["a", "b"] {
                tx.execute(KEEP, &[format!("{n} {half}").into()]).await?;
            }
            tx.commit().await
        };
        // How far the future gets in a number of polls depends on the speed of the database, so every number is tried
        // several times.
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
}

#[tokio::test]
async fn those_who_share_a_commit_with_one_who_leaves_are_told_the_truth() {
    for durability in BOTH {
        let folder = tempfile::tempdir().unwrap();
        let db = open_with(&folder, durability).await;
        for polls in 0..20 {
            let names: Vec<_> = (0..3).map(|n| format!("{polls} {n}")).collect();
            let mut others = Box::pin(join_all(names.iter().map(|name| keep(&db, name))));
            let mut cx = Context::from_waker(Waker::noop());
            // The caller that is dropped queues before the others.
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
    // Readers cannot write either.
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
    assert_eq!((error.kind(), error.code()), (ErrorKind::Unavailable, "database_too_new"));
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
async fn tables_of_an_embedder_live_beside_ours_and_are_written_with_them() {
    use crate::record::{self, Records, TypedRecord};
    use crate::{Database, UserId};

    let (folder, me) = (tempfile::tempdir().unwrap(), UserId::new("me"));
    for times in 1..=2 {
        let database = Database::sqlite(folder.path().join("app.db")).await.unwrap();
        let db = database.sql().unwrap();
        db.migrate("app", TABLES).await.unwrap();
        let notes = Records::<i64>::new("note", record::on(&database).await.unwrap());
        for (commits, word) in [(false, "lost"), (true, "kept")] {
            let word = format!("{word} {times}");
            let mut tx = database.begin().await.unwrap();
            notes.insert_in(&mut tx, &me, &TypedRecord::new(word.clone(), 0, times)).await.unwrap();
            db.of(&mut tx).unwrap().execute(KEEP, &[word.into()]).await.unwrap();
            if commits {
                tx.commit().await.unwrap();
            }
        }
        let kept: Vec<_> = (1..=times).map(|n| format!("kept {n}")).collect();
        assert_eq!(words(db).await, kept);
        let mut noted: Vec<_> = notes.all(&me, None).await.unwrap().into_iter().map(|note| note.id).collect();
        noted.sort();
        assert_eq!(noted, kept);
        database.close().await;
    }
}

#[tokio::test]
async fn a_transaction_is_taken_by_stores_of_its_own_database_alone() {
    use crate::{Database, Transaction};

    let folder = tempfile::tempdir().unwrap();
    let (db, other) = (open(&folder).await, open(&folder).await);
    let mut tx = Transaction::new(db.begin().await.unwrap());
    assert!(db.of(&mut tx).is_ok());
    assert_eq!(other.of(&mut tx).map(drop).unwrap_err().kind(), ErrorKind::Internal);
    let mut elsewhere = Database::memory().begin().await.unwrap();
    assert_eq!(db.of(&mut elsewhere).map(drop).unwrap_err().kind(), ErrorKind::Internal);
}

#[tokio::test]
async fn the_names_of_our_own_migrations_are_reserved() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&folder).await;
    for ours in RESERVED {
        assert_eq!(db.migrate(ours, &[]).await.unwrap_err().param(), Some("set"), "{ours}");
    }
}

#[tokio::test]
async fn what_is_no_database_is_refused() {
    for url in ["", "words.db", "mysql://localhost/words", "memory", "sqlite:", "sqlite::memory:"] {
        let error = Db::open(url, Durability::Process).await.unwrap_err();
        assert_eq!(error.param(), Some("database.url"), "{url}");
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
