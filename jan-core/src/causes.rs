//! An error and its causes as one line, for logs: `a: b: c`.

use std::error::Error;
use std::fmt::{self, Write};

/// Displays an error with all its causes in one line, each cause after a colon. Control characters become spaces. A
/// cause whose text the line already contains is not repeated.
///
/// ```
/// use jan_core::{Error, causes::Causes};
///
/// let error = Error::upstream("The upstream failed.").because("connection refused");
/// assert_eq!(Causes(&error).to_string(), "The upstream failed: connection refused");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Causes<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = self.0.to_string();
        let mut next = self.0.source();
        while let Some(cause) = next {
            let text = cause.to_string();
            if !text.is_empty() && !line.contains(text.trim_end_matches('.')) {
                line.truncate(line.trim_end_matches('.').len());
                line.push_str(": ");
                line.push_str(&text);
            }
            next = cause.source();
        }
        // A cause may quote text from outside. It must not start a new log line, and must not contain a terminal's
        // control codes.
        line.chars().try_for_each(|c| f.write_char(if c.is_control() { ' ' } else { c }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_is_written_once_and_in_one_line() {
        let inner = crate::Error::upstream("broken\npipe\u{1b}[31m");
        let middle = crate::Error::internal(inner);
        let outer = crate::Error::unavailable("It failed.").because(middle);
        let text = Causes(&outer).to_string();
        assert_eq!(text, "It failed: The server had an internal error. Try again later: broken pipe [31m");
        let outer = crate::Error::unavailable("It failed: disk full.").because("disk full");
        assert_eq!(Causes(&outer).to_string(), "It failed: disk full.");
    }
}
