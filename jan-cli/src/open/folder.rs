//! The data folder: made for its owner alone, and tightened if it is ours and was looser.

use std::ffi::OsStr;
use std::path::Path;

use jan_core::{Error, Result, files};

use super::DATABASE;

/// What stands in a data folder, by how the names begin.
const OURS: [&str; 5] = [DATABASE, "signing-key", "link-key", "media", "models"];

/// Makes the data folder if it is not there. One in which nothing but what is ours stands is closed to others; a folder
/// that is also somebody else's (a home, a project) keeps its mode, and every file of ours in it has its own.
///
/// # Errors
/// [`jan_core::ErrorKind::Invalid`] naming the folder when it cannot be made or read.
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
    // A folder that cannot be listed may still be used.
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
    OURS.iter().any(|known| name.starts_with(known))
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn our_folder_is_closed_and_a_shared_one_keeps_its_mode() {
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
