//! Reads the header of a GGUF model file, without the engine. It is used to tell a complete model from an incomplete
//! one or from another kind of file, to describe the model to a user, and to estimate its memory.

mod fields;
pub(crate) mod memory;
mod tensor_type;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use jan_core::{Error, ErrorKind, Result};

use fields::{Broken, Reader};

pub use tensor_type::TensorType;

/// The number of bytes that [`check_head`] reads: magic number, version, two counts.
pub(crate) const HEAD: usize = 24;
/// The most tensors or keys that are accepted; a broken file may state any number.
const MAX_COUNT: u64 = 1 << 20;
/// The most dimensions of a tensor that are accepted.
const MAX_DIMENSIONS: u32 = 8;

/// The header of a model file.
#[derive(Debug, Clone, Default)]
pub struct ModelFile {
    /// The file's size in bytes.
    pub bytes: u64,
    /// The size in bytes of all tensors of each type.
    pub tensors: BTreeMap<TensorType, u64>,
    texts: BTreeMap<String, String>,
    numbers: BTreeMap<String, u64>,
    /// The length of each list.
    lists: BTreeMap<String, u64>,
    /// Estimated bytes of memory for all tensors.
    weights: u64,
}

impl ModelFile {
    /// Reads the header of `path`. Blocks for some milliseconds (the vocabulary is skipped, not kept).
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] (`model_unusable`) when it cannot be opened, is no GGUF file, or is shorter than its
    /// own tensors say.
    pub fn read(path: &Path) -> Result<Self> {
        let unusable = |why: String| {
            let message = format!("The model file {} {why}.", path.display());
            Error::new(ErrorKind::Invalid, message).with_code("model_unusable")
        };
        let file = File::open(path).map_err(|e| unusable(format!("cannot be opened ({e})")))?;
        let bytes = file.metadata().map_err(|e| unusable(format!("cannot be read ({e})")))?.len();
        Self::parse(BufReader::with_capacity(1 << 16, file), bytes).map_err(|broken| unusable(broken.0))
    }

    /// A text of the header, for example `general.name`.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.texts.get(key).map(String::as_str)
    }

    /// The architecture, for example `qwen3`; empty when the file does not say.
    pub fn architecture(&self) -> &str {
        self.text("general.architecture").unwrap_or_default()
    }

    /// A whole number under a key with the architecture's prefix: `arch_number("context_length")` reads
    /// `llama.context_length`.
    pub fn arch_number(&self, key: &str) -> Option<u64> {
        self.numbers.get(&format!("{}.{key}", self.architecture())).copied()
    }

    /// The number of tokens in the vocabulary.
    pub fn vocabulary(&self) -> Option<u64> {
        self.lists.get("tokenizer.ggml.tokens").copied()
    }

    /// Estimated bytes of memory that the model takes in the local engine with a context of `context` tokens: its
    /// weights, and the keys and values of the context.
    pub fn memory(&self, context: u64) -> u64 {
        self.weights.saturating_add(memory::context(self, context))
    }

    fn parse(reader: impl Read + Seek, bytes: u64) -> Result<Self, Broken> {
        let mut reader = Reader(reader);
        let mut head = Vec::new();
        (&mut reader.0).take(HEAD as u64).read_to_end(&mut head)?;
        // Checked first, so that a short file of another kind is not reported as an incomplete model.
        check_head(&head).map_err(Broken)?;
        let mut counts = Reader(head.get(8..).unwrap_or_default());
        let (tensors, keys) = (counts.u64()?, counts.u64()?);
        let mut file = Self { bytes, ..Self::default() };
        for _ in 0..keys {
            file.key(&mut reader)?;
        }
        let mut end = 0;
        for _ in 0..tensors {
            end = end.max(file.tensor(&mut reader)?);
        }
        let align = file.numbers.get("general.alignment").copied().unwrap_or(32);
        if align == 0 {
            return Err(Broken("says that its tensors are aligned to 0 bytes".into()));
        }
        let data =
            reader.0.stream_position()?.checked_next_multiple_of(align).and_then(|at| at.checked_add(end));
        match data {
            Some(needed) if tensors == 0 || needed <= bytes => Ok(file),
            Some(needed) => Err(Broken(format!("is cut off: it has {bytes} bytes of {needed}"))),
            None => Err(Broken("claims to be larger than any disk".into())),
        }
    }

    fn key(&mut self, reader: &mut Reader<impl Read + Seek>) -> Result<(), Broken> {
        let key = reader.text()?;
        match reader.u32()? {
            8 => {
                let text = reader.text()?;
                self.texts.insert(key, text);
            }
            9 => {
                let (kind, items) = (reader.u32()?, reader.u64()?);
                reader.skip_list(kind, items)?;
                self.lists.insert(key, items);
            }
            kind => {
                if let Some(number) = reader.number(kind)? {
                    self.numbers.insert(key, number);
                }
            }
        }
        Ok(())
    }

    /// Reads the description of one tensor and adds up its bytes. Returns where its data ends, relative to the start of
    /// the tensor data.
    fn tensor(&mut self, reader: &mut Reader<impl Read + Seek>) -> Result<u64, Broken> {
        let name = reader.text()?;
        let dimensions = reader.u32()?;
        if !(1..=MAX_DIMENSIONS).contains(&dimensions) {
            return Err(Broken(format!("has a tensor of {dimensions} dimensions")));
        }
        let (mut numbers, mut width): (u64, u64) = (1, 0);
        for dimension in 0..dimensions {
            let size = reader.u64()?;
            if dimension == 0 {
                width = size;
            }
            if size == 0 {
                return Err(Broken("has a tensor without numbers".into()));
            }
            numbers = numbers.checked_mul(size).ok_or_else(|| Broken("has a tensor without end".into()))?;
        }
        let (kind, offset) = (TensorType(reader.u32()?), reader.u64()?);
        let (_, block, size) = kind.layout().unwrap_or_default();
        let bytes = numbers.checked_div(block).unwrap_or(0).saturating_mul(size);
        let sum = self.tensors.entry(kind).or_default();
        *sum = sum.saturating_add(bytes);
        self.weights = self.weights.saturating_add(memory::tensor(&name, kind, numbers, width));
        Ok(offset.saturating_add(bytes))
    }
}

/// Checks the first bytes of a file for a GGUF model; of fewer than [`HEAD`] bytes, only the complete fields are
/// checked.
pub(crate) fn check_head(head: &[u8]) -> std::result::Result<(), String> {
    if !head.iter().zip(b"GGUF").all(|(a, b)| a == b) {
        return Err("does not begin with `GGUF`".into());
    }
    let field =
        |at: usize| head.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes);
    if let Some(version) = head.get(4..8).and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes) {
        match version {
            2 | 3 => {}
            other if matches!(other.swap_bytes(), 2 | 3) => return Err("is for big-endian processors".into()),
            other => return Err(format!("is of version {other} of the format; 2 and 3 can be read")),
        }
    }
    match (field(8), field(16)) {
        (Some(count), _) | (_, Some(count)) if count > MAX_COUNT => Err(format!("claims {count} entries")),
        _ => Ok(()),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Cursor;

    use super::*;

    fn text(text: &str) -> Vec<u8> {
        [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
    }

    /// A model file with a tensor of so many bytes.
    pub(crate) fn model(bytes: usize) -> Vec<u8> {
        let mut file = [&b"GGUF"[..], &3u32.to_le_bytes(), &1u64.to_le_bytes(), &4u64.to_le_bytes()].concat();
        file.extend([text("general.architecture"), 8u32.to_le_bytes().into(), text("llama")].concat());
        file.extend(
            [text("llama.context_length"), 4u32.to_le_bytes().into(), 2048u32.to_le_bytes().into()].concat(),
        );
        file.extend(
            [text("llama.negative"), 5u32.to_le_bytes().into(), (-1i32).to_le_bytes().into()].concat(),
        );
        file.extend(
            [text("tokenizer.ggml.tokens"), 9u32.to_le_bytes().into(), 8u32.to_le_bytes().into()].concat(),
        );
        file.extend([&2u64.to_le_bytes()[..], &text("a"), &text("bc")].concat());
        file.extend([text("token_embd.weight"), 1u32.to_le_bytes().into()].concat());
        file.extend([&(bytes as u64).to_le_bytes()[..], &24u32.to_le_bytes(), &0u64.to_le_bytes()].concat());
        file.resize(file.len().next_multiple_of(32), 0);
        file.extend((0..bytes).map(|i| (i / 7 + i) as u8));
        file
    }

    #[test]
    fn a_header_is_read() {
        let bytes = model(100);
        let file = ModelFile::parse(Cursor::new(&bytes), bytes.len() as u64).unwrap();
        assert_eq!((file.architecture(), file.arch_number("context_length")), ("llama", Some(2048)));
        assert_eq!((file.vocabulary(), file.arch_number("negative")), (Some(2), None));
        assert_eq!(file.tensors.iter().map(|(k, b)| format!("{k} {b}")).collect::<Vec<_>>(), ["I8 100"]);
        assert_eq!(file.memory(0), 500);
    }

    #[test]
    fn a_file_that_ends_early_is_refused_at_every_length() {
        let bytes = model(100);
        for len in 0..bytes.len() {
            let cut = ModelFile::parse(Cursor::new(&bytes[..len]), len as u64);
            assert!(cut.is_err_and(|broken| broken.0.contains("cut off")), "{len}");
        }
    }

    #[test]
    fn a_header_with_impossible_numbers_is_refused() {
        let bytes = model(100);
        let at = |part: &[u8]| bytes.windows(part.len()).position(|window| window == part).unwrap();
        let tensor = at(b"token_embd.weight") + b"token_embd.weight".len();
        for (place, with, why) in [
            (tensor, &9u32.to_le_bytes()[..], "9 dimensions"),
            (tensor, &0u32.to_le_bytes(), "0 dimensions"),
            (tensor + 4, &0u64.to_le_bytes(), "without numbers"),
            (tensor + 4, &u64::MAX.to_le_bytes(), "larger than any disk"),
            (8, &u64::MAX.to_le_bytes(), "entries"),
            (at(b"llama.context_length") - 8, &u64::MAX.to_le_bytes(), "broken in its header"),
            (at(b"tokenizer.ggml.tokens") + 29, &u64::MAX.to_le_bytes(), "cut off"),
        ] {
            let mut broken = bytes.clone();
            broken[place..place + with.len()].copy_from_slice(with);
            let error = ModelFile::parse(Cursor::new(&broken), broken.len() as u64).err();
            assert!(error.as_ref().is_some_and(|broken| broken.0.contains(why)), "{why}: {error:?}");
        }
    }

    #[test]
    fn a_short_file_of_another_kind_is_not_reported_as_incomplete() {
        let other = ModelFile::parse(Cursor::new(b"this is no model"), 16);
        assert!(other.is_err_and(|broken| broken.0.contains("GGUF")));
    }

    #[test]
    fn the_first_bytes_distinguish_models_from_other_files() {
        assert!(check_head(b"GG").is_ok());
        assert!(check_head(&model(0)[..HEAD]).is_ok());
        assert!(check_head(b"<!DOCTYPE").unwrap_err().contains("GGUF"));
        assert!(check_head(b"GGUF\0\0\0\x03").unwrap_err().contains("big-endian"));
        assert!(check_head(b"GGUF\x09\0\0\0").unwrap_err().contains("version 9"));
        assert!(check_head(&[&b"GGUF\x03\0\0\0"[..], &[255; 16]].concat()).unwrap_err().contains("claims"));
    }
}
