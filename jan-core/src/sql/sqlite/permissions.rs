//! Makes the database's files accessible to their owner alone.

use std::path::PathBuf;

use crate::files;

/// The suffixes of the files that SQLite creates beside the database; it gives them the database's mode.
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Creates the file if SQLite would create it, so that it has our mode, and restricts the modes of existing files.
/// Errors are ignored: either SQLite reports them later, or another user owns the files and decides about their modes.
pub(super) fn protect(uri: &str) {
    let (path, parameters) = match uri.split_once(['?', '#']) {
        Some((path, parameters)) => (path, parameters),
        None => (uri, ""),
    };
    let Some(path) = path.strip_prefix("file:").map(decoded) else { return };
    let read_only = ["mode=", "immutable="].iter().any(|parameter| parameters.contains(parameter));
    if !read_only && let Err(error) = files::create_if_missing(&path) {
        tracing::debug!(%error, "the database's file could not be made beforehand");
    }
    let beside = BESIDE.iter().map(|end| {
        let mut name = path.clone().into_os_string();
        name.push(end);
        PathBuf::from(name)
    });
    for file in std::iter::once(path.clone()).chain(beside) {
        if let Err(error) = files::tighten(&file) {
            tracing::warn!(file = %file.display(), %error, "others may read the database's files, and that cannot be changed");
        }
    }
}

/// The path of a `file:` URI.
fn decoded(path: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    PathBuf::from(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_as_sqlite_reads_them() {
        assert_eq!(decoded("a%20b%3Fc"), PathBuf::from("a b?c"));
        assert_eq!(decoded("100%"), PathBuf::from("100%"));
        assert_eq!(decoded("%zz"), PathBuf::from("%zz"));
    }
}
