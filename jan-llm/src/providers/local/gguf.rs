//! What a GGUF file says about itself, with plain getters, and the question whether it fits into this machine's
//! memory. The tensors stay on disk here; `engine` reads them.

use std::fs::File;
use std::io::{BufReader, Seek};
use std::path::{Path, PathBuf};

use candle_core::quantized::GgmlDType;
use candle_core::quantized::gguf_file::{Content, TensorInfo, Value};
use jan_core::{Error, ErrorKind, Result};

use super::requant;

/// A model file whose header was read.
pub(super) struct Gguf {
    pub(super) path: PathBuf,
    pub(super) content: Content,
    /// The architecture, for example `llama`; also the prefix of its own keys.
    pub(super) arch: String,
}

impl Gguf {
    /// Reads the header and leaves the file open for the tensors.
    pub(super) fn open(path: &Path) -> Result<(Self, BufReader<File>)> {
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

    /// A whole number of the architecture's own keys: `own("block_count")` reads `llama.block_count`.
    pub(super) fn own(&self, key: &str) -> Option<u64> {
        self.number(&format!("{}.{key}", self.arch))
    }

    /// A token id.
    pub(super) fn id(&self, key: &str) -> Option<u32> {
        u32::try_from(self.number(key)?).ok()
    }

    /// A yes or no.
    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        self.content.metadata.get(key)?.to_bool().ok()
    }

    /// A list; empty when it is absent.
    pub(super) fn list(&self, key: &str) -> &[Value] {
        self.content.metadata.get(key).and_then(|value| value.to_vec().ok()).map_or(&[], Vec::as_slice)
    }

    /// The error that this file cannot be used, and why.
    pub(super) fn unusable(&self, why: impl std::fmt::Display) -> Error {
        unreadable(&self.path, why)
    }

    /// The error that the tensors of the file at `path` cannot be used.
    pub(super) fn broken(path: &Path, cause: &candle_core::Error) -> Error {
        unreadable(path, "has tensors that do not fit its architecture").because(cause.to_string())
    }

    /// Bytes of memory that the weights and a cache of `context` positions will take, roughly.
    pub(super) fn memory(&self, context: usize) -> u64 {
        let tensors = self.content.tensor_infos.iter();
        let weights = tensors.map(|(name, tensor)| tensor_memory(name, tensor)).fold(0, u64::saturating_add);
        let heads = self.own("attention.head_count").unwrap_or(1).max(1);
        let head = self.own("attention.key_length");
        let head = head.unwrap_or(self.own("embedding_length").unwrap_or(0) / heads);
        let kv_heads = self.own("attention.head_count_kv").unwrap_or(heads);
        // Keys and values in f32; Qwen3 keeps them twice, once for prompts and once for answers.
        let copies = if self.arch == "qwen3" { 2 } else { 1 };
        let factors = [self.own("block_count").unwrap_or(0), kv_heads, head, context as u64, 2 * 4 * copies];
        weights.saturating_add(factors.into_iter().fold(1, u64::saturating_mul))
    }
}

/// What one tensor takes in memory.
fn tensor_memory(name: &str, tensor: &TensorInfo) -> u64 {
    let kept = requant::kept_as(tensor.ggml_dtype);
    let elements = tensor.shape.elem_count() as u64;
    let stored = (elements / kept.block_size() as u64).saturating_mul(kept.type_size() as u64);
    // The engine's fast kernels work on a rearranged copy of the weights, made at the first use.
    let fits_kernel = tensor.shape.dims().last().is_some_and(|width| width.is_multiple_of(256));
    let rearranged = match kept {
        GgmlDType::Q4K if fits_kernel => elements / 4 * 3,
        GgmlDType::Q6K if fits_kernel => elements / 4 * 5,
        GgmlDType::Q8_0 if fits_kernel => stored,
        // Kept as f32 instead.
        GgmlDType::F16 | GgmlDType::BF16 => stored,
        _ => 0,
    };
    // Looked up row by row, so it is kept in f32 beside its use as the output matrix.
    let embedding = if name == "token_embd.weight" { elements.saturating_mul(4) } else { 0 };
    stored.saturating_add(rearranged).saturating_add(embedding)
}

/// A whole number out of any of the integer types that writers of these files use.
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
    Error::new(ErrorKind::Invalid, format!("The model file {} {why}.", path.display())).code("model_unusable")
}

/// Refuses a model that would not fit: running out of memory later takes the whole process, not one request.
pub(super) fn check_memory(gguf: &Gguf, context: usize) -> Result<()> {
    let (needed, Some(free)) = (gguf.memory(context), free_memory()) else { return Ok(()) };
    tracing::debug!(needed_mib = needed >> 20, free_mib = free >> 20, "memory for the local model");
    if needed <= free {
        return Ok(());
    }
    let message = format!(
        "The model {} needs about {} MiB of memory with a context of {context} tokens, and {} MiB are free.",
        gguf.path.display(),
        needed >> 20,
        free >> 20
    );
    Err(Error::unavailable(message).code("not_enough_memory"))
}

/// Free memory where the system says so in a file (Linux, with the limit of a container); elsewhere unknown.
fn free_memory() -> Option<u64> {
    let meminfo = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let machine = line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()? * 1024;
    let number = |file: &str| std::fs::read_to_string(file).ok()?.trim().parse::<u64>().ok();
    let limit = number("/sys/fs/cgroup/memory.max");
    let used = number("/sys/fs/cgroup/memory.current").unwrap_or(0);
    Some(limit.map_or(machine, |limit| machine.min(limit.saturating_sub(used))))
}
