//! Nothing that belongs to an owner outlives their account, whichever part keeps it. The test makes something of
//! everything, so a table or a kind of record that is new fails here until it is made too.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

use crate::app::App;
use crate::media::{DOT, by_data_url};

/// Every kind of record that the server keeps, of the owner or about what is the owner's.
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

/// Each table with its rows, every value as a text.
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

/// The kinds of records in the file, but for usage, which is counted in memory and written a second later.
fn kinds(file: &Path) -> Vec<String> {
    let db = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut kinds =
        db.prepare("SELECT DISTINCT kind FROM record WHERE kind <> 'usage' ORDER BY kind").unwrap();
    kinds.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

async fn something_of_everything(app: &App) -> Vec<String> {
    let id = |shape: &Value| shape["id"].as_str().or(shape["data"]["id"].as_str()).unwrap().to_owned();
    let project = app.ok("POST", "/v1/projects", Some(json!({"name": "P"}))).await;
    let picture = app.ok("POST", "/v1/media", Some(by_data_url(DOT))).await;
    app.ok("PATCH", &format!("/v1/media/{}", id(&picture)), Some(json!({"public": true}))).await;
    app.ok("PATCH", "/v1/users/me/settings", Some(json!({"enable_trace": true}))).await;
    let shows = json!({"role": "user", "content": [{"type": "input_image", "image_url": id(&picture)}]});
    let new = json!({"title": "T", "project_id": id(&project), "items": [shows]});
    let talk = app.ok("POST", "/v1/conversations", Some(new)).await;
    let turn = json!({"model": "echo", "conversation": id(&talk), "store": true,
                      "messages": [{"role": "user", "content": "Tea?"}]});
    let kept =
        app.post("/v1/chat/completions", &turn).header("idempotency-key", "once").send().await.unwrap();
    assert_eq!(kept.status(), 200);
    let branch = json!({"name": "side"});
    app.ok("POST", &format!("/v1/conversations/{}/branches", id(&talk)), Some(branch)).await;
    let share = json!({"scope": "conversation"});
    let share = app.ok("POST", &format!("/v1/conversations/{}/share", id(&talk)), Some(share)).await;
    vec![id(&project), id(&picture), id(&talk), id(&share)]
}

#[tokio::test]
async fn nothing_that_an_owner_had_outlives_their_account() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jan.db");
    let mut app =
        App::start(|config| config.database.url = Some(format!("sqlite:{}", file.display()).into())).await;
    let me = app.ok("GET", "/v1/users/me", None).await["data"]["id"].as_str().unwrap().to_owned();
    let mut traces = something_of_everything(&app).await;
    traces.push(me);

    let before = dump(&file);
    let tables = before.iter().filter(|(name, _)| name != "schema_migration");
    for (table, rows) in tables {
        assert!(!rows.is_empty(), "nothing is in `{table}`: let this test make something of it");
    }
    assert_eq!(kinds(&file), RECORDS, "this test makes something of each kind of record");

    assert_eq!(app.call("DELETE", "/v1/users/me", None).await.0, 204);
    // What was counted in memory is written at the end.
    app.stop().await;
    for (table, rows) in dump(&file) {
        for row in rows {
            let left = traces.iter().find(|trace| row.contains(trace.as_str()));
            assert!(left.is_none(), "`{table}` still holds {left:?}: {row}");
        }
    }
}
