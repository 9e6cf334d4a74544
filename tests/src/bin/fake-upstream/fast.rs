//! The fast upstream: constant bytes, constant cost, pacing by knobs that can be turned while it runs
//! (`GET /__fake?chunks=200&gap_ms=20&delay_ms=0`, which also shows the counters).

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use clap::Args;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::MissedTickBehavior;

use crate::request::{self, Wanted};

/// The pace of the fast upstream.
#[derive(Args)]
pub(crate) struct Knobs {
    /// Chunks of a stream, without the first and the last.
    #[arg(long, default_value_t = 200)]
    chunks: u64,
    /// Milliseconds between two chunks; 0 sends as fast as the client reads.
    #[arg(long, default_value_t = 0)]
    gap_ms: u64,
    /// Milliseconds before an answer begins.
    #[arg(long, default_value_t = 0)]
    delay_ms: u64,
}

struct Shared {
    chunks: AtomicU64,
    gap_ms: AtomicU64,
    delay_ms: AtomicU64,
    requests: AtomicU64,
    started: AtomicU64,
    completed: AtomicU64,
    said: Said,
}

/// Everything it ever says, with HTTP around it.
struct Said {
    answer: Bytes,
    models: Bytes,
    not_found: Bytes,
    stream_head: Bytes,
    chunk: Bytes,
    stream_tail: Bytes,
}

/// Serves until the process is stopped. Prints its base URL first.
pub(crate) async fn serve(address: SocketAddr, knobs: &Knobs) -> io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    // A thousand clients connect at once in the benches; the usual backlog of 128 would drop some of them.
    let listener = socket.listen(4096)?;
    println!("http://{}/v1", listener.local_addr()?);
    let shared = Arc::new(Shared {
        chunks: knobs.chunks.into(),
        gap_ms: knobs.gap_ms.into(),
        delay_ms: knobs.delay_ms.into(),
        requests: AtomicU64::new(0),
        started: AtomicU64::new(0),
        completed: AtomicU64::new(0),
        said: Said::new(),
    });
    loop {
        let (socket, _) = listener.accept().await?;
        let shared = shared.clone();
        tokio::spawn(async move {
            // A client that leaves is no event for a bench; the counters show streams that were not completed.
            let _ = connection(socket, &shared).await;
        });
    }
}

async fn connection(mut socket: TcpStream, shared: &Shared) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let said = &shared.said;
    let mut buffer = BytesMut::with_capacity(4096);
    while let Some(wanted) = request::next(&mut socket, &mut buffer).await? {
        match wanted {
            Wanted::Chat => {
                shared.requests.fetch_add(1, Relaxed);
                shared.wait(&shared.delay_ms).await;
                socket.write_all(&said.answer).await?;
            }
            Wanted::Stream => stream(&mut socket, shared).await?,
            Wanted::Models => socket.write_all(&said.models).await?,
            Wanted::Control(query) => socket.write_all(&json(&shared.control(&query))).await?,
            Wanted::Else => socket.write_all(&said.not_found).await?,
        }
    }
    Ok(())
}

async fn stream(socket: &mut TcpStream, shared: &Shared) -> io::Result<()> {
    let said = &shared.said;
    shared.requests.fetch_add(1, Relaxed);
    shared.started.fetch_add(1, Relaxed);
    shared.wait(&shared.delay_ms).await;
    socket.write_all(&said.stream_head).await?;
    let gap = shared.gap_ms.load(Relaxed);
    let mut ticks = (gap > 0).then(|| {
        let gap = Duration::from_millis(gap);
        let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + gap, gap);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks
    });
    for _ in 0..shared.chunks.load(Relaxed) {
        if let Some(ticks) = &mut ticks {
            ticks.tick().await;
        }
        socket.write_all(&said.chunk).await?;
    }
    socket.write_all(&said.stream_tail).await?;
    shared.completed.fetch_add(1, Relaxed);
    Ok(())
}

impl Shared {
    async fn wait(&self, millis: &AtomicU64) {
        match millis.load(Relaxed) {
            0 => {}
            millis => tokio::time::sleep(Duration::from_millis(millis)).await,
        }
    }

    fn control(&self, query: &str) -> String {
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let knob = match name {
                "chunks" => &self.chunks,
                "gap_ms" => &self.gap_ms,
                "delay_ms" => &self.delay_ms,
                _ => continue,
            };
            if let Ok(value) = value.parse() {
                knob.store(value, Relaxed);
            }
        }
        let [requests, started, completed] =
            [&self.requests, &self.started, &self.completed].map(|counter| counter.load(Relaxed));
        format!(r#"{{"requests":{requests},"streams_started":{started},"streams_completed":{completed}}}"#)
    }
}

const HEAD: &str = r#"{"id":"chatcmpl-fake","object":"chat.completion.chunk","created":1,"model":"fake-model","system_fingerprint":"fp_fake""#;

impl Said {
    fn new() -> Self {
        let usage = r#""usage":{"prompt_tokens":9,"completion_tokens":32,"total_tokens":41}"#;
        let text = "Small streams make great rivers, and a proxy should not be a dam. ".repeat(2);
        let answer = format!(
            r#"{{"id":"chatcmpl-fake","object":"chat.completion","created":1,"model":"fake-model","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}"}},"logprobs":null,"finish_reason":"stop"}}],{usage}}}"#
        );
        let event = |delta: &str, reason: &str| {
            format!(
                "data: {HEAD},\"choices\":[{{\"index\":0,\"delta\":{delta},\"logprobs\":null,\"finish_reason\":{reason}}}]}}\n\n"
            )
        };
        let stream_head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n{}",
            framed(&event(r#"{"role":"assistant","content":""}"#, "null"))
        );
        let last = format!("data: {HEAD},\"choices\":[],{usage}}}\n\n");
        let tail = [event("{}", "\"stop\""), last, "data: [DONE]\n\n".into()].map(|e| framed(&e)).concat();
        Self {
            answer: json(&answer),
            models: json(
                r#"{"object":"list","data":[{"id":"fake-model","object":"model","created":1,"owned_by":"fake"}]}"#,
            ),
            not_found: "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".into(),
            stream_head: stream_head.into(),
            chunk: framed(&event(r#"{"content":" stream"}"#, "null")).into(),
            stream_tail: format!("{tail}0\r\n\r\n").into(),
        }
    }
}

fn framed(event: &str) -> String {
    format!("{:x}\r\n{event}\r\n", event.len())
}

fn json(body: &str) -> Bytes {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
        .into()
}
