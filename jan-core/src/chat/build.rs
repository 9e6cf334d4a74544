//! Builder methods of a chat request: messages, and the parameters that most programs set, under OpenAI's names. Other
//! parameters are set by name ([`ChatRequest::with`]).

use serde::Serialize;
use serde_json::{Value, json};

use super::{ChatRequest, Message};

/// Each method returns the changed request. Values are sent as given; the provider checks them.
///
/// ```
/// use jan_core::ChatRequest;
///
/// let request = ChatRequest::new("jan-v1-4b")
///     .system("You are brief.")
///     .user("Name a colour.")
///     .temperature(0.2)
///     .max_tokens(50)
///     .with("top_k", &40);
/// let body: serde_json::Value = serde_json::from_slice(&request.to_bytes()).unwrap();
/// assert_eq!((&body["temperature"], &body["top_k"]), (&0.2.into(), &40.into()));
/// ```
impl ChatRequest {
    /// Adds a system message.
    #[must_use]
    pub fn system(self, text: impl Into<String>) -> Self {
        self.message(Message::new("system", text))
    }

    /// Adds a user message.
    #[must_use]
    pub fn user(self, text: impl Into<String>) -> Self {
        self.message(Message::new("user", text))
    }

    /// Adds an assistant message.
    #[must_use]
    pub fn assistant(self, text: impl Into<String>) -> Self {
        self.message(Message::new("assistant", text))
    }

    /// Adds the result of the tool call `call_id`, after the assistant message that made it.
    #[must_use]
    pub fn tool_result(self, call_id: impl Into<String>, text: impl Into<String>) -> Self {
        self.message(Message { tool_call_id: Some(call_id.into()), ..Message::new("tool", text) })
    }

    /// Adds several messages.
    #[must_use]
    pub fn with_messages(self, messages: impl IntoIterator<Item = Message>) -> Self {
        let mut all = self.messages().unwrap_or_default();
        all.extend(messages);
        self.with("messages", &all)
    }

    /// The sampling temperature: 0 (always the likeliest token) to 2.
    #[must_use]
    pub fn temperature(self, temperature: f64) -> Self {
        self.with("temperature", &temperature)
    }

    /// The share of probability from which the next token is sampled: 0 to 1.
    #[must_use]
    pub fn top_p(self, top_p: f64) -> Self {
        self.with("top_p", &top_p)
    }

    /// The largest number of tokens to generate, under the name that every upstream accepts.
    #[must_use]
    pub fn max_tokens(self, tokens: u32) -> Self {
        self.with("max_tokens", &tokens)
    }

    /// The largest number of tokens to generate, reasoning included; OpenAI's newer models require this name.
    #[must_use]
    pub fn max_completion_tokens(self, tokens: u32) -> Self {
        self.with("max_completion_tokens", &tokens)
    }

    /// Up to four texts at which generation stops.
    #[must_use]
    pub fn stop<T: Into<String>>(self, texts: impl IntoIterator<Item = T>) -> Self {
        let texts: Vec<String> = texts.into_iter().map(Into::into).collect();
        self.with("stop", &texts)
    }

    /// The seed of random sampling. The same request with the same seed gets the same answer, if the model supports
    /// it.
    #[must_use]
    pub fn seed(self, seed: i64) -> Self {
        self.with("seed", &seed)
    }

    /// How much the model reasons: `minimal`, `low`, `medium`, `high`, or another value that the model supports.
    #[must_use]
    pub fn reasoning_effort(self, effort: impl Into<String>) -> Self {
        self.with("reasoning_effort", &effort.into())
    }

    /// The tools that the model may call, in OpenAI's form: `[{"type": "function", "function": {…}}]`.
    #[must_use]
    pub fn tools<T: Serialize + ?Sized>(self, tools: &T) -> Self {
        self.with("tools", tools)
    }

    /// Whether the model calls a tool: `"auto"`, `"none"`, `"required"`, or one function by name in OpenAI's form.
    #[must_use]
    pub fn tool_choice<T: Serialize + ?Sized>(self, choice: &T) -> Self {
        self.with("tool_choice", choice)
    }

    /// The format of the answer, in OpenAI's form; [`ChatRequest::json_schema`] sets the usual one.
    #[must_use]
    pub fn response_format<T: Serialize + ?Sized>(self, format: &T) -> Self {
        self.with("response_format", format)
    }

    /// Requires an answer in JSON that this schema describes.
    #[must_use]
    pub fn json_schema(self, name: &str, schema: &Value) -> Self {
        let schema = json!({"name": name, "schema": schema, "strict": true});
        self.response_format(&json!({"type": "json_schema", "json_schema": schema}))
    }

    /// The id of the conversation that this chat continues and is stored in.
    #[must_use]
    pub fn conversation(self, id: &str) -> Self {
        self.with("conversation", id)
    }

    /// Starts a new conversation with this chat.
    #[must_use]
    pub fn new_conversation(self) -> Self {
        self.with("conversation", &json!({}))
    }

    /// Whether the chat is stored. Default: yes in a conversation, no without one.
    #[must_use]
    pub fn store(self, store: bool) -> Self {
        self.with("store", &store)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_builder_method_writes_a_valid_parameter() {
        let tools =
            json!([{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]);
        let request = ChatRequest::new("m")
            .system("s")
            .user("u")
            .assistant("a")
            .tool_result("call_1", "42")
            .with_messages([Message::new("user", "more")])
            .temperature(0.5)
            .top_p(0.9)
            .max_tokens(10)
            .max_completion_tokens(20)
            .stop(["END"])
            .seed(7)
            .reasoning_effort("low")
            .tools(&tools)
            .tool_choice("auto")
            .json_schema("colour", &json!({"type": "object"}))
            .conversation("conv_1")
            .store(false)
            .stream(true);
        let read = ChatRequest::parse(request.to_bytes()).unwrap();
        let body: Value = serde_json::from_slice(&read.to_bytes()).unwrap();
        let roles: Vec<_> = read.messages().unwrap().into_iter().map(|message| message.role).collect();
        assert_eq!(roles, ["system", "user", "assistant", "tool", "user"]);
        assert_eq!(body["messages"][3]["tool_call_id"], "call_1");
        assert_eq!((&body["tools"], &body["stop"]), (&tools, &json!(["END"])));
        assert_eq!(body["response_format"]["json_schema"]["name"], "colour");
        assert_eq!(
            (&body["seed"], &body["max_tokens"], &body["store"]),
            (&json!(7), &json!(10), &json!(false))
        );
    }
}
