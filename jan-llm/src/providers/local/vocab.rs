//! The vocabulary of a model, read from the GGUF file: text to ids, ids to bytes, and the ids that end an answer.

use jan_core::{Error, Result};
use tokenizers::{AddedToken, Tokenizer};

use super::controls::{Controls, Piece, VISIBLE};
use super::gguf::{Gguf, whole};
use super::tokenizer;

/// The names of tokens that end an answer. Files often declare only one of theirs.
const ENDS: [&str; 9] = [
    "<|im_end|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|end|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<|user|>",
    "<|observation|>",
];

/// The kind of a token in the file; normal and unused tokens are text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Unknown,
    Control,
    UserDefined,
    Byte,
}

/// The vocabulary of a model.
pub(super) struct Vocab {
    tokenizer: Tokenizer,
    controls: Controls,
    /// The name of each token in the file.
    names: Vec<String>,
    /// The bytes that each token adds to the text; none for control tokens.
    bytes: Vec<Vec<u8>>,
    ends: Vec<u32>,
    bos: Option<u32>,
    add_bos: bool,
    /// Whether the vocabulary adds a space before the first word (SentencePiece), which is removed from answers.
    leading_space: bool,
}

impl Vocab {
    /// Reads the vocabulary.
    ///
    /// # Errors
    /// When the file has no vocabulary, or one with an unsupported tokenizer.
    pub(super) fn read(gguf: &Gguf) -> Result<Self> {
        let names: Option<Vec<String>> =
            gguf.list("tokenizer.ggml.tokens").iter().map(|name| name.to_string().ok().cloned()).collect();
        let names =
            names.filter(|names| !names.is_empty()).ok_or_else(|| gguf.unusable("has no vocabulary"))?;
        let kinds: Vec<Kind> =
            gguf.list("tokenizer.ggml.token_type").iter().map(|kind| Kind::from(whole(kind))).collect();
        let kind = |id: usize| kinds.get(id).copied().unwrap_or(Kind::Text);

        let model = gguf.text("tokenizer.ggml.model").unwrap_or_default();
        let mut tokenizer = tokenizer::build(gguf, &names)?;
        let added = names.iter().enumerate().filter_map(|(id, name)| match kind(id) {
            Kind::Control | Kind::Unknown => Some(AddedToken::from(name.clone(), true).normalized(false)),
            Kind::UserDefined => Some(AddedToken::from(name.clone(), false).normalized(false)),
            Kind::Text | Kind::Byte => None,
        });
        tokenizer.add_tokens(added).map_err(Error::internal)?;
        // The tokenizer must treat names of control tokens as text: `controls` has separated the real ones before.
        tokenizer.set_encode_special_tokens(true);
        let control = (0u32..)
            .zip(&names)
            .filter(|(id, _)| matches!(kind(*id as usize), Kind::Control | Kind::Unknown));
        let controls = Controls::new(control.map(|(id, name)| (name.clone(), id)));

        // Tags like `<think>` are part of the answer's text, although some files declare them as control tokens.
        let bytes = names.iter().enumerate().map(|(id, name)| match kind(id) {
            Kind::Control | Kind::Unknown if !VISIBLE.contains(&name.as_str()) => Vec::new(),
            Kind::Control | Kind::Unknown | Kind::UserDefined => name.clone().into_bytes(),
            Kind::Byte => byte_name(name).map_or_else(Vec::new, |byte| vec![byte]),
            Kind::Text if model == "gpt2" => from_byte_level(name),
            Kind::Text => name.replace('▁', " ").into_bytes(),
        });
        let bytes = bytes.collect();

        let named = ["eos_token_id", "eot_token_id", "eom_token_id"];
        let mut ends: Vec<u32> =
            named.iter().filter_map(|key| gguf.id(&format!("tokenizer.ggml.{key}"))).collect();
        let known = (0u32..)
            .zip(&names)
            .filter(|(id, name)| kind(*id as usize) == Kind::Control && ENDS.contains(&name.as_str()));
        ends.extend(known.map(|(id, _)| id));
        ends.sort_unstable();
        ends.dedup();
        ends.retain(|id| (*id as usize) < names.len());
        if ends.is_empty() {
            return Err(gguf.unusable("does not say which token ends an answer"));
        }
        let (spm, count) = (model == "llama", names.len());
        Ok(Self {
            tokenizer,
            controls,
            names,
            bytes,
            ends,
            bos: gguf.id("tokenizer.ggml.bos_token_id").filter(|id| (*id as usize) < count),
            add_bos: gguf.flag("tokenizer.ggml.add_bos_token").unwrap_or(spm),
            leading_space: spm && gguf.flag("tokenizer.ggml.add_space_prefix").unwrap_or(true),
        })
    }

    /// The ids of a rendered template; each control token of the template becomes one id. `mark` is the marker
    /// character with which the caller's text was guarded.
    pub(super) fn encode_prompt(&self, text: &str, mark: char) -> Result<Vec<u32>> {
        self.encode_pieces(self.controls.pieces(text, mark))
    }

    /// The ids of a prompt that is split into text and control tokens.
    pub(super) fn encode_pieces(&self, pieces: Vec<Piece>) -> Result<Vec<u32>> {
        let mut ids = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Control(id) => ids.push(id),
                Piece::Text(text) => ids.extend(self.encode(&text)?),
            }
        }
        if let Some(bos) = self.bos.filter(|bos| self.add_bos && ids.first() != Some(bos)) {
            ids.insert(0, bos);
        }
        Ok(ids)
    }

    /// The ids of a text without control tokens.
    pub(super) fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let encoding = self.tokenizer.encode_fast(text, false).map_err(Error::internal)?;
        Ok(encoding.get_ids().to_vec())
    }

    /// The control tokens.
    pub(super) fn controls(&self) -> &Controls {
        &self.controls
    }

    /// The bytes that a token adds to the text.
    pub(super) fn bytes(&self, id: u32) -> &[u8] {
        self.bytes.get(id as usize).map_or(&[], Vec::as_slice)
    }

    /// The name of a token, for templates (`bos_token`, `eos_token`).
    pub(super) fn name(&self, id: Option<u32>) -> &str {
        id.and_then(|id| self.names.get(id as usize)).map_or("", String::as_str)
    }

    /// The tokens that end an answer, at least one.
    pub(super) fn ends(&self) -> &[u32] {
        &self.ends
    }

    /// The token that begins every text, if the model has one.
    pub(super) fn bos(&self) -> Option<u32> {
        self.bos
    }

    /// Whether a space before the first word of an answer comes from the vocabulary and must be removed.
    pub(super) fn leading_space(&self) -> bool {
        self.leading_space
    }

    /// Whether a token with this id exists.
    pub(super) fn contains(&self, id: u32) -> bool {
        (id as usize) < self.bytes.len()
    }

    /// The bytes of every token; empty for tokens that are not text.
    pub(super) fn all_bytes(&self) -> &[Vec<u8>] {
        &self.bytes
    }
}

impl From<Option<u64>> for Kind {
    fn from(number: Option<u64>) -> Self {
        match number {
            Some(2) => Self::Unknown,
            Some(3) => Self::Control,
            Some(4) => Self::UserDefined,
            Some(6) => Self::Byte,
            _ => Self::Text,
        }
    }
}

/// `<0x0A>` → 10.
fn byte_name(name: &str) -> Option<u8> {
    u8::from_str_radix(name.strip_prefix("<0x")?.strip_suffix('>')?, 16).ok()
}

/// The bytes of a byte-level token's name: printable bytes are written as themselves, the others as characters from
/// U+0100.
fn from_byte_level(name: &str) -> Vec<u8> {
    let byte = |c: char| match u32::from(c) {
        n @ (0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff) => u8::try_from(n).ok(),
        n @ 0x100..=0x120 => u8::try_from(n - 0x100).ok(),
        n @ 0x121..=0x142 => u8::try_from(n - 0x121 + 0x7f).ok(),
        0x143 => Some(0xad),
        _ => None,
    };
    let bytes: Option<Vec<u8>> = name.chars().map(byte).collect();
    // A name with other characters belongs to an added token, which is plain text.
    bytes.unwrap_or_else(|| name.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_byte_alphabet_decodes_to_every_byte() {
        let alphabet = tokenizers::pre_tokenizers::byte_level::ByteLevel::alphabet();
        let mut bytes: Vec<u8> =
            alphabet.iter().flat_map(|letter| from_byte_level(&letter.to_string())).collect();
        bytes.sort_unstable();
        assert_eq!(bytes, (0..=255).collect::<Vec<u8>>());
        assert_eq!(from_byte_level("Ġné"), " n\u{e9}".chars().map(|c| c as u8).collect::<Vec<u8>>());
        assert_eq!(from_byte_level("▁ 東"), "▁ 東".as_bytes());
        assert_eq!((byte_name("<0x0A>"), byte_name("<0xZZ>"), byte_name("a")), (Some(10), None, None));
    }
}
