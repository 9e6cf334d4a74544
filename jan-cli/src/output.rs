//! Printing for commands. The standard `println!` panics when the output takes no more text (a full disk, a pipe whose
//! reader has ended). Here that is an error for the result of a command, and is ignored for its messages.

use std::fmt::Arguments;
use std::io::{self, Write};

use jan_core::{Error, ErrorKind, Result};

/// The error code when standard output cannot be written.
pub(super) const OUTPUT_FAILED: &str = "output_failed";

/// Writes a command's result to standard output.
macro_rules! print {
    ($($text:tt)*) => { $crate::output::write_out(format_args!($($text)*)) };
}
/// Writes a line of a command's result to standard output.
macro_rules! println {
    ($($text:tt)*) => { $crate::output::write_out(format_args!("{}\n", format_args!($($text)*))) };
}
/// Writes a message to standard error; failures are ignored.
macro_rules! note {
    ($($text:tt)*) => { $crate::output::write_note(format_args!($($text)*)) };
}
pub(super) use {note, print, println};

pub(super) fn write_out(text: Arguments<'_>) -> Result<()> {
    // Written in one piece, so that output of other threads cannot come in between.
    let text = text.to_string();
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| failed(&error))
}

pub(super) fn write_note(text: Arguments<'_>) {
    // There is no other place to report the failure.
    let _ = io::stderr().lock().write_all(format!("{text}\n").as_bytes());
}

/// The error when standard output cannot be written.
pub(super) fn failed(error: &io::Error) -> Error {
    Error::new(ErrorKind::Internal, format!("The output could not be written: {error}."))
        .with_code(OUTPUT_FAILED)
}
