//! The chat service: what happens to every chat, streamed or not, before and after the model.

use std::sync::Arc;

use jan_core::conversation::{Fork, ForkPoint, Item};
use jan_core::media::MediaResolver;
use jan_core::{ChatAnswer, ChatRequest, ChatStream, Error, JsonObject, ModelProvider, Principal, Result};
use serde_json::{Map, Value};

use crate::conversations::item_shape;
use crate::media::resolved;
use crate::turn::{Account, Again, Keeper, Kept, Manner, Turn, Wishes, tell_branch};
use crate::usage::Meter;

/// Answers chats through a [`ModelProvider`]. Cheap to clone.
#[derive(Clone)]
pub struct Chat {
    provider: Arc<dyn ModelProvider>,
    keeper: Option<Arc<Keeper>>,
    meter: Option<Meter>,
    media: Option<Arc<dyn MediaResolver>>,
}

impl Chat {
    /// A chat service over `provider`.
    pub fn new(provider: impl ModelProvider) -> Self {
        Self::over(Arc::new(provider))
    }

    /// A chat service over a provider that others hold too.
    pub fn over(provider: Arc<dyn ModelProvider>) -> Self {
        Self { provider, keeper: None, meter: None, media: None }
    }

    /// Keeps chats that ask for it (`conversation`, `store`).
    #[must_use]
    pub fn keeping(mut self, keeper: Keeper) -> Self {
        self.keeper = Some(Arc::new(keeper));
        self
    }

    /// Counts the tokens that answers cost, whether their callers want to see it or not.
    #[must_use]
    pub fn counting(mut self, meter: Meter) -> Self {
        self.meter = Some(meter);
        self
    }

    /// Shows models the pictures and files that chats name by their `jan_` ids. What is kept of a chat keeps the ids.
    #[must_use]
    pub fn showing(mut self, media: Arc<dyn MediaResolver>) -> Self {
        self.media = Some(media);
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
        self.turn(request, who, &Manner::default()).await?.complete().await
    }

    /// Answers `who` chunk by chunk; the last chunk carries usage if the request asks for it
    /// (`stream_options.include_usage`). Dropping the stream stops the model.
    ///
    /// # Errors
    /// As [`ModelProvider::chat`] before the first chunk; later errors are the stream's last item.
    pub async fn stream(&self, request: ChatRequest, who: &Principal) -> Result<ChatStream> {
        let request = if request.wants_stream() { request } else { request.stream(true) };
        self.turn(request, who, &Manner::default()).await?.stream().await
    }

    /// Makes a chat ready to be asked: finds its conversation, puts what was said and what the model is to know before
    /// it. A chat that is not to be kept stays as it is.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::Invalid`] naming the member, or the media that is not `who`'s;
    /// [`jan_core::ErrorKind::NotFound`] for a conversation that is not `who`'s.
    pub async fn turn(&self, request: ChatRequest, who: &Principal, manner: &Manner<'_>) -> Result<Turn> {
        let Some(wishes) = Wishes::of(&request, manner)? else {
            return self.ready(request, None, who).await;
        };
        let keeper = self.keeper()?;
        let (request, kept) = keeper.prepare(&*self.provider, request, &who.user, wishes, manner).await?;
        self.ready(request, Some(kept), who).await
    }

    /// Another answer to the user's message that `item` is or answers, on a branch that takes the active one's place. The
    /// branch ends with that message, and whoever asked chats on from there; where the body says `stream` or `answer`, it is
    /// answered here, with the other members as parameters of the chat (`model`, `temperature`, …).
    ///
    /// # Errors
    /// As [`Chat::turn`]; [`jan_core::ErrorKind::Invalid`] when no user's message stands before the item.
    pub async fn regenerate(
        &self,
        who: &Principal,
        id: &str,
        item: &str,
        body: &JsonObject,
    ) -> Result<Regenerated> {
        let keeper = self.keeper()?;
        let answers = match body.get("answer")? {
            Some(answers) => answers,
            None => body.get("stream")?.unwrap_or(false),
        };
        let conversation = keeper.conversations.get(&who.user, id).await?;
        let (mut before, question, model) = keeper.question(&who.user, id, item).await?;
        let point = ForkPoint::After(question.id.clone());
        let fork = keeper.conversations.take_over(point, "Kept when another answer was asked for.");
        if !answers {
            let naming = fork.naming.clone();
            let (branch, _) = keeper.conversations.store().branches.fork(&who.user, id, fork).await?;
            let mut told = JsonObject::new();
            tell_branch(&mut told, &branch, &naming)?;
            told.set("user_item_id", &question.id)?;
            return Ok(Regenerated::Branched(told));
        }
        before.push(question.clone());
        let again = Again { before, fresh: Vec::new(), fork, model };
        let (request, kept) =
            keeper.prepare_again(&*self.provider, body, &who.user, conversation, again).await?;
        Ok(Regenerated::Answered(Box::new(self.ready(request, Some(kept), who).await?), question))
    }

    /// The user's message `item` with other `content`, on a branch that takes the active one's place; answered at once
    /// when the body says `regenerate`, with its other members as parameters of the chat.
    ///
    /// # Errors
    /// As [`Chat::regenerate`]; [`jan_core::ErrorKind::Invalid`] when the item is no user's message.
    pub async fn edit(&self, who: &Principal, id: &str, item: &str, body: &JsonObject) -> Result<Edit> {
        let keeper = self.keeper()?;
        let (new, fork) = keeper.conversations.edited(&who.user, id, item, body).await?;
        if body.get("regenerate")?.unwrap_or(false) {
            let conversation = keeper.conversations.get(&who.user, id).await?;
            let (before, _, model) = keeper.question(&who.user, id, item).await?;
            let again = Again { before, fresh: vec![new], fork, model };
            let (request, kept) =
                keeper.prepare_again(&*self.provider, body, &who.user, conversation, again).await?;
            return Ok(Edit::Answered(self.ready(request, Some(kept), who).await?));
        }
        let naming = fork.naming.clone();
        let fork = Fork { items: vec![new], ..fork };
        let (branch, items) = keeper.conversations.store().branches.fork(&who.user, id, fork).await?;
        let mut told = JsonObject::new();
        tell_branch(&mut told, &branch, &naming)?;
        for item in &items {
            told.set("user_item", &item_shape(item)?)?;
        }
        Ok(Edit::Kept(told))
    }

    fn keeper(&self) -> Result<&Keeper> {
        self.keeper.as_deref().ok_or_else(|| {
            Error::invalid("conversation", "Nothing is kept here: this chat service has no store.")
                .code("no_store")
        })
    }

    /// On whose account an answer of `model` is, if answers are counted.
    pub(crate) fn account(&self, model: &str, who: &Principal, project: Option<String>) -> Option<Account> {
        let meter = self.meter.clone()?;
        Some(Account {
            meter,
            owner: who.user.clone(),
            model: model.to_owned(),
            project,
            told: Arc::default(),
        })
    }

    async fn ready(&self, request: ChatRequest, kept: Option<Kept>, who: &Principal) -> Result<Turn> {
        let request = match &self.media {
            Some(media) => {
                let old = kept.as_ref().map(|kept| &kept.old_media);
                resolved(request, &who.user, &**media, &*self.provider, old).await?
            }
            None => request,
        };
        let shows_usage = request.wants_usage();
        let counts = request.wants_stream() && (self.meter.is_some() || kept.is_some());
        let request = if counts { ask_for_usage(request)? } else { request };
        let project = kept.as_ref().and_then(Kept::project_id).map(str::to_owned);
        let account = self.account(request.model(), who, project);
        Ok(Turn { provider: self.provider.clone(), request, kept: kept.map(Box::new), account, shows_usage })
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
    Kept(JsonObject),
    /// It is kept together with the answer of this turn.
    Answered(Turn),
}

/// Usage is always measured: the model is asked to report it, whether the caller wants to see it or not.
fn ask_for_usage(request: ChatRequest) -> Result<ChatRequest> {
    if request.wants_usage() {
        return Ok(request);
    }
    let options = with_usage(request.get("stream_options")?);
    Ok(request.with("stream_options", &options))
}

/// The options of a stream, with usage at its end.
pub(crate) fn with_usage(options: Option<Map<String, Value>>) -> Map<String, Value> {
    let mut options = options.unwrap_or_default();
    options.insert("include_usage".into(), true.into());
    options
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

    #[test]
    fn usage_is_asked_for_without_losing_other_options() {
        let request = ChatRequest::new("m")
            .user("x")
            .with("stream_options", &serde_json::json!({"include_obfuscation": false}));
        let asked: Map<String, Value> =
            ask_for_usage(request).unwrap().get("stream_options").unwrap().unwrap();
        assert_eq!(asked.len(), 2);
        assert_eq!(asked["include_usage"], true);
    }
}
