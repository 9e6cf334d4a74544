//! The tokens of a model: text to ids, ids to bytes, and which ids end an answer, all read from the GGUF file.
//!
//! A byte-level vocabulary (`gpt2`) names how it cuts text before merging (`pre`); a wrong cut gives ids that the model
//! was never trained on, so an unknown name is refused rather than guessed. SentencePiece vocabularies (`llama`) carry
//! scores instead of merges; the merges are worked out from them.

use jan_core::{Error, Result};
use tokenizers::models::bpe::{BPE, Vocab as Ids};
use tokenizers::normalizers::{NFC, Prepend, Replace, Sequence as Normalizers};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, NormalizerWrapper, PreTokenizerWrapper, SplitDelimiterBehavior, Tokenizer};

use super::gguf::{Gguf, whole};

const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// Marks that structure an answer: they are part of the text also in files that call them control tokens.
const VISIBLE: [&str; 4] = ["<think>", "</think>", "<tool_call>", "</tool_call>"];
/// Tokens that end a turn, for files that name only one of theirs.
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

/// What the file says a token is; the other kinds (normal, user-defined, unused) are plain text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Unknown,
    Control,
    UserDefined,
    Byte,
}

/// See the module.
pub(super) struct Vocab {
    tokenizer: Tokenizer,
    /// The name of each token as the file has it.
    names: Vec<String>,
    /// What each token adds to the text; nothing for control tokens.
    bytes: Vec<Vec<u8>>,
    ends: Vec<u32>,
    bos: Option<u32>,
    add_bos: bool,
    /// SentencePiece puts a space before the first word; it is taken off the answer again.
    leading_space: bool,
}

impl Vocab {
    /// Reads the vocabulary.
    ///
    /// # Errors
    /// When the file has none, or one that is cut in a way this version does not know.
    pub(super) fn read(gguf: &Gguf) -> Result<Self> {
        let names: Option<Vec<String>> =
            gguf.list("tokenizer.ggml.tokens").iter().map(|name| name.to_string().ok().cloned()).collect();
        let names =
            names.filter(|names| !names.is_empty()).ok_or_else(|| gguf.unusable("has no vocabulary"))?;
        let kinds: Vec<Kind> =
            gguf.list("tokenizer.ggml.token_type").iter().map(|kind| Kind::from(whole(kind))).collect();
        let kind = |id: usize| kinds.get(id).copied().unwrap_or(Kind::Text);

        let model = gguf.text("tokenizer.ggml.model").unwrap_or_default();
        let mut tokenizer = match model {
            "gpt2" => byte_level(gguf, &names)?,
            "llama" => sentence_piece(gguf, &names)?,
            other => {
                return Err(gguf.unusable(format!("has a `{other}` tokenizer; supported are gpt2 and llama")));
            }
        };
        let added = names.iter().enumerate().filter_map(|(id, name)| match kind(id) {
            Kind::Control | Kind::Unknown => Some(AddedToken::from(name.clone(), true).normalized(false)),
            Kind::UserDefined => Some(AddedToken::from(name.clone(), false).normalized(false)),
            Kind::Text | Kind::Byte => None,
        });
        tokenizer.add_tokens(added).map_err(Error::internal)?;

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
        let spm = model == "llama";
        Ok(Self {
            tokenizer,
            names,
            bytes,
            ends,
            bos: gguf.id("tokenizer.ggml.bos_token_id"),
            add_bos: gguf.flag("tokenizer.ggml.add_bos_token").unwrap_or(spm),
            leading_space: spm && gguf.flag("tokenizer.ggml.add_space_prefix").unwrap_or(true),
        })
    }

    /// The ids of a prompt; marks such as `<|im_start|>` become their one token.
    pub(super) fn encode_prompt(&self, text: &str) -> Result<Vec<u32>> {
        let mut ids = self.encode(text)?;
        if let Some(bos) = self.bos.filter(|bos| self.add_bos && ids.first() != Some(bos)) {
            ids.insert(0, bos);
        }
        Ok(ids)
    }

    /// The ids of a piece of text.
    pub(super) fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let encoding = self.tokenizer.encode_fast(text, false).map_err(Error::internal)?;
        Ok(encoding.get_ids().to_vec())
    }

    /// What a token adds to the text.
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

    /// True when a space before the first word of an answer belongs to the vocabulary, not to the answer.
    pub(super) fn leading_space(&self) -> bool {
        self.leading_space
    }

    /// Whether there is a token with this id.
    pub(super) fn holds(&self, id: u32) -> bool {
        (id as usize) < self.bytes.len()
    }

    /// The bytes of every token, and none for those that are no text.
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

/// A GPT-2 style vocabulary with its merges.
fn byte_level(gguf: &Gguf, names: &[String]) -> Result<Tokenizer> {
    let merges = gguf.list("tokenizer.ggml.merges").iter().map(|merge| {
        let (left, right) = merge.to_string().ok()?.split_once(' ')?;
        Some((left.to_owned(), right.to_owned()))
    });
    let merges: Option<Vec<(String, String)>> = merges.collect();
    let merges = merges.ok_or_else(|| gguf.unusable("has merges that cannot be read"))?;
    let pre = gguf.text("tokenizer.ggml.pre").unwrap_or("default");
    // Words that are tokens are taken whole by this family, whatever the merges say.
    let whole_words = matches!(pre, "llama3" | "llama-v3" | "llama-bpe");
    let bpe = BPE::builder()
        .vocab_and_merges(names.iter().cloned().zip(0..).collect::<Ids>(), merges)
        .ignore_merges(whole_words)
        .build();
    let mut tokenizer =
        Tokenizer::new(bpe.map_err(|e| gguf.unusable(format!("has a broken vocabulary ({e})")))?);
    let split = |pattern: &str| {
        let pattern = SplitPattern::Regex(pattern.to_owned());
        Split::new(pattern, SplitDelimiterBehavior::Isolated, false).map_err(Error::internal)
    };
    let plain = ByteLevel::new(false, true, false);
    let cuts: Vec<PreTokenizerWrapper> = match pre {
        "default" | "gpt-2" | "gpt2" => vec![ByteLevel::new(false, true, true).into()],
        "smollm" | "starcoder" | "refact" | "command-r" | "codeshell" | "exaone" => {
            vec![Digits::new(true).into(), ByteLevel::new(false, true, true).into()]
        }
        "qwen2" | "deepseek-r1-qwen" => {
            tokenizer.with_normalizer(Some(NFC)).map_err(Error::internal)?;
            vec![split(QWEN2)?.into(), plain.into()]
        }
        "llama3" | "llama-v3" | "llama-bpe" | "smaug-bpe" | "dbrx" | "lfm2" | "chatglm-bpe" | "glm4" => {
            vec![split(LLAMA3)?.into(), plain.into()]
        }
        other => {
            let known = "gpt-2, smollm, starcoder, qwen2, llama-bpe, lfm2, glm4 and their kin";
            return Err(
                gguf.unusable(format!("cuts text in a way not known here (`{other}`); known are {known}"))
            );
        }
    };
    tokenizer.with_pre_tokenizer(Some(Sequence::new(cuts)));
    Ok(tokenizer)
}

/// A SentencePiece vocabulary: its merges are all ways to put a token together out of two, best score first.
fn sentence_piece(gguf: &Gguf, names: &[String]) -> Result<Tokenizer> {
    let scores: Vec<f32> =
        gguf.list("tokenizer.ggml.scores").iter().map(|s| s.to_f32().unwrap_or(f32::MIN)).collect();
    if scores.len() != names.len() {
        return Err(gguf.unusable("has a SentencePiece vocabulary without scores"));
    }
    let ids: Ids = names.iter().cloned().zip(0..).collect();
    let mut merges: Vec<(f32, String, String)> = Vec::new();
    for (name, score) in names.iter().zip(&scores) {
        for (at, _) in name.char_indices().skip(1) {
            let (left, right) = name.split_at(at);
            if ids.contains_key(left) && ids.contains_key(right) {
                merges.push((*score, left.to_owned(), right.to_owned()));
            }
        }
    }
    merges.sort_by(|a, b| b.0.total_cmp(&a.0));
    let merges: Vec<(String, String)> = merges.into_iter().map(|(_, left, right)| (left, right)).collect();
    let unknown = gguf.id("tokenizer.ggml.unknown_token_id").unwrap_or(0);
    let unknown = names.get(unknown as usize).cloned().unwrap_or_default();
    let bpe = BPE::builder()
        .vocab_and_merges(ids, merges)
        .unk_token(unknown)
        .fuse_unk(true)
        .byte_fallback(true)
        .build();
    let mut tokenizer =
        Tokenizer::new(bpe.map_err(|e| gguf.unusable(format!("has a broken vocabulary ({e})")))?);
    let mut steps: Vec<NormalizerWrapper> = Vec::new();
    if gguf.flag("tokenizer.ggml.add_space_prefix").unwrap_or(true) {
        steps.push(Prepend::new("▁".to_owned()).into());
    }
    steps.push(Replace::new(" ", "▁").map_err(Error::internal)?.into());
    tokenizer.with_normalizer(Some(Normalizers::new(steps))).map_err(Error::internal)?;
    Ok(tokenizer)
}

/// `<0x0A>` → 10.
fn byte_name(name: &str) -> Option<u8> {
    u8::from_str_radix(name.strip_prefix("<0x")?.strip_suffix('>')?, 16).ok()
}

/// The bytes behind a byte-level token: printable bytes stand for themselves, the others are moved up to U+0100.
fn from_byte_level(name: &str) -> Vec<u8> {
    let byte = |c: char| match u32::from(c) {
        n @ (0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff) => u8::try_from(n).ok(),
        n @ 0x100..=0x120 => u8::try_from(n - 0x100).ok(),
        n @ 0x121..=0x142 => u8::try_from(n - 0x121 + 0x7f).ok(),
        0x143 => Some(0xad),
        _ => None,
    };
    let bytes: Option<Vec<u8>> = name.chars().map(byte).collect();
    // A token that is not in the byte alphabet was added as it is.
    bytes.unwrap_or_else(|| name.as_bytes().to_vec())
}
