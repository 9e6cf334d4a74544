//! The unfinished file. It belongs to one pull at a time (a lock of the operating system, which ends with its process),
//! knows of which version it is (a record beside it), hashes what it is given, and becomes the model in one rename.

use parking_lot::{Mutex, MutexGuard};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jan_core::{Error, ErrorKind, Result, files};
use sha2::{Digest, Sha256};

use super::reply::{Held, Version, no_model};
use super::{Pulled, UNFINISHED};
use crate::gguf::{self, ModelFile};

/// A part that a future and the work it left behind on the disk both hold.
pub(super) type Shared = Arc<Mutex<Part>>;

pub(super) fn lock(part: &Shared) -> MutexGuard<'_, Part> {
    // The lengths in it are set after what they describe, so a panic in between leaves nothing wrong.
    part.lock()
}

/// What was found at the place of the file.
pub(super) enum Opened {
    /// Nothing, or some of it.
    Part(Part),
    /// The file itself, with the digest asked for.
    Whole(Pulled),
}

pub(super) struct Part {
    target: PathBuf,
    path: PathBuf,
    record: PathBuf,
    file: File,
    held: Held,
    hash: Sha256,
    /// The first bytes, as far as the check needs them.
    head: Vec<u8>,
    /// Held for as long as this value lives.
    _lock: File,
}

impl Part {
    /// Claims the place of the file `target` and hashes what an earlier pull left there.
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
        let lock = claim(&beside(".lock"), target)?;
        if target.exists() {
            return already(target, expected).map(Opened::Whole);
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
            held: Held { len: 0, version },
            hash: Sha256::new(),
            head: Vec::new(),
            _lock: lock,
        };
        part.take_in()?;
        Ok(Opened::Part(part))
    }

    pub(super) fn held(&self) -> &Held {
        &self.held
    }

    /// Reads what is here, and throws it away if it cannot be the start of what is to come.
    fn take_in(&mut self) -> Result<()> {
        let mut buffer = vec![0; 1 << 20];
        loop {
            let read = self.file.read(&mut buffer).map_err(|e| disk("Reading", &self.path, e))?;
            match buffer.get(..read) {
                Some(bytes) if !bytes.is_empty() => self.count(bytes),
                _ => break,
            }
        }
        let too_long = self.held.total().is_some_and(|total| self.held.len > total);
        if self.held.resumable().is_none() || too_long || gguf::check_head(&self.head).is_err() {
            return self.start_over(None);
        }
        Ok(())
    }

    /// Empties the part for a version that begins. The bytes go before the record changes: a crash in between leaves
    /// no bytes under a wrong name.
    pub(super) fn start_over(&mut self, version: Option<Version>) -> Result<()> {
        self.held = Held::default();
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
        self.held.version = version;
        Ok(())
    }

    /// Adds bytes at the end. Bytes that begin no model end the pull at once and not after gigabytes; `kind` is what
    /// the server calls them.
    pub(super) fn append(&mut self, bytes: &[u8], kind: Option<&str>) -> Result<()> {
        let checked = self.head.len() >= gguf::HEAD;
        self.file.write_all(bytes).map_err(|e| disk("Writing", &self.path, e))?;
        self.count(bytes);
        match gguf::check_head(&self.head) {
            Err(why) if !checked => {
                self.discard();
                Err(no_model(&why, kind))
            }
            _ => Ok(()),
        }
    }

    fn count(&mut self, bytes: &[u8]) {
        let missing = gguf::HEAD.saturating_sub(self.head.len());
        self.head.extend(bytes.iter().take(missing));
        self.hash.update(bytes);
        self.held.len += bytes.len() as u64;
    }

    /// Checks the whole and gives it its name. What fails the check is taken away, or it would be gone on with for ever.
    pub(super) fn finish(&mut self, expected: Option<&str>) -> Result<Pulled> {
        let sha256 = hex::encode(self.hash.clone().finalize());
        if expected.is_some_and(|expected| expected != sha256) {
            self.discard();
            return Err(other_digest("What was pulled", expected, &sha256));
        }
        if let Err(error) = ModelFile::read(&self.path) {
            self.discard();
            return Err(no_model("is broken or cut off", None).because(error));
        }
        self.file.sync_all().map_err(|e| disk("Writing", &self.path, e))?;
        fs::rename(&self.path, &self.target).map_err(|e| disk("Renaming to", &self.target, e))?;
        // The new name itself lies in the folder. Where a folder cannot be opened as a file there is nothing to do.
        if let Some(Ok(folder)) = self.target.parent().map(File::open) {
            let _ = folder.sync_all();
        }
        remove(&self.record)?;
        Ok(Pulled { path: self.target.clone(), bytes: self.held.len, sha256, was_here: false })
    }

    /// Takes the part away; that it may fail changes nothing about the error that led here.
    fn discard(&mut self) {
        if let Err(error) = self.start_over(None) {
            tracing::warn!(%error, "an unfinished download could not be taken away");
        }
    }
}

impl Drop for Part {
    /// A part without bytes is litter.
    fn drop(&mut self) {
        if self.held.len == 0 {
            let _ = fs::remove_file(&self.path);
            let _ = fs::remove_file(&self.record);
        }
    }
}

/// Takes the lock of a file. The lock's own file stays, empty: if it were removed, two processes could each lock a
/// file of that name.
fn claim(path: &Path, target: &Path) -> Result<File> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(path);
    let file = file.map_err(|e| disk("Opening", path, e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let message = format!("{} is being pulled already.", target.display());
            Err(Error::new(ErrorKind::Conflict, message).with_code("pull_running"))
        }
        // Some network disks have no locks; a pull there is better than none.
        Err(TryLockError::Error(error)) if error.kind() == std::io::ErrorKind::Unsupported => {
            tracing::warn!("this disk knows no locks: do not pull one file twice at the same time");
            Ok(file)
        }
        Err(TryLockError::Error(error)) => Err(disk("Locking", path, error)),
    }
}

/// A file that is there is only taken for the one asked for if its digest was asked for.
fn already(target: &Path, expected: Option<&str>) -> Result<Pulled> {
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
        return Ok(Pulled { path: target.to_owned(), bytes, sha256, was_here: true });
    }
    let found = other_digest(&format!("{} is there already and", target.display()), expected, &sha256);
    Err(Error::new(ErrorKind::Conflict, found.message().to_owned()).with_code("model_exists"))
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
