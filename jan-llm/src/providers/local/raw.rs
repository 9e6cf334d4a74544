//! Text completions: the model continues the caller's prompt without a chat template. The caller writes the whole
//! prompt in the model's own format, so the names of control tokens in it become these tokens.

use std::collections::VecDeque;
use std::time::SystemTime;

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use jan_core::chat::{ChunkBody, Rest, Usage};
use jan_core::completion::{Prompt, text_chunk, text_head};
use jan_core::{
    ChatChunk, ChatRequest, ChatStream, CompletionProvider, CompletionReply, CompletionRequest, Error,
    ModelCall, Result, id,
};
use serde_json::value::RawValue;

use super::controls::{Piece, unused_in};
use super::prepare::{PreparedRequest, sampling, stops};
use super::reader::{Form, Reader};
use super::{Loaded, LocalModel, seconds};

/// OpenAI's default.
const DEFAULT_MAX_TOKENS: usize = 16;
/// The most prompts of one request. They are answered one after the other, so many would block the model for long.
const MAX_PROMPTS: usize = 16;
/// The control tokens of models that were trained to fill in text: for the text before, the text after, and the text to
/// generate between them.
const FILL_IN: [[&str; 3]; 2] = [
    ["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"],
    ["<fim_prefix>", "<fim_suffix>", "<fim_middle>"],
];

#[async_trait]
impl CompletionProvider for LocalModel {
    /// Always returns a stream. Dropping the stream, or this future, stops the work at the next token.
    async fn complete(&self, call: ModelCall<CompletionRequest>) -> Result<CompletionReply> {
        let request = call.request;
        self.check_name(request.model())?;
        let model = self.0.loaded.clone();
        let shows_usage = !request.wants_stream() || request.wants_usage();
        let head = text_head(id::short("cmpl-"), self.name(), seconds(SystemTime::now()));
        let prepared = tokio::task::spawn_blocking(move || read(&request, &model)).await;
        let mut waiting = prepared.map_err(Error::internal)??;
        // The first prompt is queued now, so that a full queue is reported before anything is sent.
        let first =
            waiting.pop_front().map(|prompt| Running::begin(self, prompt, head.clone(), 0)).transpose()?;
        let state = State {
            model: self.clone(),
            head,
            waiting,
            running: first,
            next: 1,
            used: Usage::default(),
            shows_usage,
        };
        let chunks = stream::try_unfold(state, |mut state| async move {
            let chunk = state.next_chunk().await?;
            Ok::<_, Error>(chunk.map(|chunk| (chunk, state)))
        });
        Ok(CompletionReply::Stream(ChatStream::new(chunks)))
    }
}

/// A prompt that is ready to run.
struct PreparedPrompt {
    request: PreparedRequest,
    /// The text of the prompt that is repeated before the answer (`echo`), or an empty text.
    echo: String,
}

/// An answer that is being generated.
struct Running {
    chunks: ChatStream,
    index: u32,
    echo: String,
}

impl Running {
    fn begin(model: &LocalModel, prompt: PreparedPrompt, head: ChunkBody, index: u32) -> Result<Self> {
        Ok(Self { chunks: model.run(prompt.request, head)?, index, echo: prompt.echo })
    }
}

/// The state of the stream that answers the prompts one after the other.
struct State {
    model: LocalModel,
    head: ChunkBody,
    waiting: VecDeque<PreparedPrompt>,
    running: Option<Running>,
    /// The index of the next answer.
    next: u32,
    used: Usage,
    shows_usage: bool,
}

impl State {
    async fn next_chunk(&mut self) -> Result<Option<ChatChunk>> {
        loop {
            let Some(running) = &mut self.running else {
                let Some(prompt) = self.waiting.pop_front() else { return self.last_chunk() };
                self.running = Some(Running::begin(&self.model, prompt, self.head.clone(), self.next)?);
                self.next += 1;
                continue;
            };
            let Some(chunk) = running.chunks.next().await.transpose()? else {
                self.running = None;
                continue;
            };
            let body = chunk.parse()?;
            if let Some(usage) = body.usage {
                let (read, written) = (self.used.prompt_tokens, self.used.completion_tokens);
                self.used = Usage::new(read + usage.prompt_tokens, written + usage.completion_tokens);
            }
            let Some(choice) = body.choices.into_iter().next() else { continue };
            let text = std::mem::take(&mut running.echo) + &choice.delta.content.unwrap_or_default();
            let reason = choice.finish_reason.as_deref();
            if text.is_empty() && reason.is_none() {
                continue;
            }
            return text_chunk(&self.head, running.index, &text, reason, Rest::new()).map(Some);
        }
    }

    /// The chunk with the usage, returned once and only if the caller gets usage.
    fn last_chunk(&mut self) -> Result<Option<ChatChunk>> {
        if !std::mem::take(&mut self.shows_usage) {
            return Ok(None);
        }
        ChatChunk::new(&self.head.clone().usage(std::mem::take(&mut self.used))).map(Some)
    }
}

/// Prepares each prompt of a request.
fn read(request: &CompletionRequest, model: &Loaded) -> Result<VecDeque<PreparedPrompt>> {
    refuse_unsupported(request)?;
    let echo = request.get("echo")?.unwrap_or(false);
    let suffix: Option<String> = request.get("suffix")?;
    let prompts = request.prompts()?;
    if prompts.len() > MAX_PROMPTS {
        let message = format!("The local model takes at most {MAX_PROMPTS} prompts at a time.");
        return Err(Error::invalid("prompt", message));
    }
    let limit: usize = request.get("max_tokens")?.unwrap_or(DEFAULT_MAX_TOKENS).max(1);
    let parameters = parameters(request);
    let prepare = |prompt: Prompt| -> Result<PreparedPrompt> {
        let (tokens, text) = tokens(prompt, suffix.as_deref().filter(|suffix| !suffix.is_empty()), model)?;
        let free = model.context.saturating_sub(tokens.len());
        if free == 0 || tokens.is_empty() {
            let message = format!(
                "`prompt` is {} tokens long; it must hold at least one, and fewer than the context of this model ({}).",
                tokens.len(),
                model.context
            );
            return Err(Error::invalid("prompt", message).with_code("context_length_exceeded"));
        }
        let request = PreparedRequest {
            prompt: tokens,
            sampling: sampling(&parameters, model)?,
            stops: stops(&parameters)?,
            max_tokens: limit.min(free),
            reader: Reader::new(Form::Text { tools: false }, false, false),
            constraint: None,
            // `State` adds up the usage of all prompts.
            wants_usage: true,
            continues_prompt: true,
        };
        Ok(PreparedPrompt { request, echo: if echo { text } else { String::new() } })
    };
    prompts.into_iter().map(prepare).collect()
}

/// The tokens of a prompt, and its text.
fn tokens(prompt: Prompt, suffix: Option<&str>, model: &Loaded) -> Result<(Vec<u32>, String)> {
    let vocab = &model.vocab;
    let text = match prompt {
        Prompt::Text(text) => text,
        Prompt::Tokens(tokens) => {
            if suffix.is_some() || !tokens.iter().all(|token| vocab.contains(*token)) {
                let message = "Tokens in `prompt` must be this model's own, and take no `suffix`.";
                return Err(Error::invalid("prompt", message));
            }
            let bytes: Vec<u8> = tokens.iter().flat_map(|token| vocab.bytes(*token)).copied().collect();
            return Ok((tokens, String::from_utf8_lossy(&bytes).into_owned()));
        }
    };
    let Some(suffix) = suffix else {
        // The names of control tokens in the prompt become these tokens: editors write the control tokens of their
        // model.
        return Ok((vocab.encode_prompt(&text, unused_in(&text))?, text));
    };
    let named = |marks: &[&str; 3]| marks.iter().map(|mark| vocab.controls().named(mark)).collect();
    let marks: Option<Vec<u32>> = FILL_IN.iter().find_map(named);
    let Some([before, behind, between]) = marks.as_deref() else {
        let message = "This model cannot fill in: it takes no `suffix`.";
        return Err(Error::invalid("suffix", message).with_code("unsupported_parameter"));
    };
    let pieces = vec![
        Piece::Control(*before),
        Piece::Text(text.clone()),
        Piece::Control(*behind),
        Piece::Text(suffix.to_owned()),
        Piece::Control(*between),
    ];
    Ok((vocab.encode_pieces(pieces)?, text))
}

/// Refuses parameters that would change the answer and are not supported, instead of ignoring them.
fn refuse_unsupported(request: &CompletionRequest) -> Result<()> {
    let refuse =
        |param: &str, message| Err(Error::invalid(param, message).with_code("unsupported_parameter"));
    for one in ["n", "best_of"] {
        if request.get::<u32>(one)?.unwrap_or(1) != 1 {
            return refuse(one, format!("The local model gives one answer at a time: `{one}` must be 1."));
        }
    }
    if request.get::<u32>("logprobs")?.is_some() {
        return refuse("logprobs", "The local model gives no `logprobs`.".to_owned());
    }
    Ok(())
}

/// The parameters that text completions and chats have in common (sampling, stop sequences), as a chat request.
fn parameters(request: &CompletionRequest) -> ChatRequest {
    let other = |name: &str| matches!(name, "prompt" | "suffix" | "echo" | "logprobs");
    let shared = request.members().filter(|(name, _)| !other(name));
    shared.fold(ChatRequest::new(request.model()), |chat, (name, raw)| {
        match serde_json::from_slice::<&RawValue>(raw) {
            Ok(raw) => chat.with(name, raw),
            Err(_) => chat,
        }
    })
}
