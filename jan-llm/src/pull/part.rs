//! The unfinished file. A lock of the operating system makes sure that only one download uses it; the lock is released
//! when the process ends. A record beside it names the version of its bytes. The bytes are hashed while they are
//! written, and the complete file is renamed to its final name.

use parking_lot::{Mutex, MutexGuard};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jan_core::{Error, ErrorKind, Result, files};
use sha2::{Digest, Sha256};

use super::reply::{Received, Version, not_a_model};
use super::{Pulled, UNFINISHED};
use crate::gguf::{self, ModelFile};

/// A part that is shared by the download's future and its blocking work, which may outlive the future.
pub(super) type Shared = Arc<Mutex<Part>>;

pub(super) fn lock(part: &Shared) -> MutexGuard<'_, Part> {
    part.lock()
}

/// The state of the target path when a download starts.
pub(super) enum Opened {
    /// The file does not exist. The part holds the bytes of an earlier call, if there are any.
    Part(Part),
    /// The file exists and has the requested digest.
    Whole(Pulled),
}

pub(super) struct Part {
    target: PathBuf,
    path: PathBuf,
    record: PathBuf,
    file: File,
    received: Received,
    hash: Sha256,
    /// The first bytes, up to the number that the check for a model needs.
    head: Vec<u8>,
    /// The lock is released when this file is closed.
    _lock: File,
}

impl Part {
    /// Locks the path `target` and hashes the bytes that an earlier download has received.
    pub(super) fn open(target: &Path, expected: Option<&str>) -> Result<Opened> {
        let name =
            target.file_name().ok_or_else(|| Error::invalid("path", "The path must end in a file name."))?;
        let folder = target.parent().unwrap_or(Path::new("")).join(UNFINISHED);
        files::make_folder(&folder).map_err(|e| disk("Making the folder", &folder, e))?;
        let beside = |extension: &str| {
            let mut name = name.to_owned();
            name.push(extension);
            folder.join(name)
        };
        let lock = lock_file(&beside(".lock"), target)?;
        if target.exists() {
            return check_existing(target, expected).map(Opened::Whole);
        }
        let (path, record) = (beside(".part"), beside(".json"));
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(|e| disk("Opening", &path, e))?;
        let version = fs::read(&record).ok().and_then(|json| serde_json::from_slice(&json).ok());
        let mut part = Self {
            target: target.to_owned(),
            path,
            record,
            file,
            received: Received { len: 0, version },
            hash: Sha256::new(),
            head: Vec::new(),
            _lock: lock,
        };
        part.read_existing()?;
        Ok(Opened::Part(part))
    }

    pub(super) fn received(&self) -> &Received {
        &self.received
    }

    /// Reads and hashes the existing bytes. Deletes them if they cannot be resumed.
    fn read_existing(&mut self) -> Result<()> {
        let mut buffer = vec![0; 1 << 20];
        loop {
            let read = self.file.read(&mut buffer).map_err(|e| disk("Reading", &self.path, e))?;
            match buffer.get(..read) {
                Some(bytes) if !bytes.is_empty() => self.count(bytes),
                _ => break,
            }
        }
        let too_long = self.received.total().is_some_and(|total| self.received.len > total);
        if self.received.resumable().is_none() || too_long || gguf::check_head(&self.head).is_err() {
            return self.start_over(None);
        }
        Ok(())
    }

    /// Empties the part and records the version that is downloaded next. The bytes are deleted before the record is
    /// written: after a crash in between, no bytes of the old version can be taken for the new one.
    pub(super) fn start_over(&mut self, version: Option<Version>) -> Result<()> {
        self.received = Received::default();
        self.hash = Sha256::new();
        self.head.clear();
        let emptied = self.file.set_len(0).and_then(|()| self.file.seek(SeekFrom::Start(0)));
        emptied.map_err(|e| disk("Emptying", &self.path, e))?;
        match &version {
            None => remove(&self.record)?,
            Some(version) => {
                let json = serde_json::to_vec(version).map_err(Error::internal)?;
                fs::write(&self.record, json).map_err(|e| disk("Writing", &self.record, e))?;
            }
        }
        self.received.version = version;
        Ok(())
    }

    /// Appends bytes. If the first bytes are not those of a model, the download fails now and not after gigabytes.
    /// `kind` is the content type that the server stated, for the error.
    pub(super) fn append(&mut self, bytes: &[u8], kind: Option<&str>) -> Result<()> {
        let checked = self.head.len() >= gguf::HEAD;
        self.file.write_all(bytes).map_err(|e| disk("Writing", &self.path, e))?;
        self.count(bytes);
        match gguf::check_head(&self.head) {
            Err(why) if !checked => {
                self.discard();
                Err(not_a_model(&why, kind))
            }
            _ => Ok(()),
        }
    }

    fn count(&mut self, bytes: &[u8]) {
        let missing = gguf::HEAD.saturating_sub(self.head.len());
        self.head.extend(bytes.iter().take(missing));
        self.hash.update(bytes);
        self.received.len += bytes.len() as u64;
    }

    /// Checks the complete file and renames it to its final name. A file that fails the check is deleted; otherwise
    /// every later download would resume it and fail again.
    pub(super) fn finish(&mut self, expected: Option<&str>) -> Result<Pulled> {
        let sha256 = hex::encode(self.hash.clone().finalize());
        if expected.is_some_and(|expected| expected != sha256) {
            self.discard();
            return Err(other_digest("What was pulled", expected, &sha256));
        }
        if let Err(error) = ModelFile::read(&self.path) {
            self.discard();
            return Err(not_a_model("is broken or cut off", None).because(error));
        }
        self.file.sync_all().map_err(|e| disk("Writing", &self.path, e))?;
        fs::rename(&self.path, &self.target).map_err(|e| disk("Renaming to", &self.target, e))?;
        // The rename is part of the folder's data, so the folder is synced too. Not every system can open a folder.
        if let Some(Ok(folder)) = self.target.parent().map(File::open) {
            let _ = folder.sync_all();
        }
        remove(&self.record)?;
        Ok(Pulled { path: self.target.clone(), bytes: self.received.len, sha256, already_existed: false })
    }

    /// Deletes the received bytes. A failure is only logged, since the caller returns another error.
    fn discard(&mut self) {
        if let Err(error) = self.start_over(None) {
            tracing::warn!(%error, "an unfinished download could not be taken away");
        }
    }
}

impl Drop for Part {
    /// Removes the files of a part without bytes.
    fn drop(&mut self) {
        if self.received.len == 0 {
            let _ = fs::remove_file(&self.path);
            let _ = fs::remove_file(&self.record);
        }
    }
}

/// Locks a path with a lock file, which stays, empty, after the download. If it were removed, process A could hold the
/// lock on the removed file while process B creates and locks a new file of that name, and both would write.
fn lock_file(path: &Path, target: &Path) -> Result<File> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(path);
    let file = file.map_err(|e| disk("Opening", path, e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let message = format!("{} is being pulled already.", target.display());
            Err(Error::new(ErrorKind::Conflict, message).with_code("pull_running"))
        }
        // Some network file systems do not support locks. Downloading without a lock is better than not at all.
        Err(TryLockError::Error(error)) if error.kind() == std::io::ErrorKind::Unsupported => {
            tracing::warn!("this disk knows no locks: do not pull one file twice at the same time");
            Ok(file)
        }
        Err(TryLockError::Error(error)) => Err(disk("Locking", path, error)),
    }
}

/// Checks an existing target file. It counts as the requested one only if a digest was requested and matches.
fn check_existing(target: &Path, expected: Option<&str>) -> Result<Pulled> {
    let Some(wanted) = expected else {
        let message = format!("{} is there already.", target.display());
        return Err(Error::new(ErrorKind::Conflict, message).with_code("model_exists"));
    };
    let mut file = File::open(target).map_err(|e| disk("Reading", target, e))?;
    let (mut hash, mut buffer, mut bytes) = (Sha256::new(), vec![0; 1 << 20], 0);
    loop {
        match file.read(&mut buffer).map_err(|e| disk("Reading", target, e))? {
            0 => break,
            read => {
                hash.update(buffer.get(..read).unwrap_or_default());
                bytes += read as u64;
            }
        }
    }
    let sha256 = hex::encode(hash.finalize());
    if sha256 == wanted {
        return Ok(Pulled { path: target.to_owned(), bytes, sha256, already_existed: true });
    }
    let mismatch = other_digest(&format!("{} is there already and", target.display()), expected, &sha256);
    Err(Error::new(ErrorKind::Conflict, mismatch.message().to_owned()).with_code("model_exists"))
}

fn other_digest(what: &str, expected: Option<&str>, found: &str) -> Error {
    let expected = expected.unwrap_or_default();
    let message = format!("{what} has the SHA-256 {found}; {expected} was asked for.");
    Error::upstream(message).with_code("digest_mismatch")
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(disk("Removing", path, error)),
        _ => Ok(()),
    }
}

fn disk(doing: &str, path: &Path, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Internal, format!("{doing} {} failed: {error}.", path.display())).because(error)
}
