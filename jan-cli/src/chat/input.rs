//! The source of lines: a line editor for a person, standard input for a program.

use jan_core::{Error, ErrorKind, Result};
use reedline::{DefaultPrompt, DefaultPromptSegment, Reedline, Signal};
use tokio::sync::mpsc;

/// What the input returned.
pub(super) enum InputEvent {
    Line(String),
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-D, or the end of standard input.
    End,
}

pub(super) enum Input {
    Keyboard(Box<Reedline>, DefaultPrompt),
    Pipe(mpsc::Receiver<std::io::Result<String>>),
}

impl Input {
    /// Lines typed by a person, with editing, and with earlier lines at the arrow keys. They are not stored.
    pub(super) fn keyboard() -> Self {
        let name = DefaultPromptSegment::Basic("you".into());
        let editor = Reedline::create().use_bracketed_paste(true);
        Self::Keyboard(Box::new(editor), DefaultPrompt::new(name, DefaultPromptSegment::Empty))
    }

    /// The lines of standard input.
    pub(super) fn pipe() -> Self {
        let (send, lines) = mpsc::channel(1);
        // A thread of its own: a read of standard input cannot be cancelled, and must not delay the exit.
        std::thread::spawn(move || {
            for line in std::io::stdin().lines() {
                if send.blocking_send(line).is_err() {
                    break;
                }
            }
        });
        Self::Pipe(lines)
    }

    /// Waits for the next line. On a pipe, dropping the future loses nothing. On a keyboard, the future blocks its
    /// thread until a line has been entered.
    pub(super) async fn next(&mut self) -> Result<InputEvent> {
        let failed = |e: std::io::Error| {
            Error::new(ErrorKind::Internal, format!("What was typed could not be read: {e}.")).because(e)
        };
        match self {
            Self::Pipe(lines) => match lines.recv().await {
                Some(line) => line.map(InputEvent::Line).map_err(failed),
                None => Ok(InputEvent::End),
            },
            Self::Keyboard(editor, prompt) => {
                let signal = tokio::task::block_in_place(|| editor.read_line(prompt));
                match signal {
                    Ok(Signal::Success(line)) => Ok(InputEvent::Line(line)),
                    Ok(Signal::CtrlC) => Ok(InputEvent::Interrupt),
                    Ok(_) => Ok(InputEvent::End),
                    Err(error) => Err(failed(std::io::Error::other(error.to_string()))),
                }
            }
        }
    }
}
