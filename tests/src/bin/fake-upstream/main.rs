//! A fake upstream as a program. By default it is the fast upstream of the benchmarks: the bytes of its answers are
//! made once, so that a measurement shows the cost of the server in front of it. With `--by-model` it is the fake of
//! the tests, which answers by the model's name, to try a client or a server against faulty upstreams.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a tool: it prints to the terminal and may panic"
)]

mod fast;
mod request;

use std::net::{Ipv4Addr, SocketAddr};

use clap::Parser;
use jan_tests::Upstream;
use jan_tests::upstream::NAMES;

/// A fake OpenAI-compatible upstream on the loopback.
#[derive(Parser)]
struct Flags {
    /// The port; 0 selects a free one. The base URL is printed as the first line.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Answers by the model's name, correctly or with faults, instead of fast.
    #[arg(long)]
    by_model: bool,
    /// With --by-model: the key that requests must have.
    #[arg(long, requires = "by_model")]
    key: Option<String>,
    /// Number of threads.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    #[command(flatten)]
    pace: fast::Pace,
}

fn main() -> std::io::Result<()> {
    let flags = Flags::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(flags.threads.max(1))
        .enable_all()
        .build()?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, flags.port));
    runtime.block_on(async {
        if !flags.by_model {
            return fast::serve(address, &flags.pace).await;
        }
        let upstream = Upstream::listen(address, flags.key).await?;
        // No test opens the gate here.
        upstream.gate().open();
        println!("{}", upstream.url());
        for (name, description) in NAMES {
            println!("{name:18} {description}");
        }
        tokio::signal::ctrl_c().await
    })
}
