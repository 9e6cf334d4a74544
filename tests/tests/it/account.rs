//! All data of a user: deleted over HTTP, exported and imported by the command line.

use std::path::Path;
use std::process::{Command, Output};

use jan_tests::{PrivatePostgres, output};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::app::{App, binary};
use crate::media::{DOT, by_data_url, png};

/// Creates a conversation and a share of it; returns the conversation's id and the share's URL.
async fn conversation_with_share(app: &App) -> (String, String) {
    let new = json!({"title": "T", "items": [
        {"role": "user", "content": "Tea?"}, {"role": "assistant", "content": "Yes."}]});
    let conversation: Value = app.post("/v1/conversations", &new).send().await.unwrap().json().await.unwrap();
    let id = conversation["id"].as_str().unwrap().to_owned();
    let share = app.post(&format!("/v1/conversations/{id}/share"), &json!({"scope": "conversation"}));
    let share: Value = share.send().await.unwrap().json().await.unwrap();
    (id, share["data"]["share_url"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn deleting_an_account_deletes_its_data_and_the_token_stays_valid() {
    let app = App::start(|_| {}).await;
    let (id, link) = conversation_with_share(&app).await;
    app.post("/v1/projects", &json!({"name": "P"})).send().await.unwrap();
    let dot = app.ok("POST", "/v1/media", Some(crate::media::by_data_url(crate::media::DOT))).await;
    let gone =
        app.client.delete(format!("{}/v1/users/me", app.url)).bearer_auth(&app.token).send().await.unwrap();
    assert_eq!(gone.status(), 204);
    assert_eq!(app.get(&format!("/v1/conversations/{id}")).send().await.unwrap().status(), 404);
    assert_eq!(app.client.get(link).send().await.unwrap().status(), 404);
    assert_eq!(app.open(dot["data"]["url"].as_str().unwrap()).await.status(), 404);
    for path in ["/v1/conversations", "/v1/media", "/v1/projects", "/v1/shares?include_revoked=true"] {
        let list: Value = app.get(path).send().await.unwrap().json().await.unwrap();
        assert_eq!(list["data"], json!([]), "{path}");
    }
}

#[tokio::test]
async fn the_command_line_moves_an_account_to_another_server() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from.db"), folder.path().join("to.db"));
    let app = App::start(|config| {
        config.database.url = Some(format!("sqlite:{}", from.display()).into());
    })
    .await;
    let (id, link) = conversation_with_share(&app).await;
    let me: Value = app.get("/v1/users/me").send().await.unwrap().json().await.unwrap();
    let me = me["data"]["id"].as_str().unwrap().to_owned();

    let jan = |database: &std::path::Path, args: &[&str]| -> Output {
        let mut command = Command::new(binary("jan-server"));
        command.current_dir(folder.path()).env_clear().env("JAN_DATA_DIR", folder.path().join("data"));
        output(command.env("JAN_DATABASE_URL", format!("sqlite:{}", database.display())).args(args))
    };
    let done = jan(&from, &["export", "--user", &me, "--out", "me.jsonl"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    for words in [
        "imported 1 conversations with 2 items, 0 pictures and files, and 2 records; skipped 0",
        "and 0 records; skipped 3",
    ] {
        let done = jan(&to, &["import", "--user", &me, "me.jsonl"]);
        let printed = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(
            done.status.success() && printed.contains(words),
            "{printed}{}",
            String::from_utf8_lossy(&done.stderr)
        );
    }
    assert_eq!(jan(&from, &["export", "--user", &me]).stdout, jan(&to, &["export", "--user", &me]).stdout);
    let refused = jan(&to, &["export", "--user", "system:public-shares"]);
    assert!(!refused.status.success());

    let other = App::start(|config| {
        config.database.url = Some(format!("sqlite:{}", to.display()).into());
    })
    .await;
    let link = link.replace(&app.url, &other.url);
    assert_eq!(other.client.get(link).send().await.unwrap().status(), 200);
    assert_eq!(
        other.get(&format!("/v1/conversations/{id}")).send().await.unwrap().status(),
        404,
        "another guest"
    );
}

/// Exports and imports a conversation with an image, two files with the same bytes and a public image. All keep their
/// ids.
async fn media_is_exported_and_imported(from: Option<String>, to: Option<String>) {
    let folder = tempfile::tempdir().unwrap();
    let start = async |name: &str, database: &Option<String>| {
        let (data, database) = (folder.path().join(name), database.clone());
        let app = App::start(|config| {
            config.database.url = Some(database.clone().unwrap_or_else(|| sqlite(&data)).into());
            config.media.folder = Some(data.join("media"));
        })
        .await;
        std::fs::create_dir_all(&data).unwrap();
        app
    };
    let app = start("from", &from).await;
    let me = app.ok("GET", "/v1/users/me", None).await["data"]["id"].as_str().unwrap().to_owned();
    let dot = app.ok("POST", "/v1/media", Some(by_data_url(DOT))).await["data"].clone();
    let id = |media: &Value| media["id"].as_str().unwrap().to_owned();
    app.ok("PATCH", &format!("/v1/media/{}", id(&dot)), Some(json!({"public": true}))).await;
    let large = png(4000, 3000, &vec![7; 3_000_000]);
    let large: Value = app.upload(large, "large.png", "image/png").await.json().await.unwrap();
    let form = |name: &str| {
        let part = Part::bytes(b"the same".to_vec()).file_name(name.to_owned());
        Form::new().text("purpose", "user_data").part("file", part)
    };
    let a: Value = app.form("/v1/files", form("a.txt")).await.json().await.unwrap();
    let b: Value = app.form("/v1/files", form("b.txt")).await.json().await.unwrap();
    let with_image = json!([{"role": "user", "content": [{"type": "input_image", "image_url": dot["url"]}]}]);
    let conversation = app.conversation(with_image).await;

    let jan = |name: &str, database: &Option<String>, args: &[&str]| -> Output {
        let data = folder.path().join(name);
        let mut command = Command::new(binary("jan-server"));
        command.current_dir(folder.path()).env_clear().env("JAN_DATA_DIR", &data);
        command.env("MEDIA_LOCAL_STORAGE_PATH", data.join("media"));
        command.env("JAN_DATABASE_URL", database.clone().unwrap_or_else(|| sqlite(&data)));
        command.args(args).output().unwrap()
    };
    let text = |output: &Output| {
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
    };
    let done = jan("from", &from, &["export", "--user", &me, "--out", "me.jsonl"]);
    assert!(done.status.success(), "{}", text(&done));
    let file = folder.path().join("me.jsonl");
    let lines = std::fs::read_to_string(&file).unwrap();
    assert!(lines.lines().all(|line| line.len() < 100_000), "no line holds a whole file");

    // A file whose bytes were changed in the export is refused and not stored.
    let changed = lines.replace("dGhlIHNhbWU=", "dGhlIHNhbUU=");
    assert_ne!(changed, lines);
    std::fs::write(folder.path().join("changed.jsonl"), changed).unwrap();
    let refused = jan("changed", &None, &["import", "--user", &me, "changed.jsonl"]);
    assert!(!refused.status.success() && text(&refused).contains("SHA-256"), "{}", text(&refused));
    // So is an export that ends in the middle of an image.
    std::fs::write(folder.path().join("cut.jsonl"), &lines[..lines.len() / 2]).unwrap();
    let refused = jan("cut", &None, &["import", "--user", &me, "cut.jsonl"]);
    assert!(!refused.status.success(), "{}", text(&refused));

    let done = jan("to", &to, &["import", "--user", &me, "me.jsonl"]);
    assert!(
        text(&done).contains("4 pictures and files") && text(&done).contains("skipped 0"),
        "{}",
        text(&done)
    );
    let again = jan("to", &to, &["import", "--user", &me, "me.jsonl"]);
    assert!(text(&again).contains("0 pictures and files"), "{}", text(&again));
    let exported_again = jan("to", &to, &["export", "--user", &me]);
    assert_eq!(String::from_utf8_lossy(&exported_again.stdout), lines, "both exports are equal");

    let other = start("to", &to).await;
    let shown = other.open(&format!("/api/media/{}", id(&dot))).await;
    assert_eq!(shown.status(), 200, "public media stays public");
    // The guest's token is not valid on the other server, which has another key; so the ids are checked in the export.
    for name in [&conversation, &id(&dot), &id(&large["data"]), &id(&a), &id(&b)] {
        assert!(lines.contains(name.as_str()), "{name}");
    }
    let without = jan("from", &from, &["export", "--user", &me, "--without-media"]);
    assert!(without.status.success() && !text(&without).contains("{\"media"), "{}", text(&without));
    let skipped = jan("skipped", &None, &["import", "--user", &me, "--without-media", "me.jsonl"]);
    assert!(
        text(&skipped).contains("0 pictures and files") && text(&skipped).contains("skipped 4"),
        "{}",
        text(&skipped)
    );
}

fn sqlite(data: &Path) -> String {
    std::fs::create_dir_all(data).unwrap();
    format!("sqlite:{}", data.join("jan.db").display())
}

#[tokio::test]
async fn media_is_moved_between_sqlite_files() {
    media_is_exported_and_imported(None, None).await;
}

#[tokio::test]
async fn media_is_moved_to_postgres_and_back() {
    let Some(postgres) = PrivatePostgres::start_with(&[("fsync", "off")]).await else { return };
    media_is_exported_and_imported(None, Some(postgres.database().await)).await;
    media_is_exported_and_imported(Some(postgres.database().await), None).await;
}
