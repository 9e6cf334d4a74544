//! How an answer is shown while it comes: thoughts dimmed and only to people, text as it is, and nothing that could
//! steer the terminal.

use std::io::Write;

use jan_core::Result;

use crate::output::failed;

const DIM: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";

pub(super) struct Screen<W> {
    out: W,
    /// A person looks at it.
    terminal: bool,
    shown: Shown,
}

/// What was shown last of the present answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Nothing,
    Thought,
    Text,
}

impl<W: Write> Screen<W> {
    pub(super) fn new(out: W, terminal: bool) -> Self {
        Self { out, terminal, shown: Shown::Nothing }
    }

    /// A piece of what the model thinks before it speaks.
    pub(super) fn thought(&mut self, text: &str) -> Result<()> {
        if !self.terminal || text.is_empty() {
            return Ok(());
        }
        let before = if self.shown == Shown::Text { "\n" } else { "" };
        self.shown = Shown::Thought;
        self.write(&format!("{before}{DIM}{}{PLAIN}", harmless(text)))
    }

    /// A piece of what the model says.
    pub(super) fn text(&mut self, text: &str) -> Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        let before = if self.shown == Shown::Thought { "\n\n" } else { "" };
        self.shown = Shown::Text;
        // Into a file goes what was said; a terminal is not steered by it.
        let text = if self.terminal { harmless(text) } else { text.to_owned() };
        self.write(&format!("{before}{text}"))
    }

    /// The answer is over, however it ended.
    pub(super) fn end(&mut self) -> Result<()> {
        match std::mem::replace(&mut self.shown, Shown::Nothing) {
            Shown::Nothing => Ok(()),
            Shown::Thought | Shown::Text => self.write("\n"),
        }
    }

    fn write(&mut self, text: &str) -> Result<()> {
        let written = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
        written.map_err(|error| failed(&error))
    }
}

fn harmless(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(terminal: bool) -> String {
        let mut out = Vec::new();
        let mut screen = Screen::new(&mut out, terminal);
        screen.thought("hm").unwrap();
        screen.text("a\x1b[31m").unwrap();
        screen.text("b").unwrap();
        screen.end().unwrap();
        screen.end().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn people_see_thoughts_and_programs_see_the_answer_as_it_is() {
        assert_eq!(shown(true), "\x1b[2mhm\x1b[0m\n\na[31mb\n");
        assert_eq!(shown(false), "a\x1b[31mb\n");
    }
}
