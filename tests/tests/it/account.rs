//! All that a user has: deleted over HTTP, taken along by the command line.

use std::process::{Command, Output};

use jan_tests::output;
use serde_json::{Value, json};

use crate::app::{App, binary};

async fn talk(app: &App) -> (String, String) {
    let new = json!({"title": "T", "items": [
        {"role": "user", "content": "Tea?"}, {"role": "assistant", "content": "Yes."}]});
    let talk: Value = app.post("/v1/conversations", &new).send().await.unwrap().json().await.unwrap();
    let id = talk["id"].as_str().unwrap().to_owned();
    let share = app.post(&format!("/v1/conversations/{id}/share"), &json!({"scope": "conversation"}));
    let share: Value = share.send().await.unwrap().json().await.unwrap();
    (id, share["data"]["share_url"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_deleted_account_leaves_nothing_and_the_token_goes_on() {
    let app = App::start(|_| {}).await;
    let (id, link) = talk(&app).await;
    app.post("/v1/projects", &json!({"name": "P"})).send().await.unwrap();
    let dot = app.ok("POST", "/v1/media", Some(crate::media::by_data_url(crate::media::DOT))).await;
    let gone =
        app.client.delete(format!("{}/v1/users/me", app.url)).bearer_auth(&app.token).send().await.unwrap();
    assert_eq!(gone.status(), 204);
    assert_eq!(app.get(&format!("/v1/conversations/{id}")).send().await.unwrap().status(), 404);
    assert_eq!(app.client.get(format!("{}{link}", app.url)).send().await.unwrap().status(), 404);
    assert_eq!(app.open(dot["data"]["url"].as_str().unwrap()).await.status(), 404);
    for path in ["/v1/conversations", "/v1/media", "/v1/projects", "/v1/shares?include_revoked=true"] {
        let list: Value = app.get(path).send().await.unwrap().json().await.unwrap();
        assert_eq!(list["data"], json!([]), "{path}");
    }
}

#[tokio::test]
async fn the_command_line_takes_an_account_to_another_server() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from.db"), folder.path().join("to.db"));
    let app = App::start(|config| {
        config.database.url = Some(format!("sqlite:{}", from.display()).into());
    })
    .await;
    let (id, link) = talk(&app).await;
    let me: Value = app.get("/v1/users/me").send().await.unwrap().json().await.unwrap();
    let me = me["data"]["id"].as_str().unwrap().to_owned();

    let jan = |database: &std::path::Path, args: &[&str]| -> Output {
        let mut command = Command::new(binary("jan-server"));
        command.current_dir(folder.path()).env_clear().env("JAN_DATA_DIR", folder.path().join("data"));
        output(command.env("JAN_DATABASE_URL", format!("sqlite:{}", database.display())).args(args))
    };
    let done = jan(&from, &["export", "--user", &me, "--out", "me.jsonl"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    for words in
        ["imported 1 conversations with 2 items, and 2 records; skipped 0", "and 0 records; skipped 3"]
    {
        let done = jan(&to, &["import", "--user", &me, "me.jsonl"]);
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(
            done.status.success() && said.contains(words),
            "{said}{}",
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
    assert_eq!(other.client.get(format!("{}{link}", other.url)).send().await.unwrap().status(), 200);
    assert_eq!(
        other.get(&format!("/v1/conversations/{id}")).send().await.unwrap().status(),
        404,
        "another guest"
    );
}
