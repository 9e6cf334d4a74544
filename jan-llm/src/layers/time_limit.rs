//! A call that must be answered by some time ends then.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use async_trait::async_trait;
use futures_core::Stream;
use jan_core::{ChatChunk, ChatReply, ChatStream, Error, ErrorKind, Model, ModelCall, ModelProvider, Result};
use tokio::time::{Sleep, sleep_until, timeout_at};

/// Ends chats at their deadlines ([`jan_core::Caller::deadline`]), with [`ErrorKind::UpstreamTimeout`]: a whole answer that is
/// not there by then, a stream that has not ended. Uses tokio's timer. A call without a deadline costs nothing.
pub struct TimeLimit<P> {
    provider: P,
}

impl<P: ModelProvider> TimeLimit<P> {
    /// Ends what takes `provider` too long.
    pub fn new(provider: P) -> Self {
        Self { provider }
    }
}

#[async_trait]
impl<P: ModelProvider> ModelProvider for TimeLimit<P> {
    async fn models(&self) -> Result<Vec<Model>> {
        self.provider.models().await
    }

    fn inner(&self) -> Option<&dyn ModelProvider> {
        Some(&self.provider)
    }

    async fn chat(&self, call: ModelCall) -> Result<ChatReply> {
        let Some(deadline) = call.caller.deadline else { return self.provider.chat(call).await };
        let reply = timeout_at(deadline.into(), self.provider.chat(call)).await;
        Ok(match reply.map_err(|_| too_late())?? {
            ChatReply::Stream(chunks) => ChatStream::new(LimitedStream::new(chunks, deadline)).into(),
            answer => answer,
        })
    }
}

fn too_late() -> Error {
    Error::new(ErrorKind::UpstreamTimeout, "The model did not finish by the deadline of the call.")
        .with_code("deadline_exceeded")
}

/// A stream that ends with an error when its time is over.
struct LimitedStream {
    /// Dropped at the deadline, so that the model stops.
    chunks: Option<ChatStream>,
    deadline: Pin<Box<Sleep>>,
}

impl LimitedStream {
    fn new(chunks: ChatStream, deadline: Instant) -> Self {
        Self { chunks: Some(chunks), deadline: Box::pin(sleep_until(deadline.into())) }
    }
}

impl Stream for LimitedStream {
    type Item = Result<ChatChunk>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(chunks) = &mut self.chunks else { return Poll::Ready(None) };
        // What is there already is given, however late it is asked for.
        if let Poll::Ready(chunk) = Pin::new(chunks).poll_next(cx) {
            return Poll::Ready(chunk);
        }
        if self.deadline.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.chunks = None;
        Poll::Ready(Some(Err(too_late())))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::{StreamExt, stream};
    use jan_core::{ChatRequest, Principal};

    use super::*;

    /// Answers a stream with one chunk and then nothing more; without a stream it never answers.
    struct Stuck;

    #[async_trait]
    impl ModelProvider for Stuck {
        async fn models(&self) -> Result<Vec<Model>> {
            Ok(Vec::new())
        }

        async fn chat(&self, call: ModelCall) -> Result<ChatReply> {
            if !call.request.wants_stream() {
                std::future::pending::<()>().await;
            }
            let chunk = ChatChunk::from_wire(r#"{"choices":[{"index":0,"delta":{"content":"a"}}]}"#.into());
            Ok(ChatStream::new(stream::iter([chunk]).chain(stream::pending())).into())
        }
    }

    #[tokio::test]
    async fn what_is_not_there_by_the_deadline_is_an_error() {
        let limited = TimeLimit::new(Stuck);
        let call = |stream| {
            let request = ChatRequest::new("m").user("x").stream(stream);
            let mut call = ModelCall::new(request, Principal::open("me"));
            call.caller.deadline = Some(Instant::now() + Duration::from_millis(20));
            call
        };
        let error = limited.chat(call(false)).await.err().unwrap();
        assert_eq!((error.kind(), error.code()), (ErrorKind::UpstreamTimeout, "deadline_exceeded"));
        let mut chunks = limited.chat(call(true)).await.unwrap().into_stream().unwrap();
        assert!(chunks.next().await.unwrap().is_ok());
        assert_eq!(chunks.next().await.unwrap().unwrap_err().code(), "deadline_exceeded");
        assert!(chunks.next().await.is_none());
    }
}
