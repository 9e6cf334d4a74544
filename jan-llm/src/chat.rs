//! The chat service: what happens to every chat, streamed or not, before and after the model.

use std::sync::Arc;

use jan_core::conversation::{Fork, ForkPoint, Item};
use jan_core::{
    Caller, ChatAnswer, ChatRequest, ChatStream, Error, JsonObject, ModelCall, ModelProvider, Principal,
    Result,
};

use crate::conversations::item_shape;
use crate::turn::{Again, Keeper, StoreOptions, Turn, TurnOptions, tell_branch};

/// Answers chats through a [`ModelProvider`]: finds what was said before, and keeps what is said now. What else happens to
/// every call (counting, media, trimming) is done by the provider's layers ([`crate::layers`]). Cheap to clone.
#[derive(Clone)]
pub struct Chat {
    provider: Arc<dyn ModelProvider>,
    keeper: Option<Arc<Keeper>>,
}

impl Chat {
    /// A chat service over `provider`.
    pub fn new(provider: impl ModelProvider) -> Self {
        Self::over(Arc::new(provider))
    }

    /// A chat service over a provider that others hold too.
    pub fn over(provider: Arc<dyn ModelProvider>) -> Self {
        Self { provider, keeper: None }
    }

    /// Keeps chats that ask for it (`conversation`, `store`). A provider with the layer [`crate::layers::Trimmed`] lets their
    /// conversations outgrow the model's context.
    #[must_use]
    pub fn keeper(mut self, keeper: Keeper) -> Self {
        self.keeper = Some(Arc::new(keeper));
        self
    }

    /// The provider behind the service.
    pub fn provider(&self) -> &Arc<dyn ModelProvider> {
        &self.provider
    }

    /// Answers `who` with one whole answer. Dropping the future stops the model.
    ///
    /// # Errors
    /// As [`ModelProvider::chat`]; an answer that broke off is an error.
    pub async fn complete(&self, request: ChatRequest, who: &Principal) -> Result<ChatAnswer> {
        let request =
            if request.wants_stream() { request.stream(false).without("stream_options") } else { request };
        self.turn(ModelCall::new(request, who), &TurnOptions::default()).await?.complete().await
    }

    /// Answers `who` chunk by chunk; the last chunk carries usage if the request asks for it
    /// (`stream_options.include_usage`). Dropping the stream stops the model.
    ///
    /// # Errors
    /// As [`ModelProvider::chat`] before the first chunk; later errors are the stream's last item.
    pub async fn stream(&self, request: ChatRequest, who: &Principal) -> Result<ChatStream> {
        let request = if request.wants_stream() { request } else { request.stream(true) };
        self.turn(ModelCall::new(request, who), &TurnOptions::default()).await?.stream().await
    }

    /// Makes a chat ready to be asked: finds its conversation, puts what was said and what the model is to know before
    /// it. A chat that is not to be kept stays as it is.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::Invalid`] naming the member; [`jan_core::ErrorKind::NotFound`] for a conversation that is not
    /// the caller's.
    pub async fn turn(&self, call: ModelCall, options: &TurnOptions<'_>) -> Result<Turn> {
        match StoreOptions::of(&call.request, options)? {
            None => Ok(Turn::new(self.provider.clone(), call, None)),
            Some(store) => {
                let (call, kept) = self.known_keeper()?.prepare(call, store, options).await?;
                Ok(Turn::new(self.provider.clone(), call, Some(kept)))
            }
        }
    }

    /// Another answer to the user's message that `item` is or answers, on a branch that takes the active one's place. The
    /// branch ends with that message, and whoever asked chats on from there; where the body says `stream` or `answer`, it is
    /// answered here, with the other members as parameters of the chat (`model`, `temperature`, …).
    ///
    /// # Errors
    /// As [`Chat::turn`]; [`jan_core::ErrorKind::Invalid`] when no user's message stands before the item.
    pub async fn regenerate(
        &self,
        caller: impl Into<Caller>,
        id: &str,
        item: &str,
        body: &JsonObject,
    ) -> Result<Regenerated> {
        let (keeper, caller) = (self.known_keeper()?, caller.into());
        let owner = caller.owner().clone();
        let answers = match body.get("answer")? {
            Some(answers) => answers,
            None => body.get("stream")?.unwrap_or(false),
        };
        let conversation = keeper.conversations.get(&owner, id).await?;
        let (mut before, question, model) = keeper.question(&owner, id, item).await?;
        let point = ForkPoint::After(question.id.clone());
        let fork = keeper.conversations.take_over(point, "Kept when another answer was asked for.");
        if !answers {
            let naming = fork.naming.clone();
            let (branch, _) = keeper.conversations.store().branches.fork(&owner, id, fork).await?;
            let mut told = JsonObject::new();
            tell_branch(&mut told, &branch, &naming)?;
            told.set("user_item_id", &question.id)?;
            return Ok(Regenerated::Branched(told));
        }
        before.push(question.clone());
        let again = Again { before, fresh: Vec::new(), fork, model };
        let (call, kept) = keeper.prepare_again(caller, body, conversation, again).await?;
        let turn = Turn::new(self.provider.clone(), call, Some(kept));
        Ok(Regenerated::Answered(Box::new(turn), question))
    }

    /// The user's message `item` with other `content`, on a branch that takes the active one's place; answered at once
    /// when the body says `regenerate`, with its other members as parameters of the chat.
    ///
    /// # Errors
    /// As [`Chat::regenerate`]; [`jan_core::ErrorKind::Invalid`] when the item is no user's message.
    pub async fn edit(
        &self,
        caller: impl Into<Caller>,
        id: &str,
        item: &str,
        body: &JsonObject,
    ) -> Result<Edit> {
        let (keeper, caller) = (self.known_keeper()?, caller.into());
        let owner = caller.owner().clone();
        let (new, fork) = keeper.conversations.edited(&owner, id, item, body).await?;
        if body.get("regenerate")?.unwrap_or(false) {
            let conversation = keeper.conversations.get(&owner, id).await?;
            let (before, _, model) = keeper.question(&owner, id, item).await?;
            let again = Again { before, fresh: vec![new], fork, model };
            let (call, kept) = keeper.prepare_again(caller, body, conversation, again).await?;
            return Ok(Edit::Answered(Turn::new(self.provider.clone(), call, Some(kept))));
        }
        let naming = fork.naming.clone();
        let fork = Fork { items: vec![new], ..fork };
        let (branch, items) = keeper.conversations.store().branches.fork(&owner, id, fork).await?;
        let mut told = JsonObject::new();
        tell_branch(&mut told, &branch, &naming)?;
        for item in &items {
            told.set("user_item", &item_shape(item)?)?;
        }
        Ok(Edit::Saved(told))
    }

    fn known_keeper(&self) -> Result<&Keeper> {
        self.keeper.as_deref().ok_or_else(|| {
            Error::invalid("conversation", "Nothing is kept here: this chat service has no store.")
                .with_code("no_store")
        })
    }
}

/// What became of a message that is to be answered again.
pub enum Regenerated {
    /// The branch ends with it now; this is what its caller is told.
    Branched(JsonObject),
    /// It is answered by this turn.
    Answered(Box<Turn>, Item),
}

/// What became of an edit.
pub enum Edit {
    /// It is kept; this is what its caller is told.
    Saved(JsonObject),
    /// It is kept together with the answer of this turn.
    Answered(Turn),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Echo;
    use futures_util::TryStreamExt;

    #[tokio::test]
    async fn streamed_and_whole_answers_say_the_same() {
        let (chat, me) = (Chat::new(Echo::default()), Principal::open("me"));
        let request = ChatRequest::new("echo")
            .user("one two three")
            .with("stream_options", &serde_json::json!({"include_usage": true}));
        let whole = chat.complete(request.clone(), &me).await.unwrap().parse().unwrap();
        let stream = chat.stream(request, &me).await.unwrap();
        let chunks: Vec<_> = stream.try_collect().await.unwrap();
        let text: String = chunks.iter().map(|chunk| chunk.text()).collect();
        assert_eq!(whole.choices[0].message.text(), text);
        assert!(chunks.len() > 3);
        assert_eq!(chunks.last().unwrap().parse().unwrap().usage, whole.usage);
    }
}
