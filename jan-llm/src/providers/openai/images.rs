//! Images of an OpenAI-compatible upstream: `POST /images/generations` as JSON, `POST /images/edits` as a form.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_core::Stream;
use http::Method;
use jan_core::chat::ReportedError;
use jan_core::image::{ImageReply, ImageRequest};
use jan_core::{Error, ErrorKind, ImageProvider, JsonObject, Result};

use super::OpenAi;
use super::events::Events;
use super::faults::{cut, too_large};
use super::form::Form;
use super::reply::Reply;

/// The most attempts for one request.
const ATTEMPTS: u32 = 3;
/// The wait after the first failed attempt; it doubles after each.
const WAIT: Duration = Duration::from_millis(250);
/// The largest event in bytes; it holds one image.
const MAX_EVENT: usize = 32 * 1024 * 1024;
/// The largest whole reply in bytes: four images of 20 MiB in base64, and some room for the other members.
const MAX_REPLY: usize = 128 * 1024 * 1024;

#[async_trait]
impl ImageProvider for OpenAi {
    async fn generate(&self, request: ImageRequest) -> Result<ImageReply> {
        let reply = if request.pictures.is_empty() {
            self.send_with_retries("/images/generations", "application/json", request.members.to_bytes())
                .await?
        } else {
            let form = Form::of_edit(&request)?;
            self.send_with_retries("/images/edits", &form.content_type(), form.finish()).await?
        };
        if reply.is_event_stream() {
            return Ok(ImageReply::Events(Box::pin(Pictures::new(reply.into_events(MAX_EVENT)?))));
        }
        let body = reply.bytes_up_to(MAX_REPLY).await?;
        if let Some(error) = ReportedError::find(&body) {
            return Err(error);
        }
        let whole = JsonObject::parse(body).map_err(|error| {
            Error::upstream("The upstream's pictures are not JSON.")
                .with_code("upstream_garbage")
                .because(error)
        })?;
        Ok(ImageReply::Whole(whole))
    }
}

impl OpenAi {
    /// Sends a request, and repeats it after temporary failures. A refused request is not repeated. Neither is one that
    /// timed out: the upstream may have generated the image, and a second one would be paid for again.
    async fn send_with_retries(&self, path: &str, content_type: &str, body: Bytes) -> Result<Reply> {
        let mut wait = WAIT;
        for _ in 1..ATTEMPTS {
            match self.transport.send_as(Method::POST, path, content_type, body.clone()).await {
                Err(error) if is_temporary(&error) => tokio::time::sleep(wait).await,
                done => return done,
            }
            wait *= 2;
        }
        self.transport.send_as(Method::POST, path, content_type, body).await
    }
}

/// Whether a repeated request may succeed.
fn is_temporary(error: &Error) -> bool {
    let permanent = matches!(error.code(), "upstream_auth" | "upstream_quota" | "bad_upstream");
    matches!(error.kind(), ErrorKind::Upstream | ErrorKind::Unavailable) && !permanent
}

/// The events of a streamed reply. The size of all together is limited like that of a whole reply.
struct Pictures {
    events: Events,
    read: usize,
    completed: bool,
    ended: bool,
}

impl Pictures {
    fn new(events: Events) -> Self {
        Self { events, read: 0, completed: false, ended: false }
    }

    fn read(&mut self, data: Bytes) -> Result<JsonObject> {
        self.read = self.read.saturating_add(data.len());
        if self.read > MAX_REPLY {
            return Err(too_large(MAX_REPLY));
        }
        if let Some(error) = ReportedError::find(&data) {
            return Err(error);
        }
        let event = JsonObject::parse(data).map_err(cut)?;
        let kind: Option<String> = event.get("type").map_err(cut)?;
        self.completed = self.completed || kind.is_some_and(|kind| kind.ends_with(".completed"));
        Ok(event)
    }
}

impl Stream for Pictures {
    type Item = Result<JsonObject>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let next = match self.events.poll_event(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Some(data)) => Some(data.and_then(|event| self.read(event.data))),
            Poll::Ready(None) if self.completed => None,
            Poll::Ready(None) => Some(Err(cut("the stream ended without a picture"))),
        };
        self.ended = !matches!(next, Some(Ok(_)));
        Poll::Ready(next)
    }
}
