//! A stream that is kept while it is sent, and kept for good before its end is: whoever saw it whole can have it again.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;

use super::claim::{Claim, Settled};
use super::record::{Answer, LARGEST, Outcome};
use crate::http::body::EventBytes;

/// The bytes of an event stream, recorded. Dropping it before its end stops the model and frees the key.
pub(super) struct Recorder {
    events: Box<dyn EventBytes>,
    seen: Vec<u8>,
    /// Until the end is known.
    open: Option<(Claim, Answer)>,
    /// The last bytes, held back until the end is kept.
    last: Option<(Settled, Bytes)>,
}

impl Recorder {
    pub(super) fn new(events: Box<dyn EventBytes>, answer: Answer, claim: Claim) -> Self {
        Self { events, seen: Vec::new(), open: Some((claim, answer)), last: None }
    }

    /// Of what is too large to be kept, only that it is too large.
    fn record(&mut self, bytes: &Bytes) {
        if self.seen.len() <= LARGEST {
            self.seen.extend_from_slice(bytes);
        }
    }
}

impl EventBytes for Recorder {
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            if let Some((settled, _)) = &mut self.last {
                ready!(Pin::new(settled).poll(cx));
                let last = self.last.take().map(|(_, bytes)| bytes);
                return Poll::Ready(last.filter(|bytes| !bytes.is_empty()));
            }
            let bytes = match ready!(self.events.poll_bytes(cx)) {
                Some(bytes) => bytes,
                // An end without a last word is kept too.
                None if self.open.is_some() => Bytes::new(),
                None => return Poll::Ready(None),
            };
            self.record(&bytes);
            if !self.events.is_over() {
                return Poll::Ready(Some(bytes));
            }
            let Some((claim, answer)) = self.open.take() else { return Poll::Ready(Some(bytes)) };
            let settled = if self.events.is_whole() {
                claim.settle(Outcome::of(answer, std::mem::take(&mut self.seen)))
            } else {
                claim.free()
            };
            self.last = Some((settled, bytes));
        }
    }

    fn is_over(&self) -> bool {
        self.last.is_none() && self.events.is_over()
    }

    fn is_whole(&self) -> bool {
        self.events.is_whole()
    }
}
