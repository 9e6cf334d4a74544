//! A successful reply of an upstream: whole, or as the events of a stream.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt, Limited};
use jan_core::Result;
use jan_core::chat::MAX_COLLECTED;

use super::events::Events;
use super::faults::{cut, too_large, too_slow};
use super::pool::ReplyBody;
use super::{coding, stream};
use crate::sse::MAX_EVENT;

/// The largest whole answer that is accepted: 16 MiB.
const MAX_ANSWER: usize = MAX_COLLECTED;

/// The headers of a successful reply, and its unread body.
pub(super) struct Reply {
    pub(super) headers: HeaderMap,
    body: ReplyBody,
    idle_timeout: Duration,
}

impl Reply {
    pub(super) fn new(headers: HeaderMap, body: ReplyBody, idle_timeout: Duration) -> Self {
        Self { headers, body, idle_timeout }
    }

    pub(super) fn is_event_stream(&self) -> bool {
        let kind = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        kind.trim_start().to_ascii_lowercase().starts_with("text/event-stream")
    }

    /// The whole decoded body.
    pub(super) async fn bytes(self) -> Result<Bytes> {
        self.bytes_up_to(MAX_ANSWER).await
    }

    pub(super) async fn bytes_up_to(self, limit: usize) -> Result<Bytes> {
        let coding = coding::content_coding(&self.headers).map(str::to_owned);
        let mut body = Limited::new(self.body, limit);
        let mut whole: Option<Bytes> = None;
        loop {
            let frame = match tokio::time::timeout(self.idle_timeout, body.frame()).await {
                Err(_) => return Err(too_slow()),
                Ok(None) => return coding::decoded(coding.as_deref(), whole.unwrap_or_default(), limit),
                Ok(Some(Ok(frame))) => frame,
                Ok(Some(Err(error))) if error.is::<http_body_util::LengthLimitError>() => {
                    return Err(too_large(limit));
                }
                Ok(Some(Err(error))) => return Err(cut(error)),
            };
            let Ok(data) = frame.into_data() else { continue };
            // Most bodies are one frame, which needs no copy.
            whole = Some(match whole {
                None => data,
                Some(before) => [before, data].concat().into(),
            });
        }
    }

    /// The body as the chunks of a streamed answer with this number of choices.
    ///
    /// # Errors
    /// As [`Reply::into_events`].
    pub(super) fn into_chunks(self, choices: u32) -> Result<stream::Chunks> {
        Ok(stream::Chunks::new(self.into_events(MAX_EVENT)?, choices))
    }

    /// The body as events, none larger than `largest`.
    ///
    /// # Errors
    /// When it is compressed, although the request asked for no compression. Only whole bodies are decoded.
    pub(super) fn into_events(self, largest: usize) -> Result<Events> {
        match coding::content_coding(&self.headers) {
            None => Ok(Events::new(self.body, self.idle_timeout, largest)),
            Some(coding) => Err(coding::unsupported(coding)),
        }
    }
}
