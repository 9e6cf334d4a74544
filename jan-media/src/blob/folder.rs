//! Blobs as files of one folder. A blob is written beside its place, flushed to the disk and moved there, so that a file
//! in its place is whole; the folder's own entry is flushed too before a put is done.

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

/// What is read in one go.
const PIECE: usize = 256 * 1024;
/// What is written in one go, and so held in memory of each file that is being written.
const WRITTEN: usize = 64 * 1024;
/// A file that was not moved to its place for so long never will be: its writer was killed.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);

impl ObjectBlobs {
    /// Blobs in this folder, which is made if it is not there. What a killed process left half written a day ago is
    /// removed. The folder and its files are their owner's alone.
    ///
    /// # Errors
    /// When the folder cannot be made or read.
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
        let mut blobs = Self::over(store.clone(), WRITTEN);
        blobs.folder = Some(store);
        Ok(blobs)
    }

    /// A file has the mode that the umask gives it until it is whole; until then the folder hides it.
    pub(super) fn make_private(&self, blob: &object_store::path::Path) {
        let Some(path) = self.folder.as_ref().and_then(|folder| folder.path_to_filesystem(blob).ok()) else {
            return;
        };
        // A file system without modes changes nothing, and neither can we.
        let _ = files::tighten(&path);
    }
}

/// A folder that was open to others was made by an earlier version or by hand: its files are tightened with it, once.
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
    // Somebody else's folder, or a file system without modes, is used as it is.
    let _ = files::tighten(folder);
    Ok(())
}

/// `object_store` writes `name#1` before it is `name`; our names have no `#`.
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

/// A file from `start` on, at most `wanted` bytes. Read here because `object_store` reads 8 KiB at a time, and each time
/// costs a trip to a thread that may block.
pub(super) fn pieces(file: File, start: u64, wanted: u64) -> BoxStream<Result<Bytes>> {
    let next = |(mut file, start, wanted): (File, Option<u64>, u64)| async move {
        let read = move || {
            if let Some(start) = start {
                file.seek(SeekFrom::Start(start))?;
            }
            let mut piece = Vec::new();
            let limit = wanted.min(PIECE as u64);
            Read::by_ref(&mut file).take(limit).read_to_end(&mut piece)?;
            let left = wanted.saturating_sub(piece.len() as u64);
            Ok::<_, std::io::Error>((!piece.is_empty()).then(|| (Bytes::from(piece), (file, None, left))))
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
    async fn a_folder_keeps_the_promises() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a new/folder");
        let names = |path: &Path| {
            let names = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name());
            names.collect::<Vec<_>>()
        };
        jan_core::promises::blobs(Arc::new(ObjectBlobs::folder(&path).unwrap())).await;
        // What was dropped in the middle is taken away by a task of its own.
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
