//! Text completions, OpenAI's older API: the model continues a prompt as plain text, without messages and without a
//! chat template. Code editors use it to complete code.

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::call::ModelCall;
use crate::chat::{
    AnswerBody, ChatAnswer, ChatChunk, ChatStream, ChunkBody, Collector, Rest, check_parameter, flag, whole,
};
use crate::json::JsonObject;
use crate::request::{ModelRequest, RequestKind};
use crate::{Error, Result};

#[cfg(feature = "openapi")]
mod schema;

/// The value of `object` in chunks and answers.
const OBJECT: &str = "text_completion";

/// Continues text.
#[async_trait]
pub trait CompletionProvider: Send + Sync {
    /// Answers one request to OpenAI's completions API, as a stream or as a whole answer.
    ///
    /// Promises: as [`crate::ModelProvider::chat`].
    ///
    /// # Errors
    /// As [`crate::ModelProvider::chat`].
    async fn complete(&self, call: ModelCall<CompletionRequest>) -> Result<CompletionReply>;
}

/// The body of a completions request. Clones share its bytes.
pub type CompletionRequest = ModelRequest<CompletionKind>;

/// The marker type of [`CompletionRequest`].
#[derive(Debug, Clone, Copy)]
pub enum CompletionKind {}

/// The text or tokens to be continued.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Prompt {
    /// A text.
    Text(String),
    /// Token ids of the model that is called.
    Tokens(Vec<u32>),
}

impl RequestKind for CompletionKind {
    const STREAMS: bool = true;

    /// Requires a model and a valid `prompt`, and checks well-known parameters.
    fn check(object: &JsonObject, model: &str) -> Result<()> {
        if model.is_empty() {
            return Err(Error::invalid("model", "`model` must not be empty."));
        }
        object.raw("prompt").ok_or_else(|| Error::missing("prompt"))?;
        for (key, raw) in object.members().filter(|(_, raw)| raw.as_ref() != b"null") {
            match key {
                "logprobs" => whole(key, raw, 0, 20)?,
                "best_of" => whole(key, raw, 1, 128)?,
                "max_tokens" => whole(key, raw, 0, i64::from(u32::MAX))?,
                "echo" => flag(key, raw)?,
                "suffix" => object.get::<String>(key).map(drop)?,
                _ => check_parameter(key, raw)?,
            }
        }
        prompts_of(object.get("prompt")).map(drop)
    }
}

impl CompletionRequest {
    /// A request that `model` continues `prompt`.
    pub fn new(model: impl Into<String>, prompt: impl Into<String>) -> Self {
        Self::empty(model).with("prompt", &prompt.into())
    }

    /// The prompts. The answer has `n` choices for each of them.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] when `prompt` is neither text nor tokens, nor an array of either.
    pub fn prompts(&self) -> Result<Vec<Prompt>> {
        prompts_of(self.get("prompt"))
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum PromptParameter {
    One(Prompt),
    Many(Vec<Prompt>),
}

fn prompts_of(given: Result<Option<PromptParameter>>) -> Result<Vec<Prompt>> {
    match given {
        Ok(Some(PromptParameter::One(Prompt::Tokens(tokens)))) if tokens.is_empty() => Err(no_prompt()),
        Ok(Some(PromptParameter::One(prompt))) => Ok(vec![prompt]),
        Ok(Some(PromptParameter::Many(prompts))) if !prompts.is_empty() => Ok(prompts),
        _ => Err(no_prompt()),
    }
}

fn no_prompt() -> Error {
    Error::invalid("prompt", "`prompt` must be a text, an array of texts, or tokens of the model.")
}

/// The reply to a completions request, as a whole answer or a stream. Answers and chunks have the types of a chat, but
/// their choices hold `text` in place of a message.
pub enum CompletionReply {
    /// The whole answer.
    Answer(ChatAnswer),
    /// The answer chunk by chunk.
    Stream(ChatStream),
}

impl CompletionReply {
    /// The reply as one answer. A stream is read to its end.
    ///
    /// # Errors
    /// As [`ChatStream::collect_answer`].
    pub async fn into_answer(self) -> Result<ChatAnswer> {
        let mut stream = match self {
            Self::Answer(answer) => return Ok(answer),
            Self::Stream(stream) => stream,
        };
        let mut collector = Collector::default();
        while let Some(chunk) = stream.next().await {
            collector.push(chunk?.parse()?)?;
        }
        whole_of(collector.finish()?)
    }

    /// The reply as a stream. A whole answer becomes one chunk for each choice, and one with the usage if there is
    /// any.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Upstream`] when the answer is not a completion.
    pub fn into_stream(self) -> Result<ChatStream> {
        let answer = match self {
            Self::Stream(stream) => return Ok(stream),
            Self::Answer(answer) => answer.parse()?,
        };
        let head = ChunkBody { rest: answer.rest, ..text_head(answer.id, answer.model, answer.created) };
        let mut chunks = Vec::new();
        for choice in answer.choices {
            let text = choice.rest.get("text").and_then(Value::as_str).unwrap_or_default().to_owned();
            chunks.push(text_chunk(
                &head,
                choice.index,
                &text,
                choice.finish_reason.as_deref(),
                choice.rest,
            )?);
        }
        if let Some(usage) = answer.usage {
            chunks.push(ChatChunk::new(&head.usage(usage))?);
        }
        Ok(ChatStream::new(stream::iter(chunks.into_iter().map(Ok))))
    }
}

/// A chunk of the completion `id` by `model`, without any choice yet.
pub fn text_head(id: impl Into<String>, model: impl Into<String>, created: u64) -> ChunkBody {
    ChunkBody { object: OBJECT.into(), ..ChunkBody::new(id, model, created) }
}

/// A chunk that adds `text` to a choice, and states why the choice ended if it did.
///
/// # Errors
/// When `head` or `more` cannot be written as JSON.
pub fn text_chunk(
    head: &ChunkBody,
    index: u32,
    text: &str,
    finish_reason: Option<&str>,
    more: Rest,
) -> Result<ChatChunk> {
    let mut choice = json!({"index": index, "logprobs": null});
    let mut chunk = serde_json::to_value(head).map_err(Error::internal)?;
    if let (Some(choice), Some(chunk)) = (choice.as_object_mut(), chunk.as_object_mut()) {
        choice.extend(more);
        choice.insert("text".into(), text.into());
        choice.insert("finish_reason".into(), finish_reason.into());
        chunk.insert("choices".into(), json!([choice]));
    }
    ChatChunk::from_wire(chunk.to_string().into())
}

/// The collected chunks as one answer.
fn whole_of(body: AnswerBody) -> Result<ChatAnswer> {
    let choice = |choice: crate::chat::Choice| {
        let mut members = json!({"text": "", "index": choice.index, "logprobs": null, "finish_reason": choice.finish_reason});
        if let Some(members) = members.as_object_mut() {
            members.extend(choice.rest);
        }
        members
    };
    let choices: Vec<Value> = body.choices.into_iter().map(choice).collect();
    let mut whole = json!({
        "id": body.id, "object": OBJECT, "created": body.created, "model": body.model, "choices": choices,
    });
    if let Some(members) = whole.as_object_mut() {
        members.extend(body.usage.map(|usage| ("usage".to_owned(), json!(usage))));
        members.extend(body.rest);
    }
    ChatAnswer::completion_from_wire(whole.to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_at_fault_is_named() {
        for (body, param) in [
            (r#"{"prompt":"a"}"#, "model"),
            (r#"{"model":"m"}"#, "prompt"),
            (r#"{"model":"m","prompt":[]}"#, "prompt"),
            (r#"{"model":"m","prompt":7}"#, "prompt"),
            (r#"{"model":"m","prompt":["a",{}]}"#, "prompt"),
            (r#"{"model":"m","prompt":"a","max_tokens":-1}"#, "max_tokens"),
            (r#"{"model":"m","prompt":"a","logprobs":true}"#, "logprobs"),
            (r#"{"model":"m","prompt":"a","echo":1}"#, "echo"),
            (r#"{"model":"m","prompt":"a","suffix":1}"#, "suffix"),
            (r#"{"model":"m","prompt":"a","temperature":3}"#, "temperature"),
        ] {
            let error = CompletionRequest::parse(body.into()).unwrap_err();
            assert_eq!(error.param(), Some(param), "{body}");
        }
        for (prompt, count) in [(r#""""#, 1), (r#"["a","b"]"#, 2), ("[1,2]", 1), ("[[1],[2]]", 2)] {
            let body = format!(r#"{{"model":"m","prompt":{prompt}}}"#);
            let request = CompletionRequest::parse(body.clone().into()).unwrap();
            assert_eq!((request.prompts().unwrap().len(), request.to_bytes()), (count, body.into()));
        }
    }

    #[tokio::test]
    async fn a_streamed_answer_collects_to_the_whole_answer() {
        let whole = r#"{"id":"c","object":"text_completion","created":1,"model":"m","choices":[
            {"text":" world","index":0,"logprobs":{"tokens":[" world"]},"finish_reason":"stop"},
            {"text":"!","index":1,"logprobs":null,"finish_reason":"length"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}"#;
        let answer = || CompletionReply::Answer(ChatAnswer::completion_from_wire(whole.into()).unwrap());
        let stream = answer().into_stream().unwrap();
        let again = CompletionReply::Stream(stream).into_answer().await.unwrap();
        let read = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
        assert_eq!(read(&again.to_bytes()), read(whole.as_bytes()));
        assert!(ChatAnswer::from_wire(whole.into()).is_err(), "it is no answer to a chat");
    }
}
