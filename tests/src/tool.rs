//! Finds what tests need besides Rust: other programs, and files that are too large for the repository.

use std::env;
use std::io::Write;
use std::path::PathBuf;

/// The path in the environment variable `variable`, one of those that `scripts/services` prints and `make test` sets.
/// If it is missing, this prints that the test is skipped, and the test should return. In CI no test may be skipped, so
/// there it is a failure.
///
/// # Panics
/// In CI (the variable `CI` is set), when the path is missing.
pub fn tool(variable: &str) -> Option<PathBuf> {
    let path = env::var_os(variable).map(PathBuf::from);
    if let Some(path) = path.filter(|path| path.exists()) {
        return Some(path);
    }
    assert!(env::var_os("CI").is_none(), "{variable} does not name an existing path: CI must have it");
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    // Not by `eprintln`: the test passes, and cargo hides what passing tests print with it.
    let _ = writeln!(
        std::io::stderr(),
        "SKIPPED {test}: {variable} is not set; `make test` sets up what it names"
    );
    None
}
