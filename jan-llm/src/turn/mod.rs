//! One turn of a conversation: what was said goes in before the request, the request is answered, and the whole turn is
//! kept in one piece: the caller's new messages, the answer's text, reasoning if it is asked for, tool calls, usage. A
//! turn that fails or breaks off leaves the conversation as it was.

mod keep;
mod keeper;
mod metered;
mod plan;
mod prepare;
mod shown;
mod stream;

use std::sync::{Arc, OnceLock};

use futures_util::future::{OptionFuture, try_join};
use jan_core::chat::Usage;
use jan_core::{ChatAnswer, ChatRequest, ChatStream, JsonObject, ModelProvider, Result};

pub(crate) use keep::{Kept, tell_branch};
pub use keeper::{Keeper, TitleSettings};
pub(crate) use metered::Account;
pub(crate) use prepare::{Again, Wishes};

/// How a chat is asked for, beside its body.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manner<'a> {
    /// Which app or page the chat comes from. A chat that says so is kept in a conversation.
    pub referrer: Option<&'a str>,
    /// Who the model should be; prompt templates may use it.
    pub persona: Option<&'a str>,
}

/// A chat that is ready to be asked. Dropping it, or what it returns, stops the model and keeps nothing.
#[must_use = "a turn does nothing until it is completed or streamed"]
pub struct Turn {
    pub(crate) provider: Arc<dyn ModelProvider>,
    pub(crate) request: ChatRequest,
    pub(crate) kept: Option<Box<Kept>>,
    /// On whose account it is; nobody's when nothing is counted.
    pub(crate) account: Option<Account>,
    /// Whether the caller of a stream asked for usage.
    pub(crate) shows_usage: bool,
}

impl Turn {
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
        self.request.model()
    }

    /// Where the used tokens stand once the model has told them; nowhere, when nothing is counted.
    pub fn usage(&self) -> Option<Arc<OnceLock<Usage>>> {
        self.account.as_ref().map(|account| account.told.clone())
    }

    /// Whether the answer is wanted as a stream.
    pub fn wants_stream(&self) -> bool {
        self.request.wants_stream()
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
        let Self { provider, request, kept, account, .. } = self;
        let count = |answer: ChatAnswer| {
            if let Some(account) = &account {
                account.count_answer(&answer);
            }
            answer
        };
        let Some(kept) = kept else {
            return Ok((count((*provider).chat(request).await?.into_answer().await?), JsonObject::new()));
        };
        let title = async { Ok(OptionFuture::from(kept.ask_for_title(&provider)).await.flatten()) };
        let answer = async { (*provider).chat(request).await?.into_answer().await };
        let (answer, title) = try_join(answer, title).await?;
        kept.finish_answer(count(answer), title).await
    }

    /// The answer chunk by chunk. When the stream ends, it is kept; one that breaks off is not. A chunk with usage and
    /// without choices is in it only if the request asks for it (`stream_options.include_usage`).
    ///
    /// # Errors
    /// As [`Turn::complete`] before the first chunk; later errors are the stream's last item.
    pub async fn stream(self) -> Result<ChatStream> {
        let mut chunks = (*self.provider).chat(self.request).await?.into_stream()?;
        if let Some(account) = self.account {
            chunks = counted(chunks, account);
        }
        if let Some(kept) = self.kept {
            let title = kept.ask_for_title(&self.provider);
            chunks = ChatStream::new(stream::KeptStream::new(chunks, kept, title));
        }
        Ok(shown_to_caller(chunks, self.shows_usage))
    }
}

/// The same stream, counted.
pub(crate) fn counted(chunks: ChatStream, account: Account) -> ChatStream {
    ChatStream::new(metered::Metered::new(chunks, account))
}

/// The same stream, without what its caller did not ask for.
pub(crate) fn shown_to_caller(chunks: ChatStream, usage: bool) -> ChatStream {
    ChatStream::new(shown::Shown::new(chunks, usage))
}
