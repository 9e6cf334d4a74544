//! Counts what an answer cost, as the model reports it; the answer passes by untouched.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use futures_core::Stream;
use jan_core::chat::Usage;
use jan_core::{ChatAnswer, ChatChunk, ChatStream, Result, UserId};
use serde::Deserialize;

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
    pub(super) fn count_answer(&self, answer: &ChatAnswer) {
        self.count(answer.usage());
    }

    fn count(&self, usage: Option<Usage>) {
        if let Some(usage) = usage {
            self.meter.record(&self.owner, &self.model, self.project.as_deref(), &usage);
            self.told.get_or_init(|| usage);
        }
    }
}

/// A stream whose usage is counted when it comes by.
pub(super) struct Metered {
    pub(super) chunks: ChatStream,
    pub(super) account: Account,
}

impl Stream for Metered {
    type Item = Result<ChatChunk>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let chunk = Pin::new(&mut self.chunks).poll_next(cx);
        if let Poll::Ready(Some(Ok(chunk))) = &chunk {
            self.account.count(usage(chunk));
        }
        chunk
    }
}

/// The usage that a chunk reports. Most report none, which is seen without reading them.
fn usage(chunk: &ChatChunk) -> Option<Usage> {
    #[derive(Deserialize)]
    struct Told {
        usage: Option<Usage>,
    }
    memchr::memmem::find(chunk.as_bytes(), b"\"usage\"")?;
    serde_json::from_slice::<Told>(chunk.as_bytes()).ok()?.usage
}
