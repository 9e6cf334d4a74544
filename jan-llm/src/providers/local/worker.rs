//! The worker: one thread that owns the engine and answers one request after the other, token by token.
//!
//! After every token it checks whether the client is still connected. A failure, even a panic in the engine, ends one
//! answer with an error; the worker then continues with the next request.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use jan_core::causes::Causes;
use jan_core::chat::{ChatChunk, ChunkBody, Delta, Usage};
use jan_core::{Error, Result};
use tokio::sync::mpsc::UnboundedSender;

use super::engine::Engine;
use super::prepare::PreparedRequest;
use super::queue::{Queue, Waiting};
use super::sampler::Sampler;
use super::text::{StopMatcher, Utf8Joiner};
use super::vocab::Vocab;

/// A message to the caller: a chunk, or `None` after the last one. A channel that closes without `None` was cut off.
pub(super) type Output = Result<Option<ChatChunk>>;

/// A queued request.
pub(super) struct Job {
    pub(super) request: PreparedRequest,
    /// The members that all chunks of the answer have in common.
    pub(super) head: ChunkBody,
    pub(super) out: UnboundedSender<Output>,
}

impl Waiting for Job {
    fn is_abandoned(&self) -> bool {
        self.out.is_closed()
    }
}

/// Serves the queue until it is closed. Blocks its thread.
pub(super) fn run(mut engine: Engine, vocab: &Vocab, queue: &Arc<Queue<Job>>) {
    while queue.serve(|job| {
        let out = job.out.clone();
        let answered = catch_unwind(AssertUnwindSafe(|| answer(&mut engine, vocab, job)));
        let failed = match answered {
            Ok(Ok(())) => return,
            Ok(Err(Stopped::Disconnected)) => {
                tracing::debug!("the client left; the answer was stopped");
                return;
            }
            Ok(Err(Stopped::Failed(error))) => error,
            Err(_) => Error::internal("the local engine panicked"),
        };
        tracing::error!(error = %Causes(&failed), "the local model failed");
        let _ = out.send(Err(failed));
        // A failed forward pass may have updated only some layers of the cache.
        if let Err(error) = engine.clear() {
            tracing::error!(error = %Causes(&error), "the local model could not be set back");
        }
    }) {}
}

/// Why an answer was not completed.
enum Stopped {
    Disconnected,
    Failed(Error),
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

fn answer(engine: &mut Engine, vocab: &Vocab, job: Job) -> Result<(), Stopped> {
    let Job { mut request, head, out } = job;
    let send = |chunk: &ChunkBody| match out.send(Ok(Some(ChatChunk::new(chunk)?))) {
        Ok(()) => Ok(()),
        Err(_) => Err(Stopped::Disconnected),
    };
    let send_all =
        |deltas: Vec<Delta>| deltas.into_iter().try_for_each(|delta| send(&head.clone().delta(delta)));

    let cached = engine.begin(&request.prompt)?;
    let mut logits = Vec::new();
    for piece in engine.pieces(request.prompt.get(cached..).unwrap_or_default()) {
        if out.is_closed() {
            return Err(Stopped::Disconnected);
        }
        logits = engine.feed(piece)?;
    }
    send(&head.clone().delta(Delta::assistant()))?;

    let mut sampler = Sampler::new(std::mem::take(&mut request.sampling), &request.prompt);
    let mut joiner = Utf8Joiner::default();
    let mut stops = StopMatcher::new(std::mem::take(&mut request.stops));
    let mut written = 0;
    let mut first = vocab.leading_space() && !request.continues_prompt;
    let ended = loop {
        let allowed = request.constraint.as_mut().map(super::constrain::Constraint::allowed).transpose()?;
        let Some(id) = sampler.pick(logits, allowed.as_ref()) else {
            return Err(Error::internal("no token was allowed to come next").into());
        };
        written += 1;
        if vocab.ends().contains(&id) {
            break End::Complete;
        }
        let complete = request
            .constraint
            .as_mut()
            .map(|constraint| constraint.advance(id))
            .transpose()?
            .unwrap_or(false);
        let bytes = vocab.bytes(id);
        let bytes = if first { bytes.strip_prefix(b" ").unwrap_or(bytes) } else { bytes };
        first = false;
        let (text, stopped) = stops.push(&joiner.push(bytes));
        if !text.is_empty() {
            send_all(request.reader.push(&text))?;
        }
        if stopped {
            break End::StopString;
        }
        if complete {
            break End::Complete;
        }
        if written >= request.max_tokens {
            break End::Length;
        }
        if out.is_closed() {
            return Err(Stopped::Disconnected);
        }
        logits = engine.feed(&[id])?;
    };

    if ended != End::StopString {
        let (text, _) = stops.push(&joiner.finish());
        let text = text + &stops.finish();
        if !text.is_empty() {
            send_all(request.reader.push(&text))?;
        }
    }
    send_all(request.reader.finish(ended == End::Complete))?;
    let reason = match ended {
        End::Length => "length",
        _ if request.reader.called() => "tool_calls",
        _ => "stop",
    };
    send(&head.clone().finish(reason))?;
    if request.wants_usage {
        send(&head.usage(Usage::new(request.prompt.len() as u64, written as u64)))?;
    }
    let _ = out.send(Ok(None));
    Ok(())
}

/// How an answer ended.
#[derive(PartialEq, Eq)]
enum End {
    /// The model wrote an end token, or the constrained answer is complete.
    Complete,
    StopString,
    /// The limit of tokens was reached.
    Length,
}
