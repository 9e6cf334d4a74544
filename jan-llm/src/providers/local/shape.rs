//! Checks the numbers in a file's header before the engine's loaders use them. The loaders trust them: they divide by
//! the number of heads and allocate as many layers as the header states. A broken file must lead to an error that names
//! the key, not to a panic or to exhausted memory.

use candle_core::quantized::gguf_file::Value;
use jan_core::Result;

use super::gguf::{Gguf, whole};

/// The longest convolution that is accepted, in positions; those of real models are shorter.
const LONGEST_CONVOLUTION: u64 = 64;

/// Checks what the loaders and forward passes assume.
///
/// # Errors
/// `model_unusable`, naming the key or tensor that is wrong.
pub(super) fn check(gguf: &Gguf) -> Result<()> {
    let header = Header(gguf);
    let layers = gguf.content.tensor_infos.len() as u64;
    header.required("block_count", 1, layers)?;
    let width = header.required("embedding_length", 1, u64::from(u32::MAX))?;
    let heads = header.required("attention.head_count", 1, width)?;
    for (key, most) in [
        ("context_length", u64::from(u32::MAX)),
        ("feed_forward_length", u64::from(u32::MAX)),
        ("attention.value_length", width),
        ("attention.sliding_window", u64::from(u32::MAX)),
        ("attention.sliding_window_type", layers),
        ("shortconv.l_cache", LONGEST_CONVOLUTION),
    ] {
        header.optional(key, 1, most)?;
    }
    let head = match gguf.arch.as_str() {
        "qwen3" | "gemma3" | "glm4" => header.required("attention.key_length", 2, width)?,
        _ if width.is_multiple_of(heads) => width / heads,
        _ => {
            return Err(gguf.unusable(format!(
                "divides {width} numbers among {heads} heads, which does not come out even"
            )));
        }
    };
    if !head.is_multiple_of(2) {
        return Err(
            gguf.unusable(format!("has heads of {head} numbers; positions take two of them together"))
        );
    }
    if let Some(dimensions) = header.optional("rope.dimension_count", 2, head)?
        && !dimensions.is_multiple_of(2)
    {
        return Err(header.wrong("rope.dimension_count", &format!("is {dimensions}; it must be even")));
    }
    kv_heads(&header, heads)?;
    if let (Some(all), Some(used)) =
        (header.optional("expert_count", 0, layers)?, header.optional("expert_used_count", 0, layers)?)
        && used > all
    {
        return Err(header.wrong("expert_used_count", &format!("is {used}, of {all} experts")));
    }
    for (key, least) in [("attention.layer_norm_rms_epsilon", 0.), ("rope.freq_base", f64::MIN_POSITIVE)] {
        let number = header.value(key).and_then(|value| value.to_f32().ok());
        if let Some(number) = number.map(f64::from).filter(|number| !number.is_finite() || *number < least) {
            return Err(header.wrong(key, &format!("is {number}")));
        }
    }
    embeddings(gguf, width)
}

/// Checks the number of key-value heads, which must divide the number of heads. A file may state it for each layer.
fn kv_heads(header: &Header<'_>, heads: u64) -> Result<()> {
    let key = "attention.head_count_kv";
    let stated: Vec<u64> = match header.value(key) {
        None => return Ok(()),
        Some(Value::Array(layers)) => layers.iter().map(|layer| whole(layer).unwrap_or(u64::MAX)).collect(),
        Some(one) => vec![whole(one).filter(|heads| *heads > 0).unwrap_or(u64::MAX)],
    };
    match stated.into_iter().find(|kv| *kv != 0 && (*kv > heads || !heads.is_multiple_of(*kv))) {
        Some(_) => Err(header.wrong(key, &format!("does not divide the {heads} heads"))),
        None => Ok(()),
    }
}

/// Checks that the embedding table has a row of the model's width for every token.
fn embeddings(gguf: &Gguf, width: u64) -> Result<()> {
    let Some(table) = gguf.content.tensor_infos.get("token_embd.weight") else {
        return Err(gguf.unusable("has no tensor `token_embd.weight`"));
    };
    let dims: Vec<u64> = table.shape.dims().iter().map(|size| *size as u64).collect();
    let words = gguf.list("tokenizer.ggml.tokens").len() as u64;
    match dims.as_slice() {
        [rows, columns] if *columns == width && *rows >= words.max(1) => Ok(()),
        _ => {
            let why = format!("has embeddings of shape {dims:?} for {words} tokens in a width of {width}");
            Err(gguf.unusable(why))
        }
    }
}

struct Header<'g>(&'g Gguf);

impl Header<'_> {
    fn value(&self, key: &str) -> Option<&Value> {
        self.0.content.metadata.get(&format!("{}.{key}", self.0.arch))
    }

    /// A number that must be present.
    fn required(&self, key: &str, least: u64, most: u64) -> Result<u64> {
        match self.optional(key, least, most)? {
            Some(number) => Ok(number),
            None => Err(self.wrong(key, "is missing")),
        }
    }

    /// A number that may be absent.
    fn optional(&self, key: &str, least: u64, most: u64) -> Result<Option<u64>> {
        match self.value(key) {
            None => Ok(None),
            Some(value) => match whole(value) {
                Some(number) if (least..=most).contains(&number) => Ok(Some(number)),
                Some(number) => {
                    Err(self.wrong(key, &format!("is {number}; it must be from {least} to {most}")))
                }
                None => Err(self.wrong(key, "is no whole number of zero or more")),
            },
        }
    }

    fn wrong(&self, key: &str, why: &str) -> jan_core::Error {
        self.0.unusable(format!("is broken: `{}.{key}` {why}", self.0.arch))
    }
}
