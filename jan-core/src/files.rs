//! Files and folders that only their owner may read and write (modes 0600 and 0700, whatever the umask is). On systems
//! without such modes, files and folders get the system's default permissions.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::Path;

/// Creates a folder and its missing parent folders, accessible to their owner alone. A folder that exists stays as it
/// is.
///
/// # Errors
/// The system's.
pub fn make_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Creates or empties a file for writing, accessible to its owner alone, even if it existed with wider permissions.
/// Anything that is not a file (a pipe, a device) is opened as it is.
///
/// # Errors
/// The system's.
pub fn create(path: &Path) -> io::Result<File> {
    let file = private(OpenOptions::new().write(true).create(true).truncate(true)).open(path)?;
    tighten(path)?;
    Ok(file)
}

/// Creates an empty file that only its owner can access, if the file does not exist.
///
/// # Errors
/// The system's.
pub fn create_if_missing(path: &Path) -> io::Result<()> {
    match private(OpenOptions::new().write(true).create_new(true)).open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// The same options, extended so that a newly created file is accessible to its owner alone.
pub fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Removes all permissions of other users from a file or folder. Unchanged stay: paths that do not exist, devices and
/// the like, and folders that are shared on purpose (those with the sticky bit, such as `/tmp`).
///
/// # Errors
/// The system's error; a file that belongs to another user cannot be changed.
#[cfg(unix)]
pub fn tighten(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;

    const OTHERS: u32 = 0o077;
    const STICKY: u32 = 0o1000;

    let meta = match fs::metadata(path) {
        Ok(meta) if meta.is_file() || meta.is_dir() => meta,
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => return Ok(()),
    };
    let mode = meta.permissions().mode();
    if mode & OTHERS == 0 || (meta.is_dir() && mode & STICKY != 0) {
        return Ok(());
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o7777 & !OTHERS))
}

/// Does nothing: this system has no such modes.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn tighten(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Whether users other than the owner have any permission on a folder.
pub fn is_open_to_others(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o077 != 0)
    }
    #[cfg(not(unix))]
    {
        let _ = fs::metadata(path);
        false
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn set(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn created_and_tightened_files_are_accessible_to_their_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (folder, file) = (dir.path().join("a/b"), dir.path().join("f"));
        make_folder(&folder).unwrap();
        assert_eq!((mode(&folder), mode(&dir.path().join("a"))), (0o700, 0o700));
        create_if_missing(&file).unwrap();
        assert_eq!(mode(&file), 0o600);
        set(&file, 0o664);
        fs::write(&file, "kept").unwrap();
        create_if_missing(&file).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "kept");
        create(&file).unwrap();
        assert_eq!(mode(&file), 0o600);
        set(&folder, 0o2775);
        assert!(is_open_to_others(&folder));
        tighten(&folder).unwrap();
        assert_eq!(mode(&folder), 0o2700);
    }

    #[test]
    fn shared_folders_and_devices_stay_unchanged() {
        let dir = tempfile::tempdir().unwrap();
        set(dir.path(), 0o1777);
        tighten(dir.path()).unwrap();
        assert_eq!(mode(dir.path()), 0o1777);
        let before = mode(Path::new("/dev/null"));
        create(Path::new("/dev/null")).unwrap();
        assert_eq!(mode(Path::new("/dev/null")), before);
        tighten(&dir.path().join("gone")).unwrap();
    }
}
