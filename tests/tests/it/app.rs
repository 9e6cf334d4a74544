//! A server for one test: built from a configuration as the binary does it, on its own port, with a guest's token.

use std::path::PathBuf;

use jan_cli::config::{Config, Provider};
use jan_cli::open;
use jan_server::bind;
use jan_tests::{Upstream, WAIT_LIMIT, within};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A running server, and the token of one user.
pub(crate) struct App {
    pub(crate) url: String,
    pub(crate) token: String,
    pub(crate) client: Client,
    pub(crate) stop: Option<oneshot::Sender<()>>,
    pub(crate) serving: JoinHandle<std::io::Result<()>>,
    _data: TempDir,
}

/// An HTTP client with a timeout. It is long, because a real model on a busy machine can be slow.
pub(crate) fn client() -> Client {
    Client::builder().timeout(WAIT_LIMIT * 3).build().unwrap()
}

impl App {
    /// Starts a server with the echo model and the configuration as `change` changed it.
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

        let client = client();
        let login = client.post(format!("{url}/llm/auth/guest-login")).send().await.unwrap();
        let login: Value = login.json().await.unwrap();
        let token = login["access_token"].as_str().unwrap_or_default().to_owned();
        Self { url, token, client, stop: Some(stop), serving, _data: data }
    }

    /// Starts a server whose only provider is `upstream`.
    pub(crate) async fn with_upstream(upstream: &Upstream) -> Self {
        let url = upstream.url();
        Self::start(|config| {
            config.echo.enabled = false;
            config.providers.insert("upstream".into(), provider(&url));
        })
        .await
    }

    /// Stops the server and waits until it has ended; it finishes running requests first.
    pub(crate) async fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        self.stopped().await;
    }

    /// Waits until the server has ended.
    pub(crate) async fn stopped(&mut self) {
        within("the server to stop", &mut self.serving).await.unwrap().unwrap();
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(self.at(path)).bearer_auth(&self.token)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.url)).bearer_auth(&self.token).json(body)
    }

    /// Sends the chat message "Hello!" to `model`.
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

/// The events of a stream: the text of each `data` line.
pub(crate) async fn events(response: Response) -> Vec<String> {
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let text = response.text().await.unwrap();
    text.split("\n\n").filter_map(|event| event.strip_prefix("data: ").map(str::to_owned)).collect()
}

/// The text of all chunks of a stream.
pub(crate) fn streamed_text(events: &[String]) -> String {
    let content = |event: &String| {
        let chunk: Value = serde_json::from_str(event).ok()?;
        chunk["choices"][0]["delta"]["content"].as_str().map(str::to_owned)
    };
    events.iter().filter_map(content).collect()
}

/// The path of a binary of this workspace, in the folder where the tests were built.
pub(crate) fn binary(name: &str) -> PathBuf {
    let test_binary = std::env::current_exe().unwrap();
    let path = test_binary.ancestors().nth(2).unwrap().join(name);
    assert!(
        path.exists(),
        "{} is not built: run `make test`, or `cargo build --workspace --bins` first",
        path.display()
    );
    path
}

impl App {
    /// The token of another, new guest.
    pub(crate) async fn guest(&self) -> String {
        let login = self.client.post(format!("{}/llm/auth/guest-login", self.url)).send().await.unwrap();
        login.json::<Value>().await.unwrap()["access_token"].as_str().unwrap().to_owned()
    }

    /// Sends a request as the app's user and reads the reply: its status and its JSON (`null` when it has no body).
    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        self.call_as(&self.token, method, path, body).await
    }

    /// The same with another user's token.
    pub(crate) async fn call_as(
        &self,
        token: &str,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> (u16, Value) {
        let request = self.client.request(method.parse().unwrap(), format!("{}{path}", self.url));
        let request = request.bearer_auth(token);
        let request = if let Some(body) = body { request.json(&body) } else { request };
        let reply = request.send().await.unwrap();
        let status = reply.status().as_u16();
        (status, serde_json::from_slice(&reply.bytes().await.unwrap()).unwrap_or_default())
    }

    /// The same; the request must succeed. Returns the JSON.
    pub(crate) async fn ok(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let (status, reply) = self.call(method, path, body).await;
        assert!((200..300).contains(&status), "{method} {path}: {status} {reply}");
        reply
    }

    /// Creates a conversation with these items and returns its id.
    pub(crate) async fn conversation(&self, items: Value) -> String {
        let made = self.ok("POST", "/v1/conversations", Some(json!({ "items": items }))).await;
        made["id"].as_str().unwrap().to_owned()
    }

    /// The items of a conversation, oldest first: (role or type, text).
    pub(crate) async fn messages_of(&self, id: &str) -> Vec<(String, String)> {
        let list = self.ok("GET", &format!("/v1/conversations/{id}/items?order=asc&limit=100"), None).await;
        let role_and_text = |item: &Value| {
            let kind = item["role"].as_str().or(item["type"].as_str()).unwrap().to_owned();
            let text =
                item["content"][0]["text"].as_str().or(item["name"].as_str()).or(item["output"].as_str());
            (kind, text.unwrap_or_default().to_owned())
        };
        list["data"].as_array().unwrap().iter().map(role_and_text).collect()
    }
}
