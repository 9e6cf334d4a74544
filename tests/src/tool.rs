//! What tests need besides Rust: other programs, and files too large for a repository.

use std::env;
use std::io::Write;
use std::path::PathBuf;

/// The path in `variable`, one of those that `scripts/services` prints and `make test` sets. Where it is missing the test
/// that asks should end: the skip is said aloud here. In CI nothing may be skipped, so there it is a failure.
///
/// # Panics
/// In CI (the variable `CI` is set), when the path is missing.
pub fn tool(variable: &str) -> Option<PathBuf> {
    let path = env::var_os(variable).map(PathBuf::from);
    if let Some(path) = path.filter(|path| path.exists()) {
        return Some(path);
    }
    assert!(env::var_os("CI").is_none(), "{variable} names nothing that is there: CI must have it");
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    // Not by `eprintln`: the test passes, and what passing tests print is not shown.
    let _ = writeln!(
        std::io::stderr(),
        "SKIPPED {test}: {variable} is not set; `make test` sets up what it names"
    );
    None
}
