//! Prints an answer while it arrives: reasoning dimmed and only on a terminal, text unchanged, and on a terminal no
//! control characters, which could change its state.

use std::io::Write;

use jan_core::Result;

use crate::output::failed;

const DIM: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";

pub(super) struct Screen<W> {
    out: W,
    /// The output is a terminal.
    terminal: bool,
    last: Printed,
}

/// What was printed last of the current answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Printed {
    Nothing,
    Reasoning,
    Text,
}

impl<W: Write> Screen<W> {
    pub(super) fn new(out: W, terminal: bool) -> Self {
        Self { out, terminal, last: Printed::Nothing }
    }

    /// Prints a piece of the model's reasoning.
    pub(super) fn reasoning(&mut self, text: &str) -> Result<()> {
        if !self.terminal || text.is_empty() {
            return Ok(());
        }
        let before = if self.last == Printed::Text { "\n" } else { "" };
        self.last = Printed::Reasoning;
        self.write(&format!("{before}{DIM}{}{PLAIN}", without_control(text)))
    }

    /// Prints a piece of the answer.
    pub(super) fn text(&mut self, text: &str) -> Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        let before = if self.last == Printed::Reasoning { "\n\n" } else { "" };
        self.last = Printed::Text;
        // A file gets the text unchanged; a terminal gets no control characters.
        let text = if self.terminal { without_control(text) } else { text.to_owned() };
        self.write(&format!("{before}{text}"))
    }

    /// Ends the answer, whether it is complete or not.
    pub(super) fn end(&mut self) -> Result<()> {
        match std::mem::replace(&mut self.last, Printed::Nothing) {
            Printed::Nothing => Ok(()),
            Printed::Reasoning | Printed::Text => self.write("\n"),
        }
    }

    fn write(&mut self, text: &str) -> Result<()> {
        let written = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
        written.map_err(|error| failed(&error))
    }
}

fn without_control(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(terminal: bool) -> String {
        let mut out = Vec::new();
        let mut screen = Screen::new(&mut out, terminal);
        screen.reasoning("hm").unwrap();
        screen.text("a\x1b[31m").unwrap();
        screen.text("b").unwrap();
        screen.end().unwrap();
        screen.end().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_terminal_gets_reasoning_and_a_file_gets_the_answer_unchanged() {
        assert_eq!(printed(true), "\x1b[2mhm\x1b[0m\n\na[31mb\n");
        assert_eq!(printed(false), "a\x1b[31mb\n");
    }
}
