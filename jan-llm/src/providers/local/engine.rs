//! The inference: loads the weights of a supported architecture and runs the forward pass. Everything here runs on the
//! model's worker thread, except for loading.
//!
//! The forward passes are the quantised models of candle-transformers. They differ in whether a prompt can be fed in
//! pieces, whether a prompt can follow an answer in the same cache, and how the cache is cleared. [`Engine`] hides
//! these differences.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use candle_core::quantized::gguf_file::Value;
use candle_core::{Device, Tensor};
use candle_transformers::models::{
    quantized_gemma3 as gemma3, quantized_glm4 as glm4, quantized_lfm2 as lfm2, quantized_llama as llama,
    quantized_phi3 as phi3, quantized_qwen2 as qwen2, quantized_qwen3 as qwen3,
};
use jan_core::{Error, Result};

use super::gguf::Gguf;
use super::requant::Requantised;
use super::shape;

/// The supported architectures, for messages. The mixture-of-experts Qwen3 is missing because the cache of its forward
/// pass in candle cannot be cleared.
const ARCHITECTURES: &str = "llama, qwen2, qwen3, gemma3, phi3, glm4, lfm2";
/// How many tokens of a prompt are fed at once. This bounds the memory of attention, and the time until the worker
/// notices that the client has disconnected.
const PIECE: usize = 128;
/// Candle's forward passes cache an attention mask for every prompt length and never free it. When the masks take more
/// bytes than this, the weights are loaded again, which frees them.
const MASK_BUDGET: usize = 256 << 20;

enum Weights {
    Llama(llama::ModelWeights),
    Qwen2(qwen2::ModelWeights),
    Qwen3(qwen3::ModelWeights),
    Gemma3(gemma3::ModelWeights),
    Phi3(phi3::ModelWeights),
    Glm4(glm4::ModelWeights),
    Lfm2(lfm2::ModelWeights),
}

/// A loaded model and its cache.
pub(super) struct Engine {
    path: PathBuf,
    context: usize,
    current: Weights,
    /// A handle on the same weights with an empty cache. Replacing `current` by a copy of it clears the cache at no
    /// cost.
    fresh: Option<Weights>,
    /// The tokens in the cache.
    fed: Vec<u32>,
    /// Bytes of the cached attention masks (estimated).
    masks: usize,
}

/// The longest context that the file and its forward pass support.
///
/// # Errors
/// When the architecture is not supported; the message lists those that are.
pub(super) fn longest_context(gguf: &Gguf) -> Result<usize> {
    let trained = usize::try_from(gguf.arch_number("context_length").unwrap_or(4096)).unwrap_or(usize::MAX);
    match gguf.arch.as_str() {
        // Candle's forward pass has a table of positions up to this length.
        "llama" => Ok(trained.min(llama::MAX_SEQ_LEN)),
        "qwen2" | "qwen3" | "gemma3" | "phi3" | "glm4" | "lfm2" => Ok(trained),
        other => Err(gguf.unusable(format!("has the architecture `{other}`; supported are {ARCHITECTURES}"))),
    }
}

impl Engine {
    /// Loads the weights of `path` for up to `context` positions.
    pub(super) fn load(path: PathBuf, context: usize) -> Result<Self> {
        let current = Weights::read(&path, context)?;
        let fresh = current.share();
        let mut engine = Self { path, context, current, fresh, fed: Vec::new(), masks: 0 };
        engine.test_forward()?;
        Ok(engine)
    }

    /// Feeds one token. Candle detects tensors that do not fit each other only when they are used; this makes loading
    /// fail instead of the first answer.
    fn test_forward(&mut self) -> Result<()> {
        let tried = catch_unwind(AssertUnwindSafe(|| self.forward(&[0], 0)));
        let tried = tried.unwrap_or_else(|_| Err(candle_core::Error::msg("the forward pass panicked")));
        match tried {
            Ok(logits) if !logits.is_empty() => self.clear(),
            Ok(_) => Err(Gguf::broken(&self.path, &candle_core::Error::msg("no logits"))),
            Err(error) => Err(Gguf::broken(&self.path, &error)),
        }
    }

    /// Prepares for a prompt and returns how many of its tokens are in the cache already: all cached tokens if the
    /// prompt begins with exactly them, otherwise none.
    pub(super) fn begin(&mut self, prompt: &[u32]) -> Result<usize> {
        let continues = prompt.len() > self.fed.len() && prompt.starts_with(&self.fed);
        if continues && self.current.can_continue() {
            return Ok(self.fed.len());
        }
        self.clear()?;
        Ok(0)
    }

    /// Clears the cache.
    pub(super) fn clear(&mut self) -> Result<()> {
        self.fed.clear();
        match &self.fresh {
            Some(fresh) => {
                if let Some(empty) = fresh.share() {
                    self.current = empty;
                    self.masks = 0;
                }
            }
            None => self.current.clear(),
        }
        if self.masks > MASK_BUDGET {
            tracing::debug!("reading the local model again to let go of old attention masks");
            self.current = Weights::read(&self.path, self.context)?;
            self.masks = 0;
        }
        Ok(())
    }

    /// The pieces in which to feed a prompt.
    pub(super) fn pieces<'a>(&self, prompt: &'a [u32]) -> std::slice::Chunks<'a, u32> {
        prompt.chunks(if self.current.accepts_pieces() { PIECE } else { prompt.len().max(1) })
    }

    /// Feeds tokens after those fed before and returns the logits of the next token.
    pub(super) fn feed(&mut self, tokens: &[u32]) -> Result<Vec<f32>> {
        let at = self.fed.len();
        if tokens.len() > 1 {
            self.masks += tokens.len() * (at + tokens.len());
        }
        let logits = self.forward(tokens, at).map_err(Error::internal)?;
        self.fed.extend_from_slice(tokens);
        Ok(logits)
    }

    fn forward(&mut self, tokens: &[u32], at: usize) -> candle_core::Result<Vec<f32>> {
        let input = Tensor::new(tokens, &Device::Cpu)?.unsqueeze(0)?;
        let logits = match &mut self.current {
            Weights::Llama(model) => model.forward(&input, at),
            Weights::Qwen2(model) => model.forward(&input, at),
            Weights::Qwen3(model) => model.forward(&input, at),
            Weights::Gemma3(model) => model.forward(&input, at),
            Weights::Phi3(model) => model.forward(&input, at),
            Weights::Glm4(model) => model.forward(&input, at),
            Weights::Lfm2(model) => model.forward(&input, at),
        }?;
        logits.flatten_all()?.to_dtype(candle_core::DType::F32)?.to_vec1()
    }
}

impl Weights {
    fn read(path: &std::path::Path, context: usize) -> Result<Self> {
        let (mut gguf, reader) = Gguf::open(path)?;
        shape::check(&gguf)?;
        // The loaders size their tables and caches by the context length and number type in the file's header, so both
        // are overwritten: the context with the one in use, the type with f32, since 16-bit positions are wrong from
        // 2048 on.
        let own_context = format!("{}.context_length", gguf.arch);
        gguf.content.metadata.insert(own_context, Value::U32(u32::try_from(context).unwrap_or(u32::MAX)));
        gguf.content.metadata.insert("general.dtype".into(), Value::U32(0));
        if gguf.content.tensor_infos.contains_key("rope_freqs.weight") {
            tracing::warn!(
                "the model stretches its positions (rope_freqs); answers may be worse than they could be"
            );
        }
        if gguf.arch == "gemma3"
            && gguf.arch_number("attention.sliding_window").is_some_and(|window| window < context as u64)
        {
            tracing::warn!("past the model's sliding window answers may be worse than they could be");
        }
        let mut reader = Requantised::new(reader, &mut gguf.content).map_err(Error::internal)?;
        let (arch, reader, cpu) = (gguf.arch.clone(), &mut reader, &Device::Cpu);
        let broken = |e: candle_core::Error| Gguf::broken(path, &e);
        let content = gguf.content;
        match arch.as_str() {
            "llama" => llama::ModelWeights::from_gguf(content, reader, cpu).map(Self::Llama),
            "qwen2" => qwen2::ModelWeights::from_gguf(content, reader, cpu).map(Self::Qwen2),
            "qwen3" => qwen3::ModelWeights::from_gguf(content, reader, cpu).map(Self::Qwen3),
            "gemma3" => gemma3::ModelWeights::from_gguf(content, reader, cpu).map(Self::Gemma3),
            "phi3" => phi3::ModelWeights::from_gguf(false, content, reader, cpu).map(Self::Phi3),
            "glm4" => {
                glm4::ModelWeights::from_gguf(content, reader, cpu, candle_core::DType::F32).map(Self::Glm4)
            }
            _ => lfm2::ModelWeights::from_gguf(content, reader, cpu).map(Self::Lfm2),
        }
        .map_err(broken)
    }

    /// Another handle on the same weights with an empty cache. Must be called before the first token; `None` for models
    /// that do not support it.
    fn share(&self) -> Option<Self> {
        match self {
            Self::Llama(model) => Some(Self::Llama(model.clone())),
            Self::Gemma3(model) => Some(Self::Gemma3(model.clone())),
            Self::Phi3(model) => Some(Self::Phi3(model.clone())),
            Self::Glm4(model) => Some(Self::Glm4(model.clone())),
            // A clone of Qwen3 copies its cache; the other two cannot be cloned.
            Self::Qwen3(_) | Self::Qwen2(_) | Self::Lfm2(_) => None,
        }
    }

    fn clear(&mut self) {
        match self {
            Self::Qwen2(model) => model.clear_kv_cache(),
            Self::Qwen3(model) => model.clear_kv_cache(),
            // LFM2 clears its cache itself at position 0; the others are replaced by a fresh copy.
            Self::Lfm2(_) | Self::Llama(_) | Self::Gemma3(_) | Self::Phi3(_) | Self::Glm4(_) => {}
        }
    }

    /// Whether a prompt can be fed in pieces. Gemma3's attention mask hides the earlier pieces from a later one, and
    /// the convolutions of LFM2 see only the current piece.
    fn accepts_pieces(&self) -> bool {
        !matches!(self, Self::Gemma3(_) | Self::Lfm2(_))
    }

    /// Whether a prompt can be fed after an answer. Candle's Qwen3 keeps prompt and answer in two caches, and feeding a
    /// prompt uses only the first.
    fn can_continue(&self) -> bool {
        self.accepts_pieces() && !matches!(self, Self::Qwen3(_))
    }
}
