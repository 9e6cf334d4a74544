//! After the deletion of an account no data of its owner remains, in any part of the server. The test creates data of
//! every kind; it fails for a new table or record kind until it also creates data of that kind.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

use crate::app::App;
use crate::media::{DOT, by_data_url};

/// Every kind of record that the server stores, of the owner or about the owner's data.
const RECORDS: [&str; 10] = [
    "chat.completion",
    "idempotency",
    "media",
    "media_blob",
    "media_claim",
    "media_shown",
    "project",
    "public_share",
    "settings",
    "share",
];

/// Each table with its rows, all values as text.
fn dump(file: &Path) -> Vec<(String, Vec<String>)> {
    let db = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let texts = |sql: &str| -> Vec<String> {
        let mut statement = db.prepare(sql).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let tables = texts("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'");
    let rows = |table: String| {
        let columns = texts(&format!("SELECT name FROM pragma_table_info('{table}')"));
        let columns: Vec<_> =
            columns.iter().map(|name| format!("COALESCE(CAST(\"{name}\" AS TEXT), '')")).collect();
        let rows = texts(&format!("SELECT {} FROM \"{table}\"", columns.join(" || '|' || ")));
        (table, rows)
    };
    tables.into_iter().map(rows).collect()
}

/// The kinds of records in the file, except usage, which is counted in memory and written a second later.
fn kinds(file: &Path) -> Vec<String> {
    let db = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut kinds =
        db.prepare("SELECT DISTINCT kind FROM record WHERE kind <> 'usage' ORDER BY kind").unwrap();
    kinds.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// Creates data of every kind and returns the ids.
async fn create_one_of_everything(app: &App) -> Vec<String> {
    let id = |shape: &Value| shape["id"].as_str().or(shape["data"]["id"].as_str()).unwrap().to_owned();
    let project = app.ok("POST", "/v1/projects", Some(json!({"name": "P"}))).await;
    let picture = app.ok("POST", "/v1/media", Some(by_data_url(DOT))).await;
    app.ok("PATCH", &format!("/v1/media/{}", id(&picture)), Some(json!({"public": true}))).await;
    app.ok("PATCH", "/v1/users/me/settings", Some(json!({"enable_trace": true}))).await;
    let with_image = json!({"role": "user", "content": [{"type": "input_image", "image_url": id(&picture)}]});
    let new = json!({"title": "T", "project_id": id(&project), "items": [with_image]});
    let conversation = app.ok("POST", "/v1/conversations", Some(new)).await;
    let turn = json!({"model": "echo", "conversation": id(&conversation), "store": true,
                      "messages": [{"role": "user", "content": "Tea?"}]});
    let kept =
        app.post("/v1/chat/completions", &turn).header("idempotency-key", "once").send().await.unwrap();
    assert_eq!(kept.status(), 200);
    let branch = json!({"name": "side"});
    app.ok("POST", &format!("/v1/conversations/{}/branches", id(&conversation)), Some(branch)).await;
    let share = json!({"scope": "conversation"});
    let share = app.ok("POST", &format!("/v1/conversations/{}/share", id(&conversation)), Some(share)).await;
    vec![id(&project), id(&picture), id(&conversation), id(&share)]
}

#[tokio::test]
async fn no_data_of_an_owner_remains_after_the_account_is_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jan.db");
    let mut app =
        App::start(|config| config.database.url = Some(format!("sqlite:{}", file.display()).into())).await;
    let me = app.ok("GET", "/v1/users/me", None).await["data"]["id"].as_str().unwrap().to_owned();
    let mut traces = create_one_of_everything(&app).await;
    traces.push(me);

    let before = dump(&file);
    let tables = before.iter().filter(|(name, _)| name != "schema_migration");
    for (table, rows) in tables {
        assert!(!rows.is_empty(), "`{table}` is empty: let this test create a row in it");
    }
    assert_eq!(kinds(&file), RECORDS, "this test creates a record of each kind");

    assert_eq!(app.call("DELETE", "/v1/users/me", None).await.0, 204);
    // Usage that was counted in memory is written at the stop.
    app.stop().await;
    for (table, rows) in dump(&file) {
        for row in rows {
            let remaining = traces.iter().find(|trace| row.contains(trace.as_str()));
            assert!(remaining.is_none(), "`{table}` still contains {remaining:?}: {row}");
        }
    }
}
