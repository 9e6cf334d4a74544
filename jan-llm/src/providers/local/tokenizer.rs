//! Builds a tokenizer from the vocabulary in a GGUF file.
//!
//! A byte-level vocabulary (`gpt2`) names its pre-tokenizer (`pre`), which splits text before merging. A wrong split
//! gives token ids that the model was not trained on, so an unknown name is refused and not guessed. A SentencePiece
//! vocabulary (`llama`) has scores instead of merges; the merges are computed from them.

use jan_core::{Error, Result};
use tokenizers::models::bpe::{BPE, Vocab as Ids};
use tokenizers::normalizers::{NFC, Prepend, Replace, Sequence as Normalizers};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{NormalizerWrapper, PreTokenizerWrapper, SplitDelimiterBehavior, Tokenizer};

use super::gguf::{Gguf, whole};

const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// The tokenizer of a file, without its control and user-defined tokens.
///
/// # Errors
/// When the vocabulary is broken or of an unsupported kind.
pub(super) fn build(gguf: &Gguf, names: &[String]) -> Result<Tokenizer> {
    match gguf.text("tokenizer.ggml.model").unwrap_or_default() {
        "gpt2" => byte_level(gguf, names),
        "llama" => sentence_piece(gguf, names),
        other => Err(gguf.unusable(format!("has a `{other}` tokenizer; supported are gpt2 and llama"))),
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
    // In this family a word that is a token becomes that token, even if the merges would give another result.
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

/// A tokenizer for a SentencePiece vocabulary. Its merges are all pairs of tokens that form a token, best score first.
fn sentence_piece(gguf: &Gguf, names: &[String]) -> Result<Tokenizer> {
    let scores: Vec<f32> =
        gguf.list("tokenizer.ggml.scores").iter().map(|s| s.to_f32().unwrap_or(f32::MIN)).collect();
    if scores.len() != names.len() {
        return Err(gguf.unusable("has a SentencePiece vocabulary without scores"));
    }
    let ids: Ids = names.iter().cloned().zip(0..).collect();
    let mut merges: Vec<(f32, String, String)> = Vec::new();
    let kinds = gguf.list("tokenizer.ggml.token_type");
    for (id, (name, score)) in names.iter().zip(&scores).enumerate() {
        // Merging never results in the unknown token (type 2) or a control token (type 3).
        if kinds.get(id).and_then(whole).is_some_and(|kind| matches!(kind, 2 | 3)) {
            continue;
        }
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

#[cfg(test)]
mod tests {
    use candle_core::quantized::gguf_file::{self, Value};

    use super::super::vocab::Vocab;
    use super::*;

    fn vocab(model: &str, pre: &str, tokens: &[(&str, f32, u32)], merges: &[&str]) -> Result<Vocab> {
        let text = |text: &str| Value::String(text.to_owned());
        let list = |values: Vec<Value>| Value::Array(values);
        let metadata = [
            ("general.architecture", text("llama")),
            ("tokenizer.ggml.model", text(model)),
            ("tokenizer.ggml.pre", text(pre)),
            ("tokenizer.ggml.tokens", list(tokens.iter().map(|token| text(token.0)).collect())),
            ("tokenizer.ggml.scores", list(tokens.iter().map(|token| Value::F32(token.1)).collect())),
            ("tokenizer.ggml.token_type", list(tokens.iter().map(|token| Value::U32(token.2)).collect())),
            ("tokenizer.ggml.merges", list(merges.iter().map(|merge| text(merge)).collect())),
            ("tokenizer.ggml.bos_token_id", Value::U32(1)),
            ("tokenizer.ggml.eos_token_id", Value::U32(2)),
        ];
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vocabulary.gguf");
        let metadata: Vec<_> = metadata.iter().map(|(key, value)| (*key, value)).collect();
        gguf_file::write(&mut std::fs::File::create(&path).unwrap(), &metadata, &[]).unwrap();
        Vocab::read(&Gguf::open(&path).unwrap().0)
    }

    #[test]
    fn sentence_piece_merges_by_score_and_falls_back_to_bytes() {
        let tokens = [
            ("<unk>", 0., 2),
            ("<s>", 0., 3),
            ("</s>", 0., 3),
            ("<0xC3>", 0., 6),
            ("<0xA9>", 0., 6),
            ("▁", -9., 1),
            ("a", -9., 1),
            ("b", -9., 1),
            ("c", -9., 1),
            ("▁a", -3., 1),
            ("ab", -1., 1),
            ("bc", -2., 1),
            ("▁ab", -4., 1),
        ];
        let vocab = vocab("llama", "", &tokens, &[]).unwrap();
        // `ab` has a better score than `▁a` and `bc`, so it is merged first.
        assert_eq!(vocab.encode_prompt("abc é</s>", '\u{e000}').unwrap(), [1, 12, 8, 5, 3, 4, 2]);
        let bytes: Vec<u8> = [12, 8, 5, 3, 4].iter().flat_map(|id| vocab.bytes(*id)).copied().collect();
        assert_eq!(String::from_utf8(bytes).unwrap(), " abc é");
        assert!(vocab.leading_space());
    }

    #[test]
    fn numbers_are_split_by_the_rule_of_each_pre_tokenizer() {
        let tokens = [
            ("1", 0., 1),
            ("<s>", 0., 3),
            ("<|im_end|>", 0., 3),
            ("11", 0., 1),
            ("111", 0., 1),
            ("a", 0., 1),
            ("Ġ", 0., 1),
        ];
        let merges = ["1 1", "11 1"];
        for (pre, ids) in [
            ("gpt-2", &[3, 3, 5][..]),
            ("llama-bpe", &[4, 0, 5]),
            ("qwen2", &[0, 0, 0, 0, 5]),
            ("smollm", &[0, 0, 0, 0, 5]),
        ] {
            assert_eq!(vocab("gpt2", pre, &tokens, &merges).unwrap().encode("1111a").unwrap(), ids, "{pre}");
        }
        let error = vocab("gpt2", "tekken", &tokens, &merges).err().unwrap();
        assert!(error.message().contains("`tekken`") && error.message().contains("qwen2"), "{error}");
        assert!(vocab("bert", "", &tokens, &merges).err().unwrap().message().contains("`bert`"));
    }
}
