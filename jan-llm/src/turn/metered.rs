//! Counts what an answer cost, as the model reports it; the answer passes by untouched.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use futures_core::Stream;
use jan_core::chat::Usage;
use jan_core::{ChatAnswer, ChatChunk, ChatStream, Result, UserId};

use crate::usage::Meter;

/// On whose account an answer is.
pub(crate) struct Account {
    pub(crate) meter: Meter,
    pub(crate) owner: UserId,
    pub(crate) model: String,
    pub(crate) project: Option<String>,
    /// For whoever wants to know it too.
    pub(crate) told: Arc<OnceLock<Usage>>,
}

impl Account {
    pub(crate) fn count_answer(&self, answer: &ChatAnswer) {
        self.count(answer.usage());
    }

    fn count(&self, usage: Option<Usage>) {
        if let Some(usage) = usage {
            self.meter.record(&self.owner, &self.model, self.project.as_deref(), &usage);
            self.told.get_or_init(|| usage);
        }
    }
}

/// A stream whose usage is counted once: when it ends, or when it is let go of.
pub(super) struct Metered {
    chunks: ChatStream,
    account: Account,
    /// What was reported last; some models report what they used so far in every chunk.
    used: Option<Usage>,
}

impl Metered {
    pub(super) fn new(chunks: ChatStream, account: Account) -> Self {
        Self { chunks, account, used: None }
    }

    fn count(&mut self) {
        self.account.count(self.used.take());
    }
}

impl Stream for Metered {
    type Item = Result<ChatChunk>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let chunk = Pin::new(&mut self.chunks).poll_next(cx);
        match &chunk {
            Poll::Ready(Some(Ok(chunk))) => self.used = chunk.usage().or(self.used.take()),
            Poll::Ready(_) => self.count(),
            Poll::Pending => {}
        }
        chunk
    }
}

impl Drop for Metered {
    fn drop(&mut self) {
        self.count();
    }
}
