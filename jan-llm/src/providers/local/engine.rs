//! The arithmetic: which architectures can be loaded, and feeding tokens to one of them. Everything here runs on the
//! model's worker thread.
//!
//! The forward passes are the quantised models of candle-transformers, each with habits of its own that are kept out
//! of sight here: which can read a prompt in pieces, which can go on after an answer, and how each one forgets.

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

/// What can be loaded. The mixture-of-experts Qwen3 is missing because its stock forward can never forget a chat.
const ARCHITECTURES: &str = "llama, qwen2, qwen3, gemma3, phi3, glm4, lfm2";
/// How many tokens of a prompt are read at once: bounds the memory of attention, and the time until a client who left
/// is noticed.
const PIECE: usize = 128;
/// Stock forwards keep a mask for every prompt length they met. Past this many bytes the weights are read again.
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

/// A loaded model and the tokens that its cache holds.
pub(super) struct Engine {
    path: PathBuf,
    context: usize,
    live: Weights,
    /// A copy that has seen no token; the weights are shared, so going back to it is free and frees the cache.
    fresh: Option<Weights>,
    fed: Vec<u32>,
    masks: usize,
}

/// The longest context that this file and its forward pass can have.
///
/// # Errors
/// When the architecture is not supported; the message lists those that are.
pub(super) fn longest_context(gguf: &Gguf) -> Result<usize> {
    let trained = usize::try_from(gguf.own("context_length").unwrap_or(4096)).unwrap_or(usize::MAX);
    match gguf.arch.as_str() {
        // The stock forward has its table of positions up to here.
        "llama" => Ok(trained.min(llama::MAX_SEQ_LEN)),
        "qwen2" | "qwen3" | "gemma3" | "phi3" | "glm4" | "lfm2" => Ok(trained),
        other => Err(gguf.unusable(format!("has the architecture `{other}`; supported are {ARCHITECTURES}"))),
    }
}

impl Engine {
    /// Reads the weights of `path` for up to `context` positions.
    pub(super) fn load(path: PathBuf, context: usize) -> Result<Self> {
        let live = Weights::read(&path, context)?;
        let fresh = live.share();
        let mut engine = Self { path, context, live, fresh, fed: Vec::new(), masks: 0 };
        engine.try_out()?;
        Ok(engine)
    }

    /// Feeds one token. That the tensors fit one another is only found out by using them: better now than in the first
    /// answer.
    fn try_out(&mut self) -> Result<()> {
        let tried = catch_unwind(AssertUnwindSafe(|| self.forward(&[0], 0)));
        let tried = tried.unwrap_or_else(|_| Err(candle_core::Error::msg("the forward pass panicked")));
        match tried {
            Ok(logits) if !logits.is_empty() => self.forget(),
            Ok(_) => Err(Gguf::broken(&self.path, &candle_core::Error::msg("no logits"))),
            Err(error) => Err(Gguf::broken(&self.path, &error)),
        }
    }

    /// Prepares for a prompt and returns how many of its tokens are in the cache already: all of the last chat if the
    /// prompt goes on from exactly there, else none.
    pub(super) fn begin(&mut self, prompt: &[u32]) -> Result<usize> {
        let goes_on = prompt.len() > self.fed.len() && prompt.starts_with(&self.fed);
        if goes_on && self.live.goes_on() {
            return Ok(self.fed.len());
        }
        self.forget()?;
        Ok(0)
    }

    /// Empties the cache.
    pub(super) fn forget(&mut self) -> Result<()> {
        self.fed.clear();
        match &self.fresh {
            Some(fresh) => {
                if let Some(clean) = fresh.share() {
                    self.live = clean;
                    self.masks = 0;
                }
            }
            None => self.live.clear(),
        }
        if self.masks > MASK_BUDGET {
            tracing::debug!("reading the local model again to let go of old attention masks");
            self.live = Weights::read(&self.path, self.context)?;
            self.masks = 0;
        }
        Ok(())
    }

    /// The pieces in which a prompt is to be fed.
    pub(super) fn pieces<'a>(&self, prompt: &'a [u32]) -> std::slice::Chunks<'a, u32> {
        prompt.chunks(if self.live.reads_in_pieces() { PIECE } else { prompt.len().max(1) })
    }

    /// Feeds tokens after those fed before and returns a number for every token that could come next.
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
        let logits = match &mut self.live {
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
        // The loaders size their tables and caches by the file's own context and number type; both are made to fit:
        // positions in 16 bits would be wrong from 2048 on.
        let own_context = format!("{}.context_length", gguf.arch);
        gguf.content.metadata.insert(own_context, Value::U32(u32::try_from(context).unwrap_or(u32::MAX)));
        gguf.content.metadata.insert("general.dtype".into(), Value::U32(0));
        if gguf.content.tensor_infos.contains_key("rope_freqs.weight") {
            tracing::warn!(
                "the model stretches its positions (rope_freqs); answers may be worse than they could be"
            );
        }
        if gguf.arch == "gemma3"
            && gguf.own("attention.sliding_window").is_some_and(|window| window < context as u64)
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

    /// Another handle on the same weights with an empty cache, taken before the first token; not all models can.
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
            // These start over by themselves at position 0, or are exchanged for a fresh copy.
            Self::Lfm2(_) | Self::Llama(_) | Self::Gemma3(_) | Self::Phi3(_) | Self::Glm4(_) => {}
        }
    }

    /// Whether a prompt may come in pieces. Gemma3 masks out what came before a later piece, and the convolutions of
    /// LFM2 look only at the piece they are in.
    fn reads_in_pieces(&self) -> bool {
        !matches!(self, Self::Gemma3(_) | Self::Lfm2(_))
    }

    /// Whether a new prompt may be fed after an answer. The stock Qwen3 keeps prompt and answer in two caches, and its
    /// prompt pass sees only the first.
    fn goes_on(&self) -> bool {
        self.reads_in_pieces() && !matches!(self, Self::Qwen3(_))
    }
}
