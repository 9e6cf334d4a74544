//! Records a stream while it is sent. The outcome is stored before the last bytes are sent, so that a client that
//! received the whole stream can always get it again.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;

use super::lease::{KeyLease, Stored};
use super::record::{MAX_BODY, Outcome, StoredReply};
use crate::http::body::EventBytes;

/// The bytes of an event stream, recorded. Dropping it before its end stops the model and releases the key.
pub(super) struct Recorder {
    events: Box<dyn EventBytes>,
    recorded: Vec<u8>,
    /// The lease and the reply's head; taken when the stream ends.
    open: Option<(KeyLease, StoredReply)>,
    /// The last bytes, held back until the outcome has been stored.
    last: Option<(Stored, Bytes)>,
}

impl Recorder {
    pub(super) fn new(events: Box<dyn EventBytes>, reply: StoredReply, lease: KeyLease) -> Self {
        Self { events, recorded: Vec::new(), open: Some((lease, reply)), last: None }
    }

    /// Copies bytes. Stops once they are too many to be stored: the length then says so.
    fn record(&mut self, bytes: &Bytes) {
        if self.recorded.len() <= MAX_BODY {
            self.recorded.extend_from_slice(bytes);
        }
    }
}

impl EventBytes for Recorder {
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            if let Some((stored, _)) = &mut self.last {
                ready!(Pin::new(stored).poll(cx));
                let last = self.last.take().map(|(_, bytes)| bytes);
                return Poll::Ready(last.filter(|bytes| !bytes.is_empty()));
            }
            let bytes = match ready!(self.events.poll_bytes(cx)) {
                Some(bytes) => bytes,
                // The stream ended without further bytes: its outcome is stored as well.
                None if self.open.is_some() => Bytes::new(),
                None => return Poll::Ready(None),
            };
            self.record(&bytes);
            if !self.events.is_over() {
                return Poll::Ready(Some(bytes));
            }
            let Some((lease, reply)) = self.open.take() else { return Poll::Ready(Some(bytes)) };
            let stored = if self.events.is_whole() {
                lease.store(Outcome::of(reply, std::mem::take(&mut self.recorded)))
            } else {
                lease.release()
            };
            self.last = Some((stored, bytes));
        }
    }

    fn is_over(&self) -> bool {
        self.last.is_none() && self.events.is_over()
    }

    fn is_whole(&self) -> bool {
        self.events.is_whole()
    }
}
