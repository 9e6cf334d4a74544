//! Text completions, OpenAI's older API: a prompt goes on as text, without messages and without a chat template. Editors
//! complete code by it.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::chat::{
    AnswerBody, ChatAnswer, ChatChunk, ChatStream, ChunkBody, Collector, Rest, check_parameter, flag,
    include_usage, whole,
};
use crate::json::JsonObject;
use crate::{Error, Result};

/// What a chunk and an answer say that they are.
const OBJECT: &str = "text_completion";

/// Makes text go on.
#[async_trait]
pub trait CompletionProvider: Send + Sync {
    /// Answers one request of OpenAI's completions API, in whichever form it has at hand.
    ///
    /// Promises: as [`crate::ModelProvider::chat`].
    ///
    /// # Errors
    /// As [`crate::ModelProvider::chat`].
    async fn complete(&self, request: CompletionRequest) -> Result<CompletionReply>;
}

/// The body of a completions request. Cloning shares its bytes.
#[derive(Debug, Clone)]
pub struct CompletionRequest {
    object: JsonObject,
    model: String,
    stream: bool,
}

/// What is to go on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Prompt {
    /// Text.
    Text(String),
    /// Tokens of the model that is asked.
    Tokens(Vec<u32>),
}

impl CompletionRequest {
    /// Lets `model` go on with `prompt`.
    pub fn new(model: impl Into<String>, prompt: impl Into<String>) -> Self {
        let request = Self { object: JsonObject::new(), model: String::new(), stream: false };
        request.to_model(model).with("prompt", &prompt.into())
    }

    /// Reads a body as it came over the wire.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] naming the field: `model` or `prompt` is missing, or a well-known parameter has the
    /// wrong type or range.
    pub fn parse(body: Bytes) -> Result<Self> {
        let object = JsonObject::parse(body)?;
        let model: String = object.required("model")?;
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
        let stream = object.get("stream")?.unwrap_or(false);
        let request = Self { object, model, stream };
        request.prompts()?;
        Ok(request)
    }

    /// The model asked for.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Whether the caller wants the answer as a stream.
    pub fn wants_stream(&self) -> bool {
        self.stream
    }

    /// Whether the caller asks for usage at the end of a stream (`stream_options.include_usage`).
    pub fn wants_usage(&self) -> bool {
        include_usage(&self.object)
    }

    /// The prompts, each of which gets as many choices as `n` says.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] when `prompt` is neither text nor tokens, nor an array of either.
    pub fn prompts(&self) -> Result<Vec<Prompt>> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Given {
            One(Prompt),
            Many(Vec<Prompt>),
        }
        match self.object.get("prompt") {
            Ok(Some(Given::One(Prompt::Tokens(tokens)))) if tokens.is_empty() => Err(no_prompt()),
            Ok(Some(Given::One(prompt))) => Ok(vec![prompt]),
            Ok(Some(Given::Many(prompts))) if !prompts.is_empty() => Ok(prompts),
            _ => Err(no_prompt()),
        }
    }

    /// A parameter read as `T`; `None` when absent or `null`.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] naming the parameter when it does not fit.
    pub fn get<'a, T: Deserialize<'a>>(&'a self, name: &str) -> Result<Option<T>> {
        self.object.get(name)
    }

    /// Names and raw values of the parameters.
    pub fn members(&self) -> impl Iterator<Item = (&str, &Bytes)> {
        self.object.members()
    }

    /// Sends the request to another model.
    #[must_use]
    pub fn to_model(mut self, model: impl Into<String>) -> Self {
        self.model = model.into();
        let model = self.model.clone();
        self.with("model", &model)
    }

    /// Asks for a stream, or for one whole answer.
    #[must_use]
    pub fn stream(mut self, stream: bool) -> Self {
        self.stream = stream;
        self.with("stream", &stream)
    }

    /// Sets any parameter. A value that cannot be written as JSON leaves the request as it was.
    #[must_use]
    pub fn with<T: Serialize + ?Sized>(mut self, name: &str, value: &T) -> Self {
        let _ = self.object.set(name, value);
        self
    }

    /// Takes a parameter out.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.object.remove(name);
        self
    }

    /// The body as JSON: the bytes it came in if nothing was changed.
    pub fn to_bytes(&self) -> Bytes {
        self.object.to_bytes()
    }
}

fn no_prompt() -> Error {
    Error::invalid("prompt", "`prompt` must be a text, an array of texts, or tokens of the model.")
}

/// How a text went on, in the form that the model had at hand. Answers and chunks are those of a chat but for their
/// choices: they hold `text` in place of a message.
pub enum CompletionReply {
    /// All of it.
    Answer(ChatAnswer),
    /// Piece by piece.
    Stream(ChatStream),
}

impl CompletionReply {
    /// The reply as one answer; a stream is read to its end.
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

    /// The reply as a stream; a whole answer becomes a chunk for each choice, and one with its usage.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Upstream`] when the answer is no completion.
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

/// A chunk of the completion `id` by `model`, adding nothing yet.
pub fn text_head(id: impl Into<String>, model: impl Into<String>, created: u64) -> ChunkBody {
    ChunkBody { object: OBJECT.into(), ..ChunkBody::new(id, model, created) }
}

/// A chunk that adds `text` to a choice, and says why it ended.
///
/// # Errors
/// When `head` or `more` hold something that is no JSON.
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

/// What was collected, as one answer.
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
            assert_eq!(error.get_param(), Some(param), "{body}");
        }
        for (prompt, count) in [(r#""""#, 1), (r#"["a","b"]"#, 2), ("[1,2]", 1), ("[[1],[2]]", 2)] {
            let body = format!(r#"{{"model":"m","prompt":{prompt}}}"#);
            let request = CompletionRequest::parse(body.clone().into()).unwrap();
            assert_eq!((request.prompts().unwrap().len(), request.to_bytes()), (count, body.into()));
        }
    }

    #[tokio::test]
    async fn whole_and_streamed_are_the_same() {
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
