//! The conversation: all messages so far, and the next answer as it arrives.

use std::future::Future;
use std::io::Write;

use futures_util::StreamExt;
use jan_core::chat::Message;
use jan_core::{ChatRequest, Error, Principal, Result};
use jan_llm::Chat;

use super::screen::Screen;

/// How an answer ended without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Complete,
    /// Stopped by the user.
    Stopped,
}

pub(super) struct Conversation {
    chat: Chat,
    principal: Principal,
    model: String,
    system: Option<String>,
    messages: Vec<Message>,
}

impl Conversation {
    pub(super) fn new(chat: Chat, model: String, system: Option<String>) -> Self {
        Self { chat, principal: Principal::open("terminal"), model, system, messages: Vec::new() }
    }

    pub(super) fn model(&self) -> &str {
        &self.model
    }

    /// The names of all available models.
    pub(super) async fn models(&self) -> Result<Vec<String>> {
        Ok(self.chat.provider().models().await?.into_iter().map(|model| model.id).collect())
    }

    /// Continues with another model. A name that is not in the list is refused, unless the list is empty or cannot be
    /// read: some servers have models that they do not list.
    pub(super) async fn use_model(&mut self, name: &str) -> Result<()> {
        let listed = self.models().await.unwrap_or_default();
        if !listed.is_empty() && !listed.iter().any(|known| known == name) {
            let message = format!("There is no model `{name}`; there are: {}.", listed.join(", "));
            return Err(Error::not_found(message).with_code("model_not_found"));
        }
        name.clone_into(&mut self.model);
        Ok(())
    }

    pub(super) fn clear(&mut self) {
        self.messages.clear();
    }

    /// Sends a message and prints the answer as it arrives, until it ends or `stop` completes. The received part of a
    /// stopped answer stays in the conversation. If the answer fails, neither it nor the message stays.
    pub(super) async fn send(
        &mut self,
        text: &str,
        screen: &mut Screen<impl Write>,
        stop: impl Future<Output = ()>,
    ) -> Result<Outcome> {
        self.messages.push(Message::new("user", text));
        let mut answer = String::new();
        let answered = tokio::select! {
            answered = self.receive(screen, &mut answer) => answered.map(|()| Outcome::Complete),
            () = stop => Ok(Outcome::Stopped),
        };
        let ended = screen.end();
        if answered.is_err() || answer.is_empty() {
            self.messages.pop();
        } else {
            self.messages.push(Message::new("assistant", answer));
        }
        answered.and_then(|outcome| ended.map(|()| outcome))
    }

    /// Receives the answer, prints it and appends it to `answer`. Dropping the future stops the model.
    async fn receive(&self, screen: &mut Screen<impl Write>, answer: &mut String) -> Result<()> {
        let system = self.system.iter().map(|text| Message::new("system", text));
        let messages: Vec<_> = system.chain(self.messages.iter().cloned()).collect();
        let request = ChatRequest::new(&self.model).with("messages", &messages);
        let mut chunks = self.chat.stream(request, &self.principal).await?;
        while let Some(chunk) = chunks.next().await {
            let Some(choice) = chunk?.parse()?.choices.into_iter().next() else { continue };
            screen.reasoning(&choice.delta.reasoning_content.unwrap_or_default())?;
            let text = choice.delta.content.unwrap_or_default();
            answer.push_str(&text);
            screen.text(&text)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use futures_util::stream;
    use jan_core::chat::{ChunkBody, Delta};
    use jan_core::{ChatChunk, ChatReply, ChatStream, Model, ModelCall, ModelProvider};

    use super::*;

    /// Answers with the number of messages and the text of the first; `break` fails in the middle, `stay` never ends.
    struct CountingModel;

    #[async_trait]
    impl ModelProvider for CountingModel {
        async fn models(&self) -> Result<Vec<Model>> {
            Ok(vec![Model::new("one", "test"), Model::new("two", "test")])
        }

        async fn chat(&self, call: ModelCall) -> Result<ChatReply> {
            let request = call.request;
            let messages = request.messages()?;
            let text = format!("{} {}", messages.len(), messages[0].text());
            let chunk = |delta| ChatChunk::new(&ChunkBody::new("c", request.model(), 0).delta(delta));
            let mut items = vec![chunk(Delta::text(text))];
            let last = messages[messages.len() - 1].text();
            if last == "break" {
                items.push(Err(Error::upstream("It broke.")));
            }
            let ends = stream::iter(items);
            Ok(if last == "stay" {
                ChatStream::new(ends.chain(stream::pending())).into()
            } else {
                ChatStream::new(ends).into()
            })
        }
    }

    async fn send(conversation: &mut Conversation, text: &str) -> (Result<Outcome>, String) {
        let mut out = Vec::new();
        let stop = tokio::time::sleep(std::time::Duration::from_millis(200));
        let outcome = conversation.send(text, &mut Screen::new(&mut out, false), stop).await;
        (outcome, String::from_utf8(out).unwrap())
    }

    #[tokio::test]
    async fn the_conversation_keeps_messages_but_not_failed_ones() {
        let mut conversation =
            Conversation::new(Chat::new(CountingModel), "one".into(), Some("be brief".into()));
        assert_eq!(send(&mut conversation, "a").await.1, "2 be brief\n");
        assert_eq!(send(&mut conversation, "b").await.1, "4 be brief\n");
        assert!(send(&mut conversation, "break").await.0.is_err());
        let (stopped, printed) = send(&mut conversation, "stay").await;
        assert_eq!((stopped.unwrap(), printed.as_str()), (Outcome::Stopped, "6 be brief\n"));
        assert_eq!(send(&mut conversation, "c").await.1, "8 be brief\n");
        conversation.clear();
        assert_eq!(send(&mut conversation, "d").await.1, "2 be brief\n");
    }

    #[tokio::test]
    async fn only_a_listed_model_can_be_chosen() {
        let mut conversation = Conversation::new(Chat::new(CountingModel), "one".into(), None);
        assert!(
            conversation.use_model("three").await.is_err_and(|error| error.message().contains("one, two"))
        );
        conversation.use_model("two").await.unwrap();
        assert_eq!(conversation.model(), "two");
    }
}
