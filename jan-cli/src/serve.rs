//! `jan-server serve`: builds the configured server and serves it. With `--demo` it also sends the model one question
//! through the server's own API, to show that it works.

use std::process::ExitCode;
use std::time::Instant;

use futures_util::StreamExt;
use http::Request;
use http_body_util::{BodyExt, Full};
use jan_core::{ChatChunk, ChatRequest, Error, Result};
use serde_json::Value;

use super::output::{note, print, println};
use super::{log, summary};
use crate::config::Config;
use crate::open;
use jan_server::{Body, Server, bind};

/// How to serve.
#[derive(clap::Args, Default)]
pub(super) struct ServeArgs {
    /// Ask the model one question when the server is up, and print a command to paste
    #[arg(long)]
    demo: bool,
}

/// The system prompt of the question: a small model answers better with one.
const SYSTEM_PROMPT: &str = "You are a helpful assistant.";
const QUESTION: &str = "What is the capital of France?";

/// Runs the command. `warning` is a message about the configuration, to be logged.
pub(super) async fn run(config: &Config, warning: Option<String>, args: ServeArgs) -> Result<ExitCode> {
    let _log = log::start(config)?;
    if let Some(warning) = warning {
        tracing::warn!("{warning}");
    }
    let started = Instant::now();
    let stopping = stop_signal();
    let server = open::server(config).await?;
    let listener = bind(config.addr).map_err(|e| {
        let message = format!(
            "Listening on {} failed: {e}. Choose another address with --addr or JAN_ADDR.",
            config.addr
        );
        Error::invalid("addr", message)
    })?;
    let address = listener.local_addr().map_err(Error::internal)?;
    tracing::info!(%address, in_ms = started.elapsed().as_millis(), "listening; API at /v1, documentation at /api/swagger/index.html");
    summary::log(config, address)?;
    let (serving, limits) = (server.clone(), open::serve_settings(config));
    let serving = tokio::spawn(async move { serving.serve_per_core(listener, stopping, &limits).await });
    if args.demo
        && let Err(error) = demo(&server, &format!("http://{address}")).await
    {
        note!("The question could not be answered: {error}");
    }
    serving.await.map_err(Error::internal)?.map_err(Error::internal)?;
    Ok(ExitCode::SUCCESS)
}

/// Completes at Ctrl-C or SIGTERM. Signals are caught from this call on, also before the future is polled.
pub(super) fn stop_signal() -> impl Future<Output = ()> + Send {
    #[cfg(unix)]
    let mut signals = {
        use tokio::signal::unix::{SignalKind, signal};
        [SignalKind::terminate(), SignalKind::interrupt()].map(|kind| signal(kind).ok())
    };
    async move {
        #[cfg(unix)]
        if let [Some(terminate), Some(interrupt)] = &mut signals {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            return;
        }
        if tokio::signal::ctrl_c().await.is_err() {
            // This platform has no signals.
            std::future::pending::<()>().await;
        }
    }
}

/// Logs in as a guest and sends one question, with the same requests as a client would, and prints the answer as it
/// arrives.
async fn demo(server: &Server, url: &str) -> Result<()> {
    let login = send_for_json(server, "POST", "/llm/auth/guest-login", None, String::new()).await?;
    let token = login.get("access_token").and_then(Value::as_str).unwrap_or_default().to_owned();
    let models = send_for_json(server, "GET", "/v1/models", Some(&token), String::new()).await?;
    let model = models.pointer("/data/0/id").and_then(Value::as_str);
    let model = model.ok_or_else(|| Error::unavailable("no model is configured; see `jan-server --help`"))?;

    println!("\nAsking {model}: {QUESTION}\n")?;
    let body = ChatRequest::new(model)
        .system(SYSTEM_PROMPT)
        .user(QUESTION)
        .with("temperature", &0)
        .stream(true)
        .to_bytes();
    let body = String::from_utf8_lossy(&body).into_owned();
    let mut events =
        send(server, "POST", "/v1/chat/completions", Some(&token), body).await?.into_data_stream();
    let mut decoder = jan_llm::sse::Decoder::default();
    while let Some(piece) = events.next().await {
        decoder.push(&piece.map_err(Error::internal)?);
        while let Some(event) = decoder.next_event()? {
            if let Ok(chunk) = ChatChunk::from_wire(event.data) {
                print!("{}", chunk.text())?;
            }
        }
    }
    println!(
        "\n\nIt works. Ask it yourself (the token is good for five minutes; POST {url}/llm/auth/guest-login gives another):\n\n\
         curl -N {url}/v1/chat/completions \\\n  -H 'Authorization: Bearer {token}' \\\n  -H 'Content-Type: application/json' \\\n  \
         -d '{{\"model\":\"{model}\",\"messages\":[{{\"role\":\"system\",\"content\":\"{SYSTEM_PROMPT}\"}},{{\"role\":\"user\",\"content\":\"Hello!\"}}],\"stream\":true}}'\n\n\
         In a browser: {url}/api/swagger/index.html\nCtrl-C stops the server.\n"
    )?;
    Ok(())
}

async fn send_for_json(
    server: &Server,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: String,
) -> Result<Value> {
    let bytes =
        send(server, method, path, token, body).await?.collect().await.map_err(Error::internal)?.to_bytes();
    serde_json::from_slice(&bytes).map_err(Error::internal)
}

async fn send(server: &Server, method: &str, path: &str, token: Option<&str>, body: String) -> Result<Body> {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let request = request.body(Full::new(bytes::Bytes::from(body))).map_err(Error::internal)?;
    let response = server.handle(request).await;
    if response.status().is_success() {
        return Ok(response.into_body());
    }
    let body = response.into_body().collect().await.map_err(Error::internal)?.to_bytes();
    let reply: Value = serde_json::from_slice(&body).unwrap_or_default();
    Err(Error::unavailable(
        reply.pointer("/error/message").and_then(Value::as_str).unwrap_or("no answer").to_owned(),
    ))
}
