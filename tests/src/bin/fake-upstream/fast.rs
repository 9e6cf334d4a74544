//! The fast upstream: constant bytes at constant cost. Its pace can be changed while it runs
//! (`GET /__fake?chunks=200&gap_ms=20&delay_ms=0`, which also returns the counters).

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

use crate::request::{self, RequestKind};

/// The pace of the fast upstream.
#[derive(Args)]
pub(crate) struct Pace {
    /// Number of chunks of a stream, without the first and the last.
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
    replies: Replies,
}

/// All its replies, complete with HTTP heads and framing.
struct Replies {
    answer: Bytes,
    models: Bytes,
    not_found: Bytes,
    stream_head: Bytes,
    chunk: Bytes,
    stream_tail: Bytes,
}

/// Prints the base URL and serves until the process is stopped.
pub(crate) async fn serve(address: SocketAddr, pace: &Pace) -> io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    // In the benchmarks a thousand clients connect at the same time; the default backlog of 128 would drop some of
    // them.
    let listener = socket.listen(4096)?;
    println!("http://{}/v1", listener.local_addr()?);
    let shared = Arc::new(Shared {
        chunks: pace.chunks.into(),
        gap_ms: pace.gap_ms.into(),
        delay_ms: pace.delay_ms.into(),
        requests: AtomicU64::new(0),
        started: AtomicU64::new(0),
        completed: AtomicU64::new(0),
        replies: Replies::new(),
    });
    loop {
        let (socket, _) = listener.accept().await?;
        let shared = shared.clone();
        tokio::spawn(async move {
            // A client that disconnects is not an error here; the counters show streams that were not completed.
            let _ = connection(socket, &shared).await;
        });
    }
}

async fn connection(mut socket: TcpStream, shared: &Shared) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let replies = &shared.replies;
    let mut buffer = BytesMut::with_capacity(4096);
    while let Some(kind) = request::next(&mut socket, &mut buffer).await? {
        match kind {
            RequestKind::Chat => {
                shared.requests.fetch_add(1, Relaxed);
                shared.wait(&shared.delay_ms).await;
                socket.write_all(&replies.answer).await?;
            }
            RequestKind::Stream => stream(&mut socket, shared).await?,
            RequestKind::Models => socket.write_all(&replies.models).await?,
            RequestKind::Control(query) => socket.write_all(&json(&shared.control(&query))).await?,
            RequestKind::Unknown => socket.write_all(&replies.not_found).await?,
        }
    }
    Ok(())
}

async fn stream(socket: &mut TcpStream, shared: &Shared) -> io::Result<()> {
    let replies = &shared.replies;
    shared.requests.fetch_add(1, Relaxed);
    shared.started.fetch_add(1, Relaxed);
    shared.wait(&shared.delay_ms).await;
    socket.write_all(&replies.stream_head).await?;
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
        socket.write_all(&replies.chunk).await?;
    }
    socket.write_all(&replies.stream_tail).await?;
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
            let setting = match name {
                "chunks" => &self.chunks,
                "gap_ms" => &self.gap_ms,
                "delay_ms" => &self.delay_ms,
                _ => continue,
            };
            if let Ok(value) = value.parse() {
                setting.store(value, Relaxed);
            }
        }
        let [requests, started, completed] =
            [&self.requests, &self.started, &self.completed].map(|counter| counter.load(Relaxed));
        format!(r#"{{"requests":{requests},"streams_started":{started},"streams_completed":{completed}}}"#)
    }
}

const HEAD: &str = r#"{"id":"chatcmpl-fake","object":"chat.completion.chunk","created":1,"model":"fake-model","system_fingerprint":"fp_fake""#;

impl Replies {
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
