//! The talk: everything said so far, and the next answer as it comes.

use std::future::Future;
use std::io::Write;

use futures_util::StreamExt;
use jan_core::chat::Message;
use jan_core::{ChatRequest, Error, Principal, Result};
use jan_llm::Chat;

use super::screen::Screen;

/// How an answer ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Whole,
    /// The person had heard enough.
    Stopped,
}

pub(super) struct Talk {
    chat: Chat,
    who: Principal,
    model: String,
    system: Option<String>,
    said: Vec<Message>,
}

impl Talk {
    pub(super) fn new(chat: Chat, model: String, system: Option<String>) -> Self {
        Self { chat, who: Principal::open("terminal"), model, system, said: Vec::new() }
    }

    pub(super) fn model(&self) -> &str {
        &self.model
    }

    /// The names of all models on offer.
    pub(super) async fn models(&self) -> Result<Vec<String>> {
        Ok(self.chat.provider().models().await?.into_iter().map(|model| model.id).collect())
    }

    /// Goes on with another model. One that is not on the list is tried all the same where the list cannot be had:
    /// some servers have models that they do not list.
    pub(super) async fn use_model(&mut self, name: &str) -> Result<()> {
        let listed = self.models().await.unwrap_or_default();
        if !listed.is_empty() && !listed.iter().any(|known| known == name) {
            let message = format!("There is no model `{name}`; there are: {}.", listed.join(", "));
            return Err(Error::not_found(message).with_code("model_not_found"));
        }
        name.clone_into(&mut self.model);
        Ok(())
    }

    pub(super) fn forget(&mut self) {
        self.said.clear();
    }

    /// Says something and shows the answer as it comes, until it ends or `stop` comes. What was heard of a stopped
    /// answer belongs to the talk; of a failed one, nothing does, and neither does the question.
    pub(super) async fn say(
        &mut self,
        text: &str,
        screen: &mut Screen<impl Write>,
        stop: impl Future<Output = ()>,
    ) -> Result<Outcome> {
        self.said.push(Message::new("user", text));
        let mut heard = String::new();
        let answered = tokio::select! {
            answered = self.hear(screen, &mut heard) => answered.map(|()| Outcome::Whole),
            () = stop => Ok(Outcome::Stopped),
        };
        let ended = screen.end();
        if answered.is_err() || heard.is_empty() {
            self.said.pop();
        } else {
            self.said.push(Message::new("assistant", heard));
        }
        answered.and_then(|outcome| ended.map(|()| outcome))
    }

    /// Dropping the future stops the model.
    async fn hear(&self, screen: &mut Screen<impl Write>, heard: &mut String) -> Result<()> {
        let system = self.system.iter().map(|text| Message::new("system", text));
        let messages: Vec<_> = system.chain(self.said.iter().cloned()).collect();
        let request = ChatRequest::new(&self.model).with("messages", &messages);
        let mut chunks = self.chat.stream(request, &self.who).await?;
        while let Some(chunk) = chunks.next().await {
            let Some(choice) = chunk?.parse()?.choices.into_iter().next() else { continue };
            screen.thought(&choice.delta.reasoning_content.unwrap_or_default())?;
            let text = choice.delta.content.unwrap_or_default();
            heard.push_str(&text);
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

    /// Answers with the number of messages and what the first one says; `break` breaks off, `stay` never ends.
    struct Counts;

    #[async_trait]
    impl ModelProvider for Counts {
        async fn models(&self) -> Result<Vec<Model>> {
            Ok(vec![Model::new("one", "test"), Model::new("two", "test")])
        }

        async fn chat(&self, call: ModelCall) -> Result<ChatReply> {
            let request = call.request;
            let messages = request.messages()?;
            let said = format!("{} {}", messages.len(), messages[0].text());
            let chunk = |delta| ChatChunk::new(&ChunkBody::new("c", request.model(), 0).delta(delta));
            let mut items = vec![chunk(Delta::text(said))];
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

    async fn ask(talk: &mut Talk, text: &str) -> (Result<Outcome>, String) {
        let mut out = Vec::new();
        let stop = tokio::time::sleep(std::time::Duration::from_millis(200));
        let outcome = talk.say(text, &mut Screen::new(&mut out, false), stop).await;
        (outcome, String::from_utf8(out).unwrap())
    }

    #[tokio::test]
    async fn the_talk_remembers_what_was_said_and_not_what_failed() {
        let mut talk = Talk::new(Chat::new(Counts), "one".into(), Some("be brief".into()));
        assert_eq!(ask(&mut talk, "a").await.1, "2 be brief\n");
        assert_eq!(ask(&mut talk, "b").await.1, "4 be brief\n");
        assert!(ask(&mut talk, "break").await.0.is_err());
        let (stopped, heard) = ask(&mut talk, "stay").await;
        assert_eq!((stopped.unwrap(), heard.as_str()), (Outcome::Stopped, "6 be brief\n"));
        assert_eq!(ask(&mut talk, "c").await.1, "8 be brief\n");
        talk.forget();
        assert_eq!(ask(&mut talk, "d").await.1, "2 be brief\n");
    }

    #[tokio::test]
    async fn only_a_model_that_is_there_can_be_chosen() {
        let mut talk = Talk::new(Chat::new(Counts), "one".into(), None);
        assert!(talk.use_model("three").await.is_err_and(|error| error.message().contains("one, two")));
        talk.use_model("two").await.unwrap();
        assert_eq!(talk.model(), "two");
    }
}
