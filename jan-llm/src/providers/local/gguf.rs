//! A model file's header as the engine's library reads it, with typed getters, and the check whether the model fits
//! into the memory of this machine. `engine` reads the tensors.

use std::fs::File;
use std::io::{BufReader, Seek};
use std::path::{Path, PathBuf};

use candle_core::quantized::gguf_file::{Content, Value};
use jan_core::{Error, ErrorKind, Result};

use crate::gguf::ModelFile;

/// A model file whose header was read.
pub(super) struct Gguf {
    pub(super) path: PathBuf,
    pub(super) content: Content,
    /// The architecture, for example `llama`; also the prefix of its own keys.
    pub(super) arch: String,
}

impl Gguf {
    /// Reads the header. The returned reader is for the tensors.
    pub(super) fn open(path: &Path) -> Result<(Self, BufReader<File>)> {
        // The library trusts some lengths in the header; our own reader does not, so it checks the file first.
        ModelFile::read(path)?;
        let file = File::open(path).map_err(|e| unreadable(path, format!("cannot be opened ({e})")))?;
        let mut reader = BufReader::with_capacity(1 << 20, file);
        let content = Content::read(&mut reader).map_err(|e| {
            unreadable(path, "is not a GGUF model file that can be read").because(e.to_string())
        })?;
        reader.rewind().map_err(Error::internal)?;
        let mut gguf = Self { path: path.to_owned(), content, arch: String::new() };
        gguf.arch = gguf.text("general.architecture").unwrap_or_default().to_owned();
        Ok((gguf, reader))
    }

    /// A text, `None` when it is absent or not a text.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.content.metadata.get(key)?.to_string().ok().map(String::as_str)
    }

    /// A whole number of any width.
    pub(super) fn number(&self, key: &str) -> Option<u64> {
        whole(self.content.metadata.get(key)?)
    }

    /// A whole number of the architecture's own keys: `arch_number("block_count")` reads `llama.block_count`.
    pub(super) fn arch_number(&self, key: &str) -> Option<u64> {
        self.number(&format!("{}.{key}", self.arch))
    }

    /// A token id.
    pub(super) fn id(&self, key: &str) -> Option<u32> {
        u32::try_from(self.number(key)?).ok()
    }

    /// A boolean.
    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        self.content.metadata.get(key)?.to_bool().ok()
    }

    /// A list; empty when it is absent.
    pub(super) fn list(&self, key: &str) -> &[Value] {
        self.content.metadata.get(key).and_then(|value| value.to_vec().ok()).map_or(&[], Vec::as_slice)
    }

    /// The error for a file that cannot be used, with the reason.
    pub(super) fn unusable(&self, why: impl std::fmt::Display) -> Error {
        unreadable(&self.path, why)
    }

    /// The error for a file whose tensors cannot be used.
    pub(super) fn broken(path: &Path, cause: &candle_core::Error) -> Error {
        unreadable(path, "has tensors that do not fit its architecture").because(cause.to_string())
    }
}

/// A whole number of at least 0, stored as any of the integer types.
pub(super) fn whole(value: &Value) -> Option<u64> {
    match value {
        Value::U8(n) => Some(u64::from(*n)),
        Value::U16(n) => Some(u64::from(*n)),
        Value::U32(n) => Some(u64::from(*n)),
        Value::U64(n) => Some(*n),
        Value::I8(n) => u64::try_from(*n).ok(),
        Value::I16(n) => u64::try_from(*n).ok(),
        Value::I32(n) => u64::try_from(*n).ok(),
        Value::I64(n) => u64::try_from(*n).ok(),
        _ => None,
    }
}

fn unreadable(path: &Path, why: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Invalid, format!("The model file {} {why}.", path.display()))
        .with_code("model_unusable")
}

/// Refuses a model that does not fit into memory: running out of memory later would end the whole process.
pub(super) fn check_memory(path: &Path, context: usize) -> Result<()> {
    let Some(free) = free_memory() else { return Ok(()) };
    let needed = ModelFile::read(path)?.memory(context as u64);
    tracing::debug!(needed_mib = needed >> 20, free_mib = free >> 20, "memory for the local model");
    if needed <= free {
        return Ok(());
    }
    let message = format!(
        "The model {} needs about {} MiB of memory with a context of {context} tokens, and {} MiB are free.",
        path.display(),
        needed >> 20,
        free >> 20
    );
    Err(Error::unavailable(message).with_code("not_enough_memory"))
}

/// The free memory in bytes on Linux, limited by the container's limit; `None` on other systems.
fn free_memory() -> Option<u64> {
    let meminfo = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let machine = line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()? * 1024;
    let number = |file: &str| std::fs::read_to_string(file).ok()?.trim().parse::<u64>().ok();
    let limit = number("/sys/fs/cgroup/memory.max");
    let used = number("/sys/fs/cgroup/memory.current").unwrap_or(0);
    Some(limit.map_or(machine, |limit| machine.min(limit.saturating_sub(used))))
}
