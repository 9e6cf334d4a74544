//! An upstream to run by hand. By default the fast one of the benches: every byte of its answers is made once, so that
//! what a measurement shows is the server in front of it. With `--manners` it is the fake of the tests, which answers by
//! the model's name, to try a client or a server against its bad manners.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a tool: it speaks on the terminal and stops loudly"
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
    /// The port; 0 takes a free one. The base URL is printed as the first line.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Answers by the model's name, well or badly, instead of fast.
    #[arg(long)]
    manners: bool,
    /// With --manners: the key that requests must carry.
    #[arg(long, requires = "manners")]
    key: Option<String>,
    /// Threads that serve.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    #[command(flatten)]
    knobs: fast::Knobs,
}

fn main() -> std::io::Result<()> {
    let flags = Flags::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(flags.threads.max(1))
        .enable_all()
        .build()?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, flags.port));
    runtime.block_on(async {
        if !flags.manners {
            return fast::serve(address, &flags.knobs).await;
        }
        let upstream = Upstream::listen(address, flags.key).await?;
        // Nobody stands at the gate to open it.
        upstream.gate().open();
        println!("{}", upstream.url());
        for (name, what) in NAMES {
            println!("{name:18} {what}");
        }
        tokio::signal::ctrl_c().await
    })
}
