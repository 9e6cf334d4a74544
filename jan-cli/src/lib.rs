//! The binary `jan-server`: its command line (`serve`, which is the default, `chat`, `models`, `export`, `import`,
//! `config`), its configuration, and the server that it builds from that.
//!
//! | file | holds |
//! |---|---|
//! | `config` | the values, from defaults, a file, the environment and flags; the only place that reads these |
//! | `open` | from the configuration to a [`jan_server::Server`] |
//! | the others | a command each, and what they share |

mod chat;
pub mod config;
mod data;
mod log;
mod models;
pub mod open;
mod output;
mod serve;
mod summary;
mod threads;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use jan_core::causes::Causes;
use jan_core::{Error, Result};

use self::output::{note, print};
use crate::config::{Config, Overrides, ProcessEnvironment, SAMPLE, load, unknown_variables};

/// The API of Jan Server and OpenAI in one binary and one file.
#[derive(Parser)]
#[command(version, about, after_help = AFTER_HELP)]
struct Cli {
    /// A configuration file instead of jan.toml
    #[arg(long, short, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The address to listen on [default: 127.0.0.1:8000]
    #[arg(long, global = true, value_name = "HOST:PORT")]
    addr: Option<String>,
    /// Where everything that is kept lies [default: data]
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<String>,
    /// Any value by its path, for example --set limits.body=16MiB
    #[arg(long, global = true, value_name = "KEY=VALUE", value_parser = key_value)]
    set: Vec<(String, String)>,
    #[command(subcommand)]
    command: Option<Command>,
}

const AFTER_HELP: &str = "\
Layers: defaults < jan.toml < environment < flags; `jan-server config` prints what counts.

Environment: JAN_ADDR, JAN_DATA_DIR, JAN_UPSTREAM_URL, JAN_UPSTREAM_API_KEY, JAN_LOCAL_MODEL, JAN_ECHO,
JAN_AUTH, JAN_API_KEYS, JAN_RATE_LIMIT=off, JAN_ALLOW_PRIVATE_URLS=1, JAN_API_BARE=1, JAN_CORS_ORIGINS,
JAN_PUBLIC_URL, JAN_LOG, JAN_CONFIG, and JAN__<SECTION>__<KEY> for every other value.

Examples:
  JAN_LOCAL_MODEL=model.gguf jan-server         serve a model of your own
  JAN_UPSTREAM_URL=http://localhost:11434/v1 jan-server
  jan-server chat \"What is the capital of France?\"";

#[derive(Subcommand)]
enum Command {
    /// Serve the API (the default)
    Serve(serve::ServeArgs),
    /// Talk to the model in the terminal
    Chat(chat::ChatArgs),
    /// List, check and pull models
    #[command(subcommand)]
    Models(models::ModelsCommand),
    /// Write all that a user has as lines of JSON
    Export(data::ExportArgs),
    /// Give a user what was exported
    Import(data::ImportArgs),
    /// Print the effective configuration, secrets hidden
    Config {
        /// Print a commented jan.toml with every key and its default instead
        #[arg(long)]
        sample: bool,
    },
}

/// Runs the command line of this process to its end.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return print_clap(&error),
    };
    let outcome = read_config(&cli).and_then(|config| {
        threads::set(&config)?;
        let command = cli.command.unwrap_or(Command::Serve(serve::ServeArgs::default()));
        run(command, config, unknown_variables(&ProcessEnvironment))
    });
    outcome.unwrap_or_else(|error| {
        note!("jan-server: {}", Causes(&error));
        ExitCode::FAILURE
    })
}

/// Prints what clap returned instead of arguments: help and the version to standard output, wrong arguments to standard
/// error.
fn print_clap(message: &clap::Error) -> ExitCode {
    if let Err(error) = message.print() {
        note!("jan-server: {}", output::failed(&error));
        return ExitCode::FAILURE;
    }
    ExitCode::from(u8::try_from(message.exit_code()).unwrap_or(2))
}

fn read_config(cli: &Cli) -> Result<Config> {
    let mut values = cli.set.clone();
    values.extend(cli.addr.iter().map(|addr| ("addr".to_owned(), addr.clone())));
    values.extend(cli.data_dir.iter().map(|dir| ("data_dir".to_owned(), dir.clone())));
    load(&ProcessEnvironment, &Overrides { file: cli.config.clone(), values })
}

fn run(command: Command, config: Config, warning: Option<String>) -> Result<ExitCode> {
    if let (Some(warning), false) = (&warning, matches!(command, Command::Serve(_))) {
        note!("jan-server: {warning}");
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Error::internal)?;
    runtime.block_on(async {
        match command {
            Command::Serve(args) => serve::run(&config, warning, args).await,
            Command::Chat(args) => chat::run(&config, args).await,
            Command::Models(command) => models::run(&config, command).await,
            Command::Export(args) => data::export(&config, args).await,
            Command::Import(args) => data::import(&config, args).await,
            Command::Config { sample } => {
                let text = if sample { SAMPLE.to_owned() } else { config.with_every_key()? };
                print!("{text}")?;
                Ok(ExitCode::SUCCESS)
            }
        }
    })
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
        _ => Err("write it as KEY=VALUE".into()),
    }
}
