//! Runs OpenAI's own clients for Python and JavaScript against the server: "compatible" means that they accept its
//! replies. `make test` installs the clients (`scripts/sdks`) and sets their paths in the environment.

use std::process::Command;
use std::time::Duration;

use jan_tests::{Upstream, output_within, tool};

use crate::app::App;
use crate::local_model::model;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/sdk");

/// The time limit for all checks of a client, with a real model on a busy machine.
const CLIENT_LIMIT: Duration = Duration::from_secs(300);

/// The command that runs the JavaScript file `script` of `tests/sdk`.
pub(crate) fn node_client(script: &str) -> Option<Command> {
    let modules = tool("JAN_TEST_NODE_MODULES")?;
    let mut client = Command::new("node");
    client.arg(format!("{FOLDER}/{script}")).env("JAN_TEST_NODE_MODULES", modules);
    Some(client)
}

fn python_client(script: &str) -> Option<Command> {
    let mut client = Command::new(tool("JAN_TEST_PYTHON")?);
    client.arg(format!("{FOLDER}/{script}"));
    Some(client)
}

/// Runs a client to its end; all its checks must pass.
pub(crate) async fn succeeds(mut client: Command) {
    let done = tokio::task::spawn_blocking(move || output_within(CLIENT_LIMIT, &mut client)).await.unwrap();
    let printed = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{printed}");
}

pub(crate) async fn run(app: &App, script: &str, model: &str, more: &[(&str, &str)]) {
    for client in [python_client(&format!("{script}.py")), node_client(&format!("{script}.mjs"))] {
        let Some(mut client) = client else { continue };
        client.env("BASE_URL", format!("{}/v1", app.url)).env("TOKEN", &app.token).env("MODEL", model);
        client.envs(more.iter().copied());
        succeeds(client).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_clients_work_with_an_upstream() {
    let upstream = Upstream::start().await;
    let app = App::with_upstream(&upstream).await;
    let names = [
        ("MODEL_EMBED", "good"),
        ("MODEL_EXTRA", "extra-fields"),
        ("MODEL_429", "rate-limited"),
        ("MODEL_500", "broken-json"),
        ("MODEL_BREAKS", "cut-mid-event"),
        ("MODEL_400", "bad-request"),
    ];
    run(&app, "openai_chat", "good", &names).await;
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
    run(&app, "openai_chat", "smol", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_clients_store_files() {
    let upstream = Upstream::start().await;
    let app = App::with_upstream(&upstream).await;
    run(&app, "openai_files", "good", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_clients_store_conversations() {
    let upstream = Upstream::start().await;
    let app = App::with_upstream(&upstream).await;
    run(&app, "openai_conversations", "good", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_clients_generate_images() {
    let upstream = Upstream::start().await;
    let app = crate::images::app_with_images(&upstream).await;
    run(&app, "openai_images", "z-image", &[]).await;
}
