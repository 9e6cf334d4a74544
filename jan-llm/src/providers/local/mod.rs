//! A language model in this process: any GGUF file of an architecture that the engine knows, on the CPU, without
//! another service. It is the default that makes one binary enough, not a serving engine: one worker thread per
//! model, one answer at a time, a short line in front. Who needs throughput points the OpenAI-compatible provider at a
//! server made for it.
//!
//! | file | idea |
//! |---|---|
//! | `gguf`, `shape`, `requant`, `engine` | the file, whether it fits together, slow tensors made fast, the arithmetic |
//! | `tokenizer`, `vocab`, `template`, `messages` | text to tokens, messages to text |
//! | `controls` | what of a prompt is a control token, and what only looks like one |
//! | `ask`, `raw` | everything a request says, checked: a chat's, and a prompt's that is to go on |
//! | `schema`, `constrain`, `sampler` | the form of an answer, which token may come, and which does |
//! | `text`, `reader` | tokens to text, text to deltas |
//! | `queue`, `worker` | the line, and who serves it |
//!
//! Known bounds: text only (other parts are refused by name), `n` = 1, no `logprobs`; `llama` files stop at 4096
//! positions whatever they were trained for. Models whose width is no multiple of 256 (SmolLM2-135M is one) miss the
//! library's fastest kernels and read long prompts no faster than they write; a chat that goes on from the last one is
//! read from there, not from its start. How many cores the arithmetic uses is decided once per process by the
//! engine's library: see [`THREADS_VARIABLE`].

mod ask;
mod constrain;
mod controls;
mod engine;
mod gguf;
mod messages;
mod queue;
mod raw;
mod reader;
mod requant;
mod sampler;
mod schema;
mod shape;
mod template;
#[cfg(test)]
mod tests;
mod text;
#[cfg(test)]
mod tiny;
mod tokenizer;
mod vocab;
mod worker;

use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use futures_util::stream;
use jan_core::chat::ChunkBody;
use jan_core::{
    ChatReply, ChatStream, CompletionProvider, Error, ErrorKind, Model, ModelCall, ModelProvider, Result, id,
};
use tokio::sync::mpsc;

use ask::Ask;
use constrain::Grammars;
use engine::Engine;
use gguf::Gguf;
use queue::Queue;
use template::Template;
use vocab::Vocab;
use worker::Job;

/// The environment variable from which the engine's library takes the number of its threads, once, at the first
/// token. Unset, it takes all physical cores. Its threads wait by spinning, so on a machine whose cores are also
/// needed for something else fewer are faster: see [`good_threads`].
pub const THREADS_VARIABLE: &str = "CANDLE_NUM_THREADS";

/// Without a word from the caller: warm enough not to repeat itself, cool enough for a small model.
const DEFAULT_TEMPERATURE: f32 = 0.7;
const DEFAULT_CONTEXT: usize = 4096;
const DEFAULT_QUEUE: usize = 16;

/// How a local model is opened; what is `None` has the default that is named.
#[derive(Debug, Clone, Default)]
pub struct LocalOptions {
    /// The name to ask for; the file's name without `.gguf` unless told.
    pub name: Option<String>,
    /// The most tokens of prompt and answer together: 4096 unless told, never more than the file allows.
    pub context: Option<usize>,
    /// How many requests may wait behind the one that is answered: 16 unless told.
    pub queue: Option<usize>,
    /// Seed for requests that bring none; random unless told.
    pub seed: Option<u64>,
}

/// A loaded model. Cloning shares it. When the last clone is dropped, requests that were accepted are still answered,
/// then its thread ends and its memory is free.
#[derive(Clone)]
pub struct LocalModel(Arc<Handle>);

struct Handle {
    loaded: Arc<Loaded>,
    queue: Arc<Queue<Job>>,
}

/// What requests are prepared with; the engine itself is with the worker.
struct Loaded {
    name: String,
    created: u64,
    context: usize,
    seed: Option<u64>,
    vocab: Arc<Vocab>,
    template: Template,
    grammars: Grammars,
}

impl LocalModel {
    /// Loads a GGUF file with the defaults of [`LocalOptions`].
    ///
    /// # Errors
    /// As [`LocalModel::open_with`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path, LocalOptions::default())
    }

    /// Loads a GGUF file into memory and starts its worker. Blocks for as long as reading takes (seconds, by its size),
    /// so an async caller wants `spawn_blocking` around it.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] (`model_unusable`) when the file is missing, broken, or of a kind that is not supported;
    /// [`ErrorKind::Unavailable`] (`not_enough_memory`) saying what it needs and what is free.
    pub fn open_with(path: impl AsRef<Path>, options: LocalOptions) -> Result<Self> {
        let path = path.as_ref();
        let begun = std::time::Instant::now();
        let (gguf, _) = Gguf::open(path)?;
        let longest = engine::longest_context(&gguf)?;
        let wanted = options.context.unwrap_or(DEFAULT_CONTEXT).max(1);
        let context = wanted.min(longest);
        if options.context.is_some() && context < wanted {
            tracing::warn!(
                wanted,
                context,
                "the local model's context is bounded by its file or its forward pass"
            );
        }
        gguf::check_memory(path, context)?;
        let vocab = Arc::new(Vocab::read(&gguf)?);
        let template = Template::read(&gguf, &vocab)?;
        let grammars = Grammars::new(Arc::clone(&vocab))?;
        let engine = Engine::load(path.to_owned(), context)?;

        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let name = options.name.or(stem).unwrap_or_else(|| "local".to_owned());
        let changed = std::fs::metadata(path).and_then(|meta| meta.modified()).map_or(0, seconds);
        tracing::info!(model = %name, context, took_ms = begun.elapsed().as_millis() as u64, "local model loaded");
        let loaded =
            Loaded { name, created: changed, context, seed: options.seed, vocab, template, grammars };
        let queue = Arc::new(Queue::new(options.queue.unwrap_or(DEFAULT_QUEUE)));
        let (for_worker, served) = (Arc::clone(&loaded.vocab), Arc::clone(&queue));
        std::thread::Builder::new()
            .name("local-model".to_owned())
            .spawn(move || worker::run(engine, &for_worker, &served))
            .map_err(Error::internal)?;
        Ok(Self(Arc::new(Handle { loaded: Arc::new(loaded), queue })))
    }

    /// Puts a request in the line, and gives what comes of it.
    fn run(&self, ask: Ask, head: ChunkBody) -> Result<ChatStream> {
        let (out, chunks) = mpsc::unbounded_channel();
        self.0.queue.push(Job { ask, head, out })?;
        let stream = stream::unfold(Some(chunks), |chunks| async {
            let mut chunks = chunks?;
            match chunks.recv().await {
                Some(Ok(Some(chunk))) => Some((Ok(chunk), Some(chunks))),
                Some(Ok(None)) => None,
                Some(Err(error)) => Some((Err(error), None)),
                None => Some((
                    Err(Error::new(ErrorKind::Internal, "The local model stopped in mid-answer.")),
                    None,
                )),
            }
        });
        Ok(ChatStream::new(stream))
    }

    /// There is one model here.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when another model is asked for.
    fn check_name(&self, model: &str) -> Result<()> {
        let name = self.name();
        if model == name {
            return Ok(());
        }
        let message = format!("There is no model `{model}` here; the local model is `{name}`.");
        Err(Error::not_found(message).with_param("model").with_code("model_not_found"))
    }

    /// The name to ask for.
    pub fn name(&self) -> &str {
        &self.0.loaded.name
    }

    /// The most tokens of prompt and answer together.
    pub fn context(&self) -> usize {
        self.0.loaded.context
    }
}

/// The value for [`THREADS_VARIABLE`] that leaves a core to the rest of the program: physical cores less one, at
/// least one.
pub fn good_threads() -> usize {
    candle_core::utils::get_num_threads().saturating_sub(1).max(1)
}

#[async_trait]
impl ModelProvider for LocalModel {
    async fn models(&self) -> Result<Vec<Model>> {
        let loaded = &self.0.loaded;
        let mut model = Model::new(&loaded.name, "local");
        model.created = loaded.created;
        model.rest.insert("context_length".into(), loaded.context.into());
        model.rest.insert("supports_tools".into(), loaded.template.knows_tool_calls.into());
        model.rest.insert("supports_reasoning".into(), loaded.template.thinks.into());
        model.rest.insert("supports_images".into(), false.into());
        Ok(vec![model])
    }

    /// The reply is a stream in any case. Dropping it, or this future, stops the work at the next token; a request
    /// that still waits then never runs.
    async fn chat(&self, call: ModelCall) -> Result<ChatReply> {
        let request = call.request;
        let loaded = Arc::clone(&self.0.loaded);
        self.check_name(request.model())?;
        let head = ChunkBody::new(id::short("chatcmpl-"), &loaded.name, seconds(SystemTime::now()));
        // Filling the template and making a grammar are a few milliseconds of pure work.
        let prepared = tokio::task::spawn_blocking(move || Ask::read(&request, &loaded)).await;
        let ask = prepared.map_err(Error::internal)??;
        Ok(ChatReply::Stream(self.run(ask, head)?))
    }

    fn completions(&self) -> Option<&dyn CompletionProvider> {
        Some(self)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl std::fmt::Debug for LocalModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalModel").field("name", &self.name()).field("context", &self.context()).finish()
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
