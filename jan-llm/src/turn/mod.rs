//! One turn of a conversation: what was said goes in before the request, the request is answered, and the whole turn is
//! kept in one piece: the caller's new messages, the answer's text, reasoning if it is asked for, tool calls, usage. A
//! turn that fails or breaks off leaves the conversation as it was.

mod keep;
mod keeper;
mod plan;
mod prepare;
mod shown;
mod stream;

use std::sync::Arc;

use futures_util::future::{OptionFuture, try_join};
use jan_core::{CallReport, ChatAnswer, ChatStream, JsonObject, ModelCall, ModelProvider, Result};

use crate::layers::report_usage;

pub(crate) use keep::{PendingTurn, tell_branch};
pub use keeper::{Keeper, TitleSettings};
pub(crate) use prepare::{Again, StoreOptions};

/// What is said of a chat beside its body.
#[derive(Debug, Clone, Copy, Default)]
pub struct TurnOptions<'a> {
    /// Which app or page the chat comes from. A chat that says so is kept in a conversation.
    pub referrer: Option<&'a str>,
    /// Who the model should be; prompt templates may use it.
    pub persona: Option<&'a str>,
}

/// A chat that is ready to be asked. Dropping it, or what it returns, stops the model and keeps nothing.
#[must_use = "a turn does nothing until it is completed or streamed"]
pub struct Turn {
    provider: Arc<dyn ModelProvider>,
    call: ModelCall,
    kept: Option<Box<PendingTurn>>,
    /// Whether the caller of a stream asked for usage.
    shows_usage: bool,
}

impl Turn {
    pub(crate) fn new(
        provider: Arc<dyn ModelProvider>,
        mut call: ModelCall,
        kept: Option<PendingTurn>,
    ) -> Self {
        let shows_usage = call.request.wants_usage();
        if kept.is_some() && call.request.wants_stream() && !shows_usage {
            // The item that holds the answer says what it cost. Options that cannot be read are for the model to refuse.
            let options = report_usage(call.request.get("stream_options").ok().flatten());
            call.request = call.request.with("stream_options", &options);
        }
        Self { provider, call, kept: kept.map(Box::new), shows_usage }
    }

    /// The conversation that the turn is kept in.
    pub fn conversation_id(&self) -> Option<&str> {
        self.kept.as_ref()?.conversation_id()
    }

    /// The prompt modules that were put before the conversation, in their order.
    pub fn applied(&self) -> &[&'static str] {
        self.kept.as_ref().map_or(&[], |kept| &kept.applied)
    }

    /// The model that is asked.
    pub fn model(&self) -> &str {
        self.call.request.model()
    }

    /// What the provider's layers report of the call: the tokens used, once they are known, if any layer counts them.
    pub fn report(&self) -> &CallReport {
        &self.call.report
    }

    /// Whether the answer is wanted as a stream.
    pub fn wants_stream(&self) -> bool {
        self.call.request.wants_stream()
    }

    /// The whole answer, kept when this returns.
    ///
    /// # Errors
    /// As [`ModelProvider::chat`]; an answer that broke off is an error; [`jan_core::ErrorKind::Internal`] or
    /// [`jan_core::ErrorKind::Unavailable`] when it cannot be kept.
    pub async fn complete(self) -> Result<ChatAnswer> {
        Ok(self.complete_with_outcome().await?.0)
    }

    /// The same, with what was kept as the reply of an edit or another answer shows it.
    ///
    /// # Errors
    /// As [`Turn::complete`].
    pub async fn complete_with_outcome(self) -> Result<(ChatAnswer, JsonObject)> {
        let Self { provider, call, kept, .. } = self;
        let Some(kept) = kept else {
            return Ok(((*provider).chat(call).await?.into_answer().await?, JsonObject::new()));
        };
        let title = async { Ok(OptionFuture::from(kept.ask_for_title(&provider)).await.flatten()) };
        let answer = async { (*provider).chat(call).await?.into_answer().await };
        let (answer, title) = try_join(answer, title).await?;
        kept.finish_answer(answer, title).await
    }

    /// The answer chunk by chunk. When the stream ends, it is kept; one that breaks off is not. A chunk with usage and
    /// without choices is in it only if the request asks for it (`stream_options.include_usage`).
    ///
    /// # Errors
    /// As [`Turn::complete`] before the first chunk; later errors are the stream's last item.
    pub async fn stream(self) -> Result<ChatStream> {
        let mut chunks = (*self.provider).chat(self.call).await?.into_stream()?;
        if let Some(kept) = self.kept {
            let title = kept.ask_for_title(&self.provider);
            chunks = ChatStream::new(stream::KeptStream::new(chunks, kept, title));
        }
        Ok(shown_to_caller(chunks, self.shows_usage))
    }
}

/// The same stream, without what its caller did not ask for.
pub(crate) fn shown_to_caller(chunks: ChatStream, usage: bool) -> ChatStream {
    ChatStream::new(shown::Shown::new(chunks, usage))
}
