//! The data folder: created with access for its owner only, and restricted to that if it exists with wider access and
//! is used by this server alone.

use std::ffi::OsStr;
use std::path::Path;

use jan_core::{Error, Result, files};

use super::DATABASE;

/// The start of the names of all files and folders that this server creates in a data folder.
const OWN_NAMES: [&str; 5] = [DATABASE, "signing-key", "link-key", "media", "models"];

/// Creates the data folder if it does not exist. If it contains nothing but the server's own files, access is
/// restricted to its owner. A folder with other files (a home folder, a project) keeps its mode; the server's files in
/// it have restricted modes of their own.
///
/// # Errors
/// [`jan_core::ErrorKind::Invalid`] naming the folder when it cannot be created or read.
pub fn open(folder: &Path) -> Result<()> {
    let failed = |e: std::io::Error| {
        let message = format!(
            "Making the data folder {} failed: {e}. Set `data_dir` to a folder that can be written.",
            folder.display()
        );
        Error::invalid("data_dir", message)
    };
    files::make_folder(folder).map_err(failed)?;
    if !files::is_open_to_others(folder) {
        return Ok(());
    }
    // A folder that cannot be listed can still be used.
    let Ok(mut entries) = std::fs::read_dir(folder) else { return Ok(()) };
    if !entries.all(|entry| entry.is_ok_and(|entry| is_ours(&entry.file_name()))) {
        return Ok(());
    }
    if let Err(error) = files::tighten(folder) {
        tracing::warn!(folder = %folder.display(), %error, "others may list the data folder, and that cannot be changed");
    }
    Ok(())
}

fn is_ours(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    OWN_NAMES.iter().any(|known| name.starts_with(known))
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_folder_of_ours_is_restricted_and_a_shared_folder_keeps_its_mode() {
        let dir = tempfile::tempdir().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let made = dir.path().join("a/data");
        open(&made).unwrap();
        assert_eq!(mode(&made), 0o700);
        for (name, wanted) in [("jan.db-wal", 0o700), ("signing-key.pk8", 0o700), ("thesis.tex", 0o755)] {
            fs::write(made.join(name), "").unwrap();
            fs::set_permissions(&made, Permissions::from_mode(0o755)).unwrap();
            open(&made).unwrap();
            assert_eq!(mode(&made), wanted, "{name}");
        }
    }
}
