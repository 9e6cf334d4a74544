//! Messages of a conversation, as a chat request lists them.

use serde::{Deserialize, Deserializer, Serialize};

use super::{Rest, lenient};

/// One message of a conversation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// The role: `system`, `developer`, `user`, `assistant` or `tool`.
    #[serde(default, deserialize_with = "lenient::name")]
    pub role: String,
    /// The content; absent in an assistant message that only calls tools.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
    /// The tool calls of an assistant message.
    #[serde(default, deserialize_with = "lenient::some_list", skip_serializing_if = "Option::is_none")]
    pub tool_calls: Option<Vec<ToolCall>>,
    /// In a tool message: the id of the call whose result it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<String>,
    /// All other members (`name`, `reasoning_content`, `refusal`, …).
    #[serde(flatten)]
    pub rest: Rest,
}

impl Message {
    /// A message of plain text.
    pub fn new(role: impl Into<String>, text: impl Into<String>) -> Self {
        Self { role: role.into(), content: Some(Content::Text(text.into())), ..Self::default() }
    }

    /// The message's text: the string itself, or its text parts joined.
    pub fn text(&self) -> String {
        match &self.content {
            None => String::new(),
            Some(Content::Text(text)) => text.clone(),
            Some(Content::Parts(parts)) => parts.iter().filter_map(|part| part.text.as_deref()).collect(),
        }
    }
}

/// The content of a message: a string, or a list of parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Content {
    /// Plain text.
    Text(String),
    /// A list of texts, images, files and audio.
    Parts(Vec<Part>),
}

/// One part of a message's content.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// The type: `text`, `image_url`, `input_audio`, `file`, `refusal`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// The text of a `text` part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// All other members, for example `image_url`.
    #[serde(flatten)]
    pub rest: Rest,
}

/// A tool call in an assistant message.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The id that the tool's result refers to.
    #[serde(default, deserialize_with = "lenient::name")]
    pub id: String,
    /// The type: `function`, or `custom` (whose name and input are in `rest`, under `custom`).
    #[serde(rename = "type", default = "function", deserialize_with = "kind")]
    pub kind: String,
    /// The name and arguments of the called function.
    #[serde(
        default,
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "FunctionCall::is_absent"
    )]
    pub function: FunctionCall,
    /// All other members.
    #[serde(flatten)]
    pub rest: Rest,
}

fn function() -> String {
    "function".into()
}

fn kind<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(lenient::some_name(deserializer)?.unwrap_or_else(function))
}

/// The name and arguments of a call.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FunctionCall {
    /// The tool's name.
    #[serde(default, deserialize_with = "lenient::name")]
    pub name: String,
    /// The arguments as JSON text, as the model wrote it.
    #[serde(default, deserialize_with = "lenient::arguments")]
    pub arguments: String,
    /// All other members.
    #[serde(flatten)]
    pub rest: Rest,
}

impl FunctionCall {
    /// A call of `name` with these arguments.
    pub fn new(name: impl Into<String>, arguments: impl Into<String>) -> Self {
        Self { name: name.into(), arguments: arguments.into(), rest: Rest::new() }
    }

    /// Whether there is no function, because the call is of another kind than `function`.
    pub fn is_absent(&self) -> bool {
        self.name.is_empty() && self.arguments.is_empty() && self.rest.is_empty()
    }
}
