//! Pictures from an OpenAI-compatible upstream: `POST /images/generations` as JSON, `POST /images/edits` as a form.

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

/// How often an upstream that fails is asked, and how long after its first failure; each further wait is twice as long.
const ATTEMPTS: u32 = 3;
const WAIT: Duration = Duration::from_millis(250);
/// The largest event: one picture.
const MAX_EVENT: usize = 32 * 1024 * 1024;
/// The largest whole reply: four pictures of 20 MiB in base64, and some.
const MAX_REPLY: usize = 128 * 1024 * 1024;

#[async_trait]
impl ImageProvider for OpenAi {
    async fn generate(&self, request: ImageRequest) -> Result<ImageReply> {
        let reply = if request.pictures.is_empty() {
            self.asked("/images/generations", "application/json", request.members.to_bytes()).await?
        } else {
            let form = Form::of_edit(&request)?;
            self.asked("/images/edits", &form.content_type(), form.finish()).await?
        };
        if reply.is_event_stream() {
            return Ok(ImageReply::Events(Box::pin(Pictures::of(reply.into_events(MAX_EVENT)?))));
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
    /// Asks until the upstream answers. What it refuses is not asked again, nor what ran out of time: it may have been
    /// made, and be paid for.
    async fn asked(&self, path: &str, content_type: &str, body: Bytes) -> Result<Reply> {
        let mut wait = WAIT;
        for _ in 1..ATTEMPTS {
            match self.transport.send_as(Method::POST, path, content_type, body.clone()).await {
                Err(error) if is_passing(&error) => tokio::time::sleep(wait).await,
                done => return done,
            }
            wait *= 2;
        }
        self.transport.send_as(Method::POST, path, content_type, body).await
    }
}

/// A failure that may be gone a moment later.
fn is_passing(error: &Error) -> bool {
    let ours = matches!(error.code(), "upstream_auth" | "upstream_quota" | "bad_upstream");
    matches!(error.kind(), ErrorKind::Upstream | ErrorKind::Unavailable) && !ours
}

/// The events of pictures being made; together they are no larger than a whole reply may be.
struct Pictures {
    events: Events,
    read: usize,
    completed: bool,
    ended: bool,
}

impl Pictures {
    fn of(events: Events) -> Self {
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
