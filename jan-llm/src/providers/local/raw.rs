//! Text completions: the caller's prompt goes on as it is, without a chat template. It is the model's own language to the
//! last token, so marks in it are the tokens that they name.

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

use super::ask::{Ask, sampling, stops};
use super::controls::{Piece, unused_in};
use super::reader::{Form, Reader};
use super::{Loaded, LocalModel, seconds};

/// As OpenAI has it.
const DEFAULT_MAX_TOKENS: usize = 16;
/// Prompts are answered one after the other, so not many at once.
const MAX_PROMPTS: usize = 16;
/// What models that can fill in were taught to call what stands before, behind and between.
const FILL_IN: [[&str; 3]; 2] = [
    ["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"],
    ["<fim_prefix>", "<fim_suffix>", "<fim_middle>"],
];

#[async_trait]
impl CompletionProvider for LocalModel {
    /// The reply is a stream in any case. Dropping it, or this future, stops the work at the next token.
    async fn complete(&self, call: ModelCall<CompletionRequest>) -> Result<CompletionReply> {
        let request = call.request;
        self.check_name(request.model())?;
        let model = self.0.loaded.clone();
        let shows_usage = !request.wants_stream() || request.wants_usage();
        let head = text_head(id::short("cmpl-"), self.name(), seconds(SystemTime::now()));
        let prepared = tokio::task::spawn_blocking(move || read(&request, &model)).await;
        let mut waiting = prepared.map_err(Error::internal)??;
        // The first is put in the line now, so that a full one is told before anything is sent.
        let first =
            waiting.pop_front().map(|asked| Running::begin(self, asked, head.clone(), 0)).transpose()?;
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

/// A prompt, ready to run, and what of it is repeated before the answer.
struct Asked {
    ask: Ask,
    echo: String,
}

/// An answer under way.
struct Running {
    chunks: ChatStream,
    index: u32,
    echo: String,
}

impl Running {
    fn begin(model: &LocalModel, asked: Asked, head: ChunkBody, index: u32) -> Result<Self> {
        Ok(Self { chunks: model.run(asked.ask, head)?, index, echo: asked.echo })
    }
}

/// Answers to prompts, one after the other.
struct State {
    model: LocalModel,
    head: ChunkBody,
    waiting: VecDeque<Asked>,
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
                let Some(asked) = self.waiting.pop_front() else { return self.last_chunk() };
                self.running = Some(Running::begin(&self.model, asked, self.head.clone(), self.next)?);
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

    /// The chunk with usage, once.
    fn last_chunk(&mut self) -> Result<Option<ChatChunk>> {
        if !std::mem::take(&mut self.shows_usage) {
            return Ok(None);
        }
        ChatChunk::new(&self.head.clone().usage(std::mem::take(&mut self.used))).map(Some)
    }
}

/// Reads a request: each of its prompts, ready to run.
fn read(request: &CompletionRequest, model: &Loaded) -> Result<VecDeque<Asked>> {
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
    let asked = |prompt: Prompt| -> Result<Asked> {
        let (tokens, text) = tokens(prompt, suffix.as_deref().filter(|suffix| !suffix.is_empty()), model)?;
        let left = model.context.saturating_sub(tokens.len());
        if left == 0 || tokens.is_empty() {
            let message = format!(
                "`prompt` is {} tokens long; it must hold at least one, and fewer than the context of this model ({}).",
                tokens.len(),
                model.context
            );
            return Err(Error::invalid("prompt", message).with_code("context_length_exceeded"));
        }
        let ask = Ask {
            prompt: tokens,
            sampling: sampling(&parameters, model)?,
            stops: stops(&parameters)?,
            budget: limit.min(left),
            reader: Reader::new(Form::Text { tools: false }, false, false),
            constraint: None,
            // It is counted here over all prompts.
            wants_usage: true,
            goes_on: true,
        };
        Ok(Asked { ask, echo: if echo { text } else { String::new() } })
    };
    prompts.into_iter().map(asked).collect()
}

/// The tokens of a prompt, and its text.
fn tokens(prompt: Prompt, suffix: Option<&str>, model: &Loaded) -> Result<(Vec<u32>, String)> {
    let vocab = &model.vocab;
    let text = match prompt {
        Prompt::Text(text) => text,
        Prompt::Tokens(tokens) => {
            if suffix.is_some() || !tokens.iter().all(|token| vocab.holds(*token)) {
                let message = "Tokens in `prompt` must be this model's own, and take no `suffix`.";
                return Err(Error::invalid("prompt", message));
            }
            let bytes: Vec<u8> = tokens.iter().flat_map(|token| vocab.bytes(*token)).copied().collect();
            return Ok((tokens, String::from_utf8_lossy(&bytes).into_owned()));
        }
    };
    let Some(suffix) = suffix else {
        // The caller writes the whole prompt, control tokens included: editors put the marks of their model into it.
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

/// Things that would change the answer and are not done here are refused by name, not ignored.
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

/// How to draw and where to stop, which a chat says in the same words.
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
