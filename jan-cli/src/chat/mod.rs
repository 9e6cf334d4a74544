//! `jan-server chat`: a conversation with the model in the terminal. The model runs in this process or upstream, behind
//! the same chat service that the API uses; no server is needed. With a message as argument it prints one answer; with
//! piped input it reads one message per line.

mod command;
mod conversation;
mod input;
mod screen;

use std::io::{IsTerminal, Stdout};
use std::process::ExitCode;

use jan_core::causes::Causes;
use jan_core::{Error, Result};
use jan_llm::Chat;

use super::output::{OUTPUT_FAILED, note};
use crate::config::Config;
use crate::open;
use command::{Command, HELP};
use conversation::{Conversation, Outcome};
use input::{Input, InputEvent};
use screen::Screen;

/// The exit code by convention of a program that Ctrl-C ended.
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

/// Runs the command until the input ends. Only answers go to standard output.
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
    let mut conversation = Conversation::new(Chat::over(provider), model, args.system);
    let mut screen = Screen::new(std::io::stdout(), std::io::stdout().is_terminal());
    if !args.message.is_empty() {
        let outcome = conversation.send(&args.message.join(" "), &mut screen, interrupt()).await;
        if let Err(error) = &outcome {
            print_error(error);
        }
        return Ok(exit_code(matches!(outcome, Ok(Outcome::Stopped)), outcome.is_err()));
    }
    if !on_terminal {
        return piped(&mut conversation, &mut screen).await;
    }
    note(&format!("Talking to {}. /help lists the commands, Ctrl-D leaves.", conversation.model()));
    typed(&mut conversation, &mut screen).await
}

/// Reads lines that a person types. Errors and Ctrl-C end an answer, not the conversation.
async fn typed(conversation: &mut Conversation, screen: &mut Screen<Stdout>) -> Result<ExitCode> {
    let mut input = Input::keyboard();
    let mut interrupted = false;
    loop {
        let line = match input.next().await? {
            InputEvent::Line(line) => line,
            InputEvent::Interrupt if !interrupted => {
                interrupted = true;
                note("Ctrl-C once more, or Ctrl-D, leaves.");
                continue;
            }
            InputEvent::Interrupt | InputEvent::End => return Ok(ExitCode::SUCCESS),
        };
        interrupted = false;
        match run_line(conversation, screen, &line).await {
            Ok(AfterLine::Continue) => {}
            Ok(AfterLine::Stopped) => {
                interrupted = true;
                note("Stopped.");
            }
            Ok(AfterLine::Quit) => return Ok(ExitCode::SUCCESS),
            Err(error) if error.code() == OUTPUT_FAILED => return Err(error),
            Err(error) => print_error(&error),
        }
    }
}

/// Reads lines from a pipe. Ctrl-C ends the program, and an error is remembered for the exit code.
async fn piped(conversation: &mut Conversation, screen: &mut Screen<Stdout>) -> Result<ExitCode> {
    let mut input = Input::pipe();
    let mut failed = false;
    loop {
        let event = tokio::select! {
            event = input.next() => event?,
            () = interrupt() => InputEvent::Interrupt,
        };
        match event {
            InputEvent::Line(line) => match run_line(conversation, screen, &line).await {
                Ok(AfterLine::Continue) => {}
                Ok(AfterLine::Stopped) => return Ok(exit_code(true, failed)),
                Ok(AfterLine::Quit) => return Ok(exit_code(false, failed)),
                // Standard output is closed: nobody reads the answers.
                Err(error) if error.code() == OUTPUT_FAILED => return Err(error),
                Err(error) => {
                    failed = true;
                    print_error(&error);
                }
            },
            InputEvent::Interrupt => return Ok(exit_code(true, failed)),
            InputEvent::End => return Ok(exit_code(false, failed)),
        }
    }
}

/// What follows after a line has been executed.
enum AfterLine {
    Continue,
    /// Ctrl-C stopped the answer.
    Stopped,
    Quit,
}

/// Executes one line.
async fn run_line(
    conversation: &mut Conversation,
    screen: &mut Screen<Stdout>,
    line: &str,
) -> Result<AfterLine> {
    match Command::parse(line) {
        Command::Nothing => {}
        Command::Send(text) => {
            if conversation.send(text, screen, interrupt()).await? == Outcome::Stopped {
                return Ok(AfterLine::Stopped);
            }
        }
        Command::New => {
            conversation.clear();
            note("Everything said so far is forgotten.");
        }
        Command::Model(Some(name)) => {
            conversation.use_model(name).await?;
            note(&format!("Talking to {name} from now on."));
        }
        Command::Model(None) => {
            for model in conversation.models().await? {
                note(&format!("{} {}", if model == conversation.model() { "*" } else { " " }, model));
            }
        }
        Command::Help => note(HELP),
        Command::Quit => return Ok(AfterLine::Quit),
        Command::Unknown(name) => note(&format!("There is no command {name}; /help lists those that are.")),
    }
    Ok(AfterLine::Continue)
}

/// Completes at Ctrl-C; never, where there are no signals.
async fn interrupt() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn exit_code(interrupted: bool, failed: bool) -> ExitCode {
    match (interrupted, failed) {
        (true, _) => ExitCode::from(INTERRUPTED),
        (false, true) => ExitCode::FAILURE,
        (false, false) => ExitCode::SUCCESS,
    }
}

/// Prints a message about the conversation to standard error, dimmed on a terminal.
fn note(text: &str) {
    if std::io::stderr().is_terminal() {
        note!("\x1b[2m{text}\x1b[0m");
    } else {
        note!("{text}");
    }
}

/// Prints an error in one line, whatever it contains.
fn print_error(error: &Error) {
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
