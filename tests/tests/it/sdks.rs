//! OpenAI's own clients for Python and JavaScript against the server: what they accept is what "compatible" means. The
//! clients are installed by `scripts/sdks`; `make test` does that and names them in the environment.

use std::process::Command;

use jan_tests::{Upstream, tool};

use crate::app::App;
use crate::local_model::model;

fn clients() -> Vec<Command> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/sdk");
    let mut clients = Vec::new();
    if let Some(python) = tool("JAN_TEST_PYTHON") {
        let mut client = Command::new(python);
        client.arg(format!("{folder}/openai_chat.py"));
        clients.push(client);
    }
    if let Some(modules) = tool("JAN_TEST_NODE_MODULES") {
        let mut client = Command::new("node");
        client.arg(format!("{folder}/openai_chat.mjs")).env("JAN_TEST_NODE_MODULES", modules);
        clients.push(client);
    }
    clients
}

async fn run(app: &App, model: &str, more: &[(&str, &str)]) {
    for mut client in clients() {
        client.env("BASE_URL", format!("{}/v1", app.url)).env("TOKEN", &app.token).env("MODEL", model);
        client.envs(more.iter().copied());
        let output = tokio::task::spawn_blocking(move || client.output().unwrap()).await.unwrap();
        let said =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_clients_work_before_an_upstream() {
    let upstream = Upstream::start().await;
    let app = App::before(&upstream).await;
    let names = [
        ("MODEL_EMBED", "good"),
        ("MODEL_EXTRA", "extra-fields"),
        ("MODEL_429", "rate-limited"),
        ("MODEL_500", "broken-json"),
        ("MODEL_BREAKS", "cut-mid-event"),
        ("MODEL_400", "bad-request"),
    ];
    run(&app, "good", &names).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_clients_work_with_the_real_model() {
    let Some(path) = model() else { return };
    let app = App::start(|config| {
        config.echo.enabled = false;
        config.local.model = Some(path);
        config.local.name = Some("smol".into());
    })
    .await;
    run(&app, "smol", &[]).await;
}
