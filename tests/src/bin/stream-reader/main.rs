//! The client of the benchmarks: it reads many streams at once, or sends requests at a fixed rate, and measures every
//! event. A stream without `[DONE]` is an error, so a server cannot be fast by losing the end of an answer.
#![allow(clippy::print_stdout, reason = "a tool: its results are one JSON line on stdout")]

mod client;
mod fill;
mod lengths;
mod numbers;
mod requests;
mod start;
mod streams;
mod table;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

/// Reads chat completions and measures them. Loopback only; each mode prints one flat JSON line.
#[derive(Parser)]
struct Flags {
    #[command(subcommand)]
    mode: Mode,
}

#[derive(Subcommand)]
enum Mode {
    /// Reads streams to their end, all at the same time.
    Streams {
        #[command(flatten)]
        target: Target,
        #[arg(long, default_value_t = 200)]
        count: usize,
        /// Milliseconds over which the streams begin, evenly. If all begin at once, the time to the first token is
        /// mostly the wait for the others; if they are spread, it is the time that one more user sees.
        #[arg(long, default_value_t = 0)]
        spread_ms: u32,
    },
    /// Opens streams, prints a line when all have begun, and holds them until stdin ends.
    Hold {
        #[command(flatten)]
        target: Target,
        #[arg(long, default_value_t = 1000)]
        count: usize,
    },
    /// Sends requests at a fixed rate, whether or not the earlier ones were answered.
    Rate {
        #[command(flatten)]
        target: Target,
        /// Requests a second.
        #[arg(long, default_value_t = 200)]
        rate: u32,
        #[arg(long, default_value_t = 5)]
        secs: u32,
    },
    /// Sends the next request when the last was answered, on each of several connections.
    Closed {
        #[command(flatten)]
        target: Target,
        #[arg(long, default_value_t = 64)]
        conns: usize,
        #[arg(long, default_value_t = 5)]
        secs: u32,
    },
    /// Creates conversations at the target's URL and writes their ids to a file, one on each line.
    Fill {
        #[command(flatten)]
        target: Target,
        #[arg(long, default_value_t = 1000)]
        count: usize,
        #[arg(long, default_value_t = 64)]
        conns: usize,
        #[arg(long)]
        ids: PathBuf,
    },
    /// Turns in conversations of these many items, kept and sent whole by turns, one at a time.
    Lengths {
        #[command(flatten)]
        target: Target,
        #[arg(long, value_delimiter = ',', default_value = "10,100,400,1000")]
        items: Vec<usize>,
        /// How many turns of each way.
        #[arg(long, default_value_t = 53)]
        count: usize,
    },
    /// Starts a server and measures the time to its first good answer to GET; then stops it.
    Start {
        /// The URL to request, for example http://127.0.0.1:8000/healthz
        #[arg(long)]
        url: String,
        /// The server's command.
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// Medians of lines `target metric value`, as a Markdown table.
    Table { file: PathBuf },
}

/// The server to measure, and the requests to send.
#[derive(Args, Clone)]
struct Target {
    /// The full URL of the route.
    #[arg(long)]
    url: String,
    /// A bearer token.
    #[arg(long)]
    token: Option<String>,
    #[arg(long, default_value = "fake-model")]
    model: String,
    /// A file of conversation ids; the chats use them in turn.
    #[arg(long)]
    conversations: Option<PathBuf>,
    /// Sends GET instead of chats.
    #[arg(long)]
    get: bool,
}

impl Target {
    /// The requests for whole answers.
    fn requests(&self) -> std::io::Result<client::Requests> {
        if self.get { client::Requests::get_as(self) } else { client::Requests::chat(self, false) }
    }
}

// One thread: this program shares two cores with the server that it measures.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let line = match Flags::parse().mode {
        Mode::Streams { target, count, spread_ms } => {
            streams::read_all(&target, count, Duration::from_millis(spread_ms.into())).await?
        }
        Mode::Hold { target, count } => streams::hold(&target, count).await?,
        Mode::Rate { target, rate, secs } => requests::rate(&target, rate, secs).await?,
        Mode::Closed { target, conns, secs } => requests::closed(&target, conns, secs).await?,
        Mode::Fill { target, count, conns, ids } => fill::fill(&target, count, conns, &ids).await?,
        Mode::Lengths { target, items, count } => lengths::lengths(&target, &items, count).await?,
        Mode::Start { url, command } => start::start(&url, &command).await?,
        Mode::Table { file } => table::table(&std::fs::read_to_string(file)?),
    };
    println!("{line}");
    Ok(())
}
