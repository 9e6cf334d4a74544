//! Messages of a conversation, as a chat request lists them.

use serde::{Deserialize, Deserializer, Serialize};

use super::{Rest, lenient};

/// One message: who speaks, and what.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// `system`, `developer`, `user`, `assistant` or `tool`.
    #[serde(default, deserialize_with = "lenient::name")]
    pub role: String,
    /// What is said; absent in an assistant message that only calls tools.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
    /// The tools that an assistant message calls.
    #[serde(default, deserialize_with = "lenient::some_list", skip_serializing_if = "Option::is_none")]
    pub tool_calls: Option<Vec<ToolCall>>,
    /// In a tool message: the call that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<String>,
    /// Everything else (`name`, `reasoning_content`, `refusal`, …).
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

/// What a message says: a string, or parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Content {
    /// Plain text.
    Text(String),
    /// Text, pictures, files, audio.
    Parts(Vec<Part>),
}

/// One part of a message's content.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// `text`, `image_url`, `input_audio`, `file`, `refusal`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// The text of a `text` part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Everything else, for example `image_url`.
    #[serde(flatten)]
    pub rest: Rest,
}

/// A call of a tool, as an assistant message holds it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The id that the tool's answer refers to.
    #[serde(default, deserialize_with = "lenient::name")]
    pub id: String,
    /// `function`, or `custom` (whose name and input are in `rest`, under `custom`).
    #[serde(rename = "type", default = "function", deserialize_with = "kind")]
    pub kind: String,
    /// What is called.
    #[serde(
        default,
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "FunctionCall::is_absent"
    )]
    pub function: FunctionCall,
    /// Everything else.
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
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

impl FunctionCall {
    /// A call of `name` with these arguments.
    pub fn new(name: impl Into<String>, arguments: impl Into<String>) -> Self {
        Self { name: name.into(), arguments: arguments.into(), rest: Rest::new() }
    }

    /// Nothing is called: the call is of another kind than `function`.
    pub fn is_absent(&self) -> bool {
        self.name.is_empty() && self.arguments.is_empty() && self.rest.is_empty()
    }
}
