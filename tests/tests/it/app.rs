//! A server for one test: made from a configuration as the binary makes it, on a port of its own, with a guest's token.

use std::path::PathBuf;
use std::time::Duration;

use jan_server::config::{Config, Provider};
use jan_server::{bind, open};
use jan_tests::Upstream;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A running server and somebody who may use it.
pub(crate) struct App {
    pub(crate) url: String,
    pub(crate) token: String,
    pub(crate) client: Client,
    pub(crate) stop: Option<oneshot::Sender<()>>,
    pub(crate) serving: JoinHandle<std::io::Result<()>>,
    _data: TempDir,
}

impl App {
    /// A server with the echo model, and what `change` makes of it.
    pub(crate) async fn start(change: impl FnOnce(&mut Config)) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut config = Config { data_dir: data.path().join("data"), ..Config::default() };
        config.echo.enabled = true;
        config.rate_limit.enabled = false;
        change(&mut config);

        let server = open::server(&config).await.unwrap();
        let listener = bind(([127, 0, 0, 1], 0).into()).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let limits = open::serve_settings(&config);
        let serving = tokio::spawn(async move { server.serve_with(listener, stopped, &limits).await });

        let client = Client::builder().timeout(Duration::from_secs(60)).build().unwrap();
        let login = client.post(format!("{url}/llm/auth/guest-login")).send().await.unwrap();
        let login: Value = login.json().await.unwrap();
        let token = login["access_token"].as_str().unwrap_or_default().to_owned();
        Self { url, token, client, stop: Some(stop), serving, _data: data }
    }

    /// A server in front of `upstream` alone.
    pub(crate) async fn before(upstream: &Upstream) -> Self {
        let url = upstream.url();
        Self::start(|config| {
            config.echo.enabled = false;
            config.providers.insert("upstream".into(), provider(&url));
        })
        .await
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.url)).bearer_auth(&self.token)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.url)).bearer_auth(&self.token).json(body)
    }

    /// Asks `model` to answer "Hello!".
    pub(crate) async fn ask(&self, model: &str, stream: bool) -> Response {
        self.post("/v1/chat/completions", &chat(model, stream)).send().await.unwrap()
    }
}

pub(crate) fn chat(model: &str, stream: bool) -> Value {
    json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": "Hello!"}]})
}

pub(crate) fn provider(url: &str) -> Provider {
    serde_json::from_value(json!({"url": url})).unwrap()
}

/// The events of a stream: each `data`, as text.
pub(crate) async fn events(response: Response) -> Vec<String> {
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let text = response.text().await.unwrap();
    text.split("\n\n").filter_map(|event| event.strip_prefix("data: ").map(str::to_owned)).collect()
}

/// The text that a stream's chunks add up to.
pub(crate) fn said(events: &[String]) -> String {
    let content = |event: &String| {
        let chunk: Value = serde_json::from_str(event).ok()?;
        chunk["choices"][0]["delta"]["content"].as_str().map(str::to_owned)
    };
    events.iter().filter_map(content).collect()
}

/// A binary of this workspace, built beside the tests.
pub(crate) fn binary(name: &str) -> PathBuf {
    let here = std::env::current_exe().unwrap();
    let path = here.ancestors().nth(2).unwrap().join(name);
    assert!(
        path.exists(),
        "{} is not built: run `make test`, or `cargo build --workspace --bins` first",
        path.display()
    );
    path
}
