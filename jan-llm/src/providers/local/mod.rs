//! A language model in this process: any GGUF file of a supported architecture, on the CPU, without another service. It
//! lets one binary answer chats; it is not built for throughput. There is one worker thread per model, which computes
//! one answer at a time, and a short queue. For throughput, run a separate inference server and use the
//! OpenAI-compatible provider.
//!
//! | file | purpose |
//! |---|---|
//! | `gguf`, `shape`, `requant`, `engine` | read the file, check it, convert slow tensors, run the forward pass |
//! | `tokenizer`, `vocab`, `template`, `messages` | text to tokens, messages to text |
//! | `controls` | keeps the caller's text from becoming control tokens |
//! | `prepare`, `raw` | check and prepare requests: of chats, and of text completions |
//! | `schema`, `constrain`, `sampler` | the JSON schema of an answer, the allowed tokens, the choice of the next token |
//! | `text`, `reader` | tokens to text, text to deltas |
//! | `queue`, `worker` | the waiting requests, and the thread that answers them |
//!
//! Known limits: text only (an error names other content parts), `n` = 1, no `logprobs`; `llama` files are limited to
//! 4096 positions, whatever the model was trained for. Models whose width is not a multiple of 256 (for example
//! SmolLM2-135M) cannot use the library's fastest kernels; they read long prompts no faster than they write. A chat
//! that continues the previous one is read only from where it continues. The engine's library decides once per process
//! how many cores it uses: see [`THREADS_VARIABLE`].

mod constrain;
mod controls;
mod engine;
mod gguf;
mod messages;
mod prepare;
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

use constrain::Grammars;
use engine::Engine;
use gguf::Gguf;
use prepare::PreparedRequest;
use queue::Queue;
use template::Template;
use vocab::Vocab;
use worker::Job;

/// The environment variable from which the engine's library reads its number of threads, once, at the first token.
/// Default: all physical cores. Its threads wait in busy loops, so where other work needs the cores too, fewer threads
/// are faster: see [`good_threads`].
pub const THREADS_VARIABLE: &str = "CANDLE_NUM_THREADS";

/// The temperature for requests that set none: high enough to avoid repetitions, low enough for a small model.
const DEFAULT_TEMPERATURE: f32 = 0.7;
const DEFAULT_CONTEXT: usize = 4096;
const DEFAULT_QUEUE: usize = 16;

/// Options of a local model; `None` means the default.
#[derive(Debug, Clone, Default)]
pub struct LocalOptions {
    /// The model's name in requests; default: the file's name without `.gguf`.
    pub name: Option<String>,
    /// The most tokens of prompt and answer together; default: 4096. It is reduced to what the file supports.
    pub context: Option<usize>,
    /// How many requests may wait while one is answered; default: 16.
    pub queue: Option<usize>,
    /// The seed for requests that set none; default: random.
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

/// Everything that is needed to prepare requests. The engine itself belongs to the worker thread.
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

    /// Loads a GGUF file into memory and starts its worker thread. Blocks while the file is read (seconds, depending on
    /// its size), so async callers should use `spawn_blocking`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] (`model_unusable`) when the file is missing, broken, or not supported;
    /// [`ErrorKind::Unavailable`] (`not_enough_memory`) naming the needed and the free memory.
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

    /// Queues a request and returns the stream of its answer.
    fn run(&self, request: PreparedRequest, head: ChunkBody) -> Result<ChatStream> {
        let (out, chunks) = mpsc::unbounded_channel();
        self.0.queue.push(Job { request, head, out })?;
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

    /// Checks that the request names this model.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when the request names another model.
    fn check_name(&self, model: &str) -> Result<()> {
        let name = self.name();
        if model == name {
            return Ok(());
        }
        let message = format!("There is no model `{model}` here; the local model is `{name}`.");
        Err(Error::not_found(message).with_param("model").with_code("model_not_found"))
    }

    /// The model's name in requests.
    pub fn name(&self) -> &str {
        &self.0.loaded.name
    }

    /// The most tokens of prompt and answer together.
    pub fn context(&self) -> usize {
        self.0.loaded.context
    }
}

/// The value for [`THREADS_VARIABLE`] that leaves one core for the rest of the program: the number of physical cores
/// minus one, at least one.
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

    /// Always returns a stream. Dropping the stream, or this future, stops the work at the next token; a request that
    /// is still queued is then never run.
    async fn chat(&self, call: ModelCall) -> Result<ChatReply> {
        let request = call.request;
        let loaded = Arc::clone(&self.0.loaded);
        self.check_name(request.model())?;
        let head = ChunkBody::new(id::short("chatcmpl-"), &loaded.name, seconds(SystemTime::now()));
        // Rendering the template and compiling a grammar take milliseconds of computation, too long for an async
        // thread.
        let prepared = tokio::task::spawn_blocking(move || PreparedRequest::read(&request, &loaded)).await;
        let prepared = prepared.map_err(Error::internal)??;
        Ok(ChatReply::Stream(self.run(prepared, head)?))
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
