//! Where lines come from: an editor for a person, standard input for a program.

use jan_core::{Error, ErrorKind, Result};
use reedline::{DefaultPrompt, DefaultPromptSegment, Reedline, Signal};
use tokio::sync::mpsc;

/// What came.
pub(super) enum Said {
    Line(String),
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-D, or the end of the pipe.
    End,
}

pub(super) enum Input {
    Keyboard(Box<Reedline>, DefaultPrompt),
    Pipe(mpsc::Receiver<std::io::Result<String>>),
}

impl Input {
    /// Lines typed by a person, with editing and the lines before at the arrow keys. They are kept nowhere.
    pub(super) fn keyboard() -> Self {
        let name = DefaultPromptSegment::Basic("you".into());
        let editor = Reedline::create().use_bracketed_paste(true);
        Self::Keyboard(Box::new(editor), DefaultPrompt::new(name, DefaultPromptSegment::Empty))
    }

    /// Lines of standard input.
    pub(super) fn pipe() -> Self {
        let (send, lines) = mpsc::channel(1);
        // A thread of its own: a read of standard input cannot be broken off, and must not hold up the exit.
        std::thread::spawn(move || {
            for line in std::io::stdin().lines() {
                if send.blocking_send(line).is_err() {
                    break;
                }
            }
        });
        Self::Pipe(lines)
    }

    /// Waits for the next line. Dropping the future of a pipe loses nothing; a keyboard's does not give way before a
    /// key is pressed.
    pub(super) async fn next(&mut self) -> Result<Said> {
        let failed = |e: std::io::Error| {
            Error::new(ErrorKind::Internal, format!("What was typed could not be read: {e}.")).because(e)
        };
        match self {
            Self::Pipe(lines) => match lines.recv().await {
                Some(line) => line.map(Said::Line).map_err(failed),
                None => Ok(Said::End),
            },
            Self::Keyboard(editor, prompt) => {
                let signal = tokio::task::block_in_place(|| editor.read_line(prompt));
                match signal {
                    Ok(Signal::Success(line)) => Ok(Said::Line(line)),
                    Ok(Signal::CtrlC) => Ok(Said::Interrupt),
                    Ok(_) => Ok(Said::End),
                    Err(error) => Err(failed(std::io::Error::other(error.to_string()))),
                }
            }
        }
    }
}
