//! `jan-server chat`: a talk with the model in the terminal, in this process, over the same chat service that the API
//! uses. With a message it answers once; piped, it reads a message per line.

mod command;
mod input;
mod screen;
mod talk;

use std::io::{IsTerminal, Stdout};
use std::process::ExitCode;

use jan_core::causes::Causes;
use jan_core::{Error, Result};
use jan_llm::Chat;

use super::output::{OUTPUT_FAILED, note};
use crate::config::Config;
use crate::open;
use command::{Command, HELP};
use input::{Input, Said};
use screen::Screen;
use talk::{Outcome, Talk};

/// What shells say of a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// Whom to talk to, and about what.
#[derive(clap::Args)]
pub(crate) struct ChatArgs {
    /// The model to talk to [default: the first on offer]
    #[arg(long, short, value_name = "NAME")]
    model: Option<String>,
    /// What the model is told before the talk begins
    #[arg(long, short, value_name = "TEXT")]
    system: Option<String>,
    /// Ask this, print the answer and exit
    message: Vec<String>,
}

/// Talks until one side has said everything. Only answers go to standard output.
pub(crate) async fn run(config: &Config, args: ChatArgs) -> Result<ExitCode> {
    let on_terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    if on_terminal && config.local.model.is_some() {
        note("Loading the model …");
    }
    let provider = open::provider(config).await?.ok_or_else(no_model)?;
    let model = match args.model {
        Some(name) => name,
        None => provider.models().await?.into_iter().next().map(|model| model.id).ok_or_else(no_model)?,
    };
    let mut talk = Talk::new(Chat::over(provider), model, args.system);
    let mut screen = Screen::new(std::io::stdout(), std::io::stdout().is_terminal());
    if !args.message.is_empty() {
        let outcome = talk.say(&args.message.join(" "), &mut screen, interrupt()).await;
        if let Err(error) = &outcome {
            complain(error);
        }
        return Ok(exit(matches!(outcome, Ok(Outcome::Stopped)), outcome.is_err()));
    }
    if !on_terminal {
        return piped(&mut talk, &mut screen).await;
    }
    note(&format!("Talking to {}. /help lists the commands, Ctrl-D leaves.", talk.model()));
    typed(&mut talk, &mut screen).await
}

/// A person at the keyboard: errors and Ctrl-C end an answer and not the talk.
async fn typed(talk: &mut Talk, screen: &mut Screen<Stdout>) -> Result<ExitCode> {
    let mut input = Input::keyboard();
    let mut interrupted = false;
    loop {
        let line = match input.next().await? {
            Said::Line(line) => line,
            Said::Interrupt if !interrupted => {
                interrupted = true;
                note("Ctrl-C once more, or Ctrl-D, leaves.");
                continue;
            }
            Said::Interrupt | Said::End => return Ok(ExitCode::SUCCESS),
        };
        interrupted = false;
        match turn(talk, screen, &line).await {
            Ok(Turn::Done) => {}
            Ok(Turn::Stopped) => {
                interrupted = true;
                note("Stopped.");
            }
            Ok(Turn::Leave) => return Ok(ExitCode::SUCCESS),
            Err(error) if error.code() == OUTPUT_FAILED => return Err(error),
            Err(error) => complain(&error),
        }
    }
}

/// A program that sends lines: Ctrl-C ends the program, and an error is remembered for the exit code.
async fn piped(talk: &mut Talk, screen: &mut Screen<Stdout>) -> Result<ExitCode> {
    let mut input = Input::pipe();
    let mut failed = false;
    loop {
        let said = tokio::select! {
            said = input.next() => said?,
            () = interrupt() => Said::Interrupt,
        };
        match said {
            Said::Line(line) => match turn(talk, screen, &line).await {
                Ok(Turn::Done) => {}
                Ok(Turn::Stopped) => return Ok(exit(true, failed)),
                Ok(Turn::Leave) => return Ok(exit(false, failed)),
                // Nobody reads the answers any more.
                Err(error) if error.code() == OUTPUT_FAILED => return Err(error),
                Err(error) => {
                    failed = true;
                    complain(&error);
                }
            },
            Said::Interrupt => return Ok(exit(true, failed)),
            Said::End => return Ok(exit(false, failed)),
        }
    }
}

enum Turn {
    Done,
    Stopped,
    Leave,
}

/// One line, carried out.
async fn turn(talk: &mut Talk, screen: &mut Screen<Stdout>, line: &str) -> Result<Turn> {
    match Command::read(line) {
        Command::Nothing => {}
        Command::Say(text) => {
            if talk.say(text, screen, interrupt()).await? == Outcome::Stopped {
                return Ok(Turn::Stopped);
            }
        }
        Command::New => {
            talk.forget();
            note("Everything said so far is forgotten.");
        }
        Command::Model(Some(name)) => {
            talk.use_model(name).await?;
            note(&format!("Talking to {name} from now on."));
        }
        Command::Model(None) => {
            for model in talk.models().await? {
                note(&format!("{} {}", if model == talk.model() { "*" } else { " " }, model));
            }
        }
        Command::Help => note(HELP),
        Command::Quit => return Ok(Turn::Leave),
        Command::Unknown(name) => note(&format!("There is no command {name}; /help lists those that are.")),
    }
    Ok(Turn::Done)
}

/// Comes when Ctrl-C does; never, where there are no signals.
async fn interrupt() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn exit(interrupted: bool, failed: bool) -> ExitCode {
    match (interrupted, failed) {
        (true, _) => ExitCode::from(INTERRUPTED),
        (false, true) => ExitCode::FAILURE,
        (false, false) => ExitCode::SUCCESS,
    }
}

/// Something about the talk that is no part of it.
fn note(text: &str) {
    if std::io::stderr().is_terminal() {
        note!("\x1b[2m{text}\x1b[0m");
    } else {
        note!("{text}");
    }
}

/// An error in one line, whatever it quotes.
fn complain(error: &Error) {
    let line = Causes(error).to_string();
    let words: Vec<_> = line.split_whitespace().collect();
    note!("error: {}", words.join(" "));
}

fn no_model() -> Error {
    Error::unavailable(
        "No model is configured. Try `JAN_LOCAL_MODEL=model.gguf jan-server chat`, or \
         `JAN_UPSTREAM_URL=http://localhost:11434/v1 jan-server chat`.",
    )
    .with_code("no_model")
}
