//! The worker: one thread that owns the engine and answers one request after the other, token by token.
//!
//! After every token it looks whether anybody still listens. A fault, even a panic inside the arithmetic, ends one
//! answer with an error; the worker goes on with the next.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use jan_core::causes::Causes;
use jan_core::chat::{ChatChunk, ChunkBody, Delta, Usage};
use jan_core::{Error, Result};
use tokio::sync::mpsc::UnboundedSender;

use super::ask::Ask;
use super::engine::Engine;
use super::queue::{Queue, Waiting};
use super::sampler::Sampler;
use super::text::{StopMatcher, Utf8Joiner};
use super::vocab::Vocab;

/// What goes back to the caller: a chunk, or `None` after the last one. A channel that closes without it was cut.
pub(super) type Sent = Result<Option<ChatChunk>>;

/// A request in the line.
pub(super) struct Job {
    pub(super) ask: Ask,
    /// The part that all chunks of the answer share.
    pub(super) head: ChunkBody,
    pub(super) out: UnboundedSender<Sent>,
}

impl Waiting for Job {
    fn is_abandoned(&self) -> bool {
        self.out.is_closed()
    }
}

/// Serves the queue until it is closed. Runs on a thread of its own.
pub(super) fn run(mut engine: Engine, vocab: &Vocab, queue: &Arc<Queue<Job>>) {
    while queue.serve(|job| {
        let out = job.out.clone();
        let answered = catch_unwind(AssertUnwindSafe(|| answer(&mut engine, vocab, job)));
        let failed = match answered {
            Ok(Ok(())) => return,
            Ok(Err(Stopped::Left)) => {
                tracing::debug!("the client left; the answer was stopped");
                return;
            }
            Ok(Err(Stopped::Failed(error))) => error,
            Err(_) => Error::internal("the local engine panicked"),
        };
        tracing::error!(error = %Causes(&failed), "the local model failed");
        let _ = out.send(Err(failed));
        // The cache may hold half of what was fed.
        if let Err(error) = engine.forget() {
            tracing::error!(error = %Causes(&error), "the local model could not be set back");
        }
    }) {}
}

/// Why an answer has no end.
enum Stopped {
    Left,
    Failed(Error),
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

fn answer(engine: &mut Engine, vocab: &Vocab, job: Job) -> Result<(), Stopped> {
    let Job { mut ask, head, out } = job;
    let send = |chunk: &ChunkBody| match out.send(Ok(Some(ChatChunk::new(chunk)?))) {
        Ok(()) => Ok(()),
        Err(_) => Err(Stopped::Left),
    };
    let tell = |deltas: Vec<Delta>| deltas.into_iter().try_for_each(|delta| send(&head.clone().delta(delta)));

    let known = engine.begin(&ask.prompt)?;
    let mut logits = Vec::new();
    for piece in engine.pieces(ask.prompt.get(known..).unwrap_or_default()) {
        if out.is_closed() {
            return Err(Stopped::Left);
        }
        logits = engine.feed(piece)?;
    }
    send(&head.clone().delta(Delta::assistant()))?;

    let mut sampler = Sampler::new(std::mem::take(&mut ask.sampling), &ask.prompt);
    let mut joiner = Utf8Joiner::default();
    let mut stops = StopMatcher::new(std::mem::take(&mut ask.stops));
    let mut written = 0;
    let mut first = vocab.leading_space() && !ask.goes_on;
    let ended = loop {
        let allowed = ask.constraint.as_mut().map(super::constrain::Constraint::allowed).transpose()?;
        let Some(id) = sampler.pick(logits, allowed.as_ref()) else {
            return Err(Error::internal("no token was allowed to come next").into());
        };
        written += 1;
        if vocab.ends().contains(&id) {
            break End::Own;
        }
        let complete =
            ask.constraint.as_mut().map(|constraint| constraint.take(id)).transpose()?.unwrap_or(false);
        let bytes = vocab.bytes(id);
        let bytes = if first { bytes.strip_prefix(b" ").unwrap_or(bytes) } else { bytes };
        first = false;
        let (text, stopped) = stops.push(&joiner.push(bytes));
        if !text.is_empty() {
            tell(ask.reader.push(&text))?;
        }
        if stopped {
            break End::StopString;
        }
        if complete {
            break End::Own;
        }
        if written >= ask.budget {
            break End::Budget;
        }
        if out.is_closed() {
            return Err(Stopped::Left);
        }
        logits = engine.feed(&[id])?;
    };

    if ended != End::StopString {
        let (text, _) = stops.push(&joiner.finish());
        let text = text + &stops.finish();
        if !text.is_empty() {
            tell(ask.reader.push(&text))?;
        }
    }
    tell(ask.reader.finish(ended == End::Own))?;
    let reason = match ended {
        End::Budget => "length",
        _ if ask.reader.called() => "tool_calls",
        _ => "stop",
    };
    send(&head.clone().finish(reason))?;
    if ask.wants_usage {
        send(&head.usage(Usage::new(ask.prompt.len() as u64, written as u64)))?;
    }
    let _ = out.send(Ok(None));
    Ok(())
}

/// How an answer came to its end.
#[derive(PartialEq, Eq)]
enum End {
    /// The model ended it, or the form was complete.
    Own,
    StopString,
    Budget,
}
