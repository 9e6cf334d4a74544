//! Blobs as files in one folder. A blob is written to a temporary file, flushed to the disk, and renamed, so that a
//! file under its final name is always complete. The folder's entry is flushed too before a put returns.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use jan_core::{BoxStream, Error, Result, files};
use object_store::local::LocalFileSystem;

use super::ObjectBlobs;

/// The number of bytes that are read at once.
const READ_SIZE: usize = 256 * 1024;
/// The number of bytes that are written at once, and so the memory for each file that is being written.
const WRITE_SIZE: usize = 64 * 1024;
/// The age at which a temporary file is removed: its writer was killed.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);

impl ObjectBlobs {
    /// Blobs in this folder, which is created if it does not exist. Temporary files that a killed process left more
    /// than a day ago are removed. The folder and its files are accessible to their owner alone.
    ///
    /// # Errors
    /// When the folder cannot be created or read.
    pub fn folder(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let cannot = |error: &dyn std::fmt::Display| {
            Error::unavailable(format!("The folder of media `{}` cannot be used: {error}.", path.display()))
        };
        files::make_folder(path)
            .and_then(|()| remove_stale(path))
            .and_then(|()| tighten(path))
            .map_err(|error| cannot(&error))?;
        let store = LocalFileSystem::new_with_prefix(path).map_err(|error| cannot(&error))?.with_fsync(true);
        let store = Arc::new(store);
        let mut blobs = Self::over(store.clone(), WRITE_SIZE);
        blobs.folder = Some(store);
        Ok(blobs)
    }

    /// Restricts a file's mode when it is complete. Until then it has the mode of the umask, and the folder's mode
    /// protects it.
    pub(super) fn make_private(&self, blob: &object_store::path::Path) {
        let Some(path) = self.folder.as_ref().and_then(|folder| folder.path_to_filesystem(blob).ok()) else {
            return;
        };
        // On a file system without modes this has no effect, and nothing else can be done.
        let _ = files::tighten(&path);
    }
}

/// Restricts the modes of a folder and its files, if other users have access to the folder. That is so after an
/// earlier version or when the folder was created by hand.
fn tighten(folder: &Path) -> std::io::Result<()> {
    if !files::is_open_to_others(folder) {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            let _ = files::tighten(&entry.path());
        }
    }
    // A folder of another user, or one on a file system without modes, is used as it is.
    let _ = files::tighten(folder);
    Ok(())
}

/// Removes old temporary files. `object_store` writes to `name#1` before it renames it to `name`; our names never
/// contain `#`.
fn remove_stale(folder: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().contains('#') {
            continue;
        }
        let age = entry.metadata()?.modified()?.elapsed().unwrap_or_default();
        if age > STALE {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Reads a file from `start` on, at most `wanted` bytes. Done here because `object_store` reads only 8 KiB at a time,
/// and each read is sent to a thread for blocking work.
pub(super) fn pieces(file: File, start: u64, wanted: u64) -> BoxStream<Result<Bytes>> {
    let next = |(mut file, start, wanted): (File, Option<u64>, u64)| async move {
        let read = move || {
            if let Some(start) = start {
                file.seek(SeekFrom::Start(start))?;
            }
            let mut piece = Vec::new();
            let limit = wanted.min(READ_SIZE as u64);
            Read::by_ref(&mut file).take(limit).read_to_end(&mut piece)?;
            let remaining = wanted.saturating_sub(piece.len() as u64);
            Ok::<_, std::io::Error>(
                (!piece.is_empty()).then(|| (Bytes::from(piece), (file, None, remaining))),
            )
        };
        tokio::task::spawn_blocking(read).await.map_err(std::io::Error::other)?
    };
    let failed = |error| Error::unavailable("The store of media does not answer.").because(error);
    stream::try_unfold((file, Some(start), wanted), next).map_err(failed).boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_passes_the_blob_suite() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a new/folder");
        let names = |path: &Path| {
            let names = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name());
            names.collect::<Vec<_>>()
        };
        jan_core::promises::blobs(Arc::new(ObjectBlobs::folder(&path).unwrap())).await;
        // A task of its own removes the files of a dropped upload.
        for _ in 0..100 {
            if names(&path).is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(names(&path).is_empty(), "nothing is left behind: {:?}", names(&path));

        for (name, age) in [("left#1", 2 * STALE), ("young#1", STALE / 2), ("kept", 2 * STALE)] {
            let file = File::create(path.join(name)).unwrap();
            file.set_modified(std::time::SystemTime::now() - age).unwrap();
        }
        drop(ObjectBlobs::folder(&path).unwrap());
        assert_eq!(names(&path).len(), 2, "only what is old and half written goes");
        let error = ObjectBlobs::folder(path.join("kept")).unwrap_err();
        assert_eq!(error.kind(), jan_core::ErrorKind::Unavailable);
    }
}
