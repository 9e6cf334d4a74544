//! What commands print. `println!` panics when nobody takes the text (a full disk, a pipe whose reader has gone); here
//! what a command was asked for is an error then, and what it says beside that is left out.

use std::fmt::Arguments;
use std::io::{self, Write};

use jan_core::{Error, ErrorKind, Result};

/// The code of the error when standard output takes nothing more.
pub(super) const OUTPUT_FAILED: &str = "output_failed";

/// Writes what was asked for to standard output.
macro_rules! print {
    ($($text:tt)*) => { $crate::output::write_out(format_args!($($text)*)) };
}
/// The same, and ends the line.
macro_rules! println {
    ($($text:tt)*) => { $crate::output::write_out(format_args!("{}\n", format_args!($($text)*))) };
}
/// Says something about it on standard error, if anybody listens.
macro_rules! note {
    ($($text:tt)*) => { $crate::output::write_note(format_args!($($text)*)) };
}
pub(super) use {note, print, println};

pub(super) fn write_out(text: Arguments<'_>) -> Result<()> {
    // Written in one piece, so that a table is never torn.
    let text = text.to_string();
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| failed(&error))
}

pub(super) fn write_note(text: Arguments<'_>) {
    // Nobody is left to be told.
    let _ = io::stderr().lock().write_all(format!("{text}\n").as_bytes());
}

/// Standard output takes nothing more.
pub(super) fn failed(error: &io::Error) -> Error {
    Error::new(ErrorKind::Internal, format!("The output could not be written: {error}."))
        .with_code(OUTPUT_FAILED)
}
