//! Items of a conversation as the messages that a model is told: what was kept is said again as it was said.

mod plain;

use bytes::Bytes;
use jan_core::chat::{Content, FunctionCall, Message, Part, ToolCall};
use jan_core::conversation::{Item, RecentItem};
use serde_json::{Map, Value, json};

use super::history::{AsMessage, HistoryMessage};
use super::messages::{WITH_FUNCTION, WITH_MESSAGE};
use super::order::in_order;
use super::same::Identity;

type Body = Map<String, Value>;

/// The messages that a stretch of a conversation replays as, in the order that models take: calls and their results side
/// by side. What no model can be told is left out: calls that nobody answered, searches and the like.
pub fn to_messages(items: &[Item]) -> Vec<Message> {
    let items: Vec<RecentItem> = items.iter().map(RecentItem::from).collect();
    in_order(replay(&items)).into_iter().map(HistoryMessage::into_message).collect()
}

/// The messages that items replay as, in the order in which they were kept, with all calls and all results.
pub(crate) fn replay(items: &[RecentItem]) -> Vec<HistoryMessage> {
    let mut said = Said::default();
    for RecentItem { id, body, .. } in items {
        // What was thought before belongs to the next message, which then is no plain one.
        match plain::plain(body).filter(|_| said.thought.is_empty()) {
            Some((role, json)) => said.messages.push(HistoryMessage::plain(id.clone(), role, json)),
            None => said.item(id, body),
        }
    }
    said.finish()
}

/// Tells a stored message with the members that its client sends back with it and the store does not have: what a model
/// thought, a signature that its upstream wants to see again.
pub(crate) fn add_members(stored: &mut HistoryMessage, sent: &Message) {
    let is_told =
        |name: &str, value: &Value| !value.is_null() && (name == "reasoning_content" || !OWN.contains(&name));
    if stored.is_plain() && !sent.rest.iter().any(|(name, value)| is_told(name, value)) {
        return;
    }
    let add = |to: &mut Body, from: &Body| {
        for (name, value) in from.iter().filter(|(name, value)| is_told(name, value)) {
            to.entry(name).or_insert_with(|| value.clone());
        }
    };
    stored.change(|stored| add_to(stored, sent, add));
}

fn add_to(stored: &mut Message, sent: &Message, add: impl Fn(&mut Body, &Body)) {
    if !sent.rest.is_empty() && Identity::of(stored).is(&Identity::of(sent)) {
        add(&mut stored.rest, &sent.rest);
    }
    for call in stored.tool_calls.iter_mut().flatten() {
        if let Some(sent) = sent.tool_calls.iter().flatten().find(|sent| sent.id == call.id) {
            add(&mut call.rest, &sent.rest);
            add(&mut call.function.rest, &sent.function.rest);
        }
    }
}

/// What results are called; outputs of other kinds answer no call of a chat.
fn is_output(body: &Body) -> bool {
    matches!(text(body, "type"), "function_call_output" | "custom_tool_call_output" | "mcp_call_output")
}

/// The messages so far.
#[derive(Default)]
struct Said {
    messages: Vec<HistoryMessage>,
    /// What the model thought before what it says next.
    thought: String,
}

impl Said {
    /// Adds what an item says.
    fn item(&mut self, id: &str, body: &Bytes) {
        let Ok(body) = serde_json::from_slice::<Body>(body) else { return };
        let unfinished = matches!(text(&body, "status"), "incomplete" | "failed" | "cancelled");
        match text(&body, "type") {
            "message" if !unfinished => self.message(id, &body),
            "reasoning" => self.thought.push_str(&thought(&body)),
            "function_call" | "mcp_call" | "custom_tool_call" => {
                let call = text(&body, "call_id");
                self.call(id, &body);
                let result =
                    body.get("output").or_else(|| body.get("error")).filter(|result| !result.is_null());
                // A call may carry its own result.
                if let Some(result) = result {
                    self.push(id, tool(call, result));
                }
            }
            _ if is_output(&body) => {
                let mut result = tool(text(&body, "call_id"), body.get("output").unwrap_or(&Value::Null));
                result.rest = others(&body);
                self.push(id, result);
            }
            _ => {}
        }
    }

    fn push(&mut self, item: &str, message: Message) {
        self.messages.push(HistoryMessage::of(item.to_owned(), message));
    }

    fn message(&mut self, item: &str, body: &Body) {
        let blocks = body.get("content").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let parts: Vec<Part> = blocks.iter().filter_map(part).collect();
        let plain = parts.iter().all(|part| part.kind == "text" && part.rest.is_empty());
        let content = if plain {
            Content::Text(parts.iter().filter_map(|part| part.text.as_deref()).collect())
        } else {
            Content::Parts(parts)
        };
        let mut message = Message {
            role: text(body, "role").to_owned(),
            content: Some(content),
            rest: others(body),
            ..Message::default()
        };
        if message.role == "tool" {
            message.tool_call_id = body.get("tool_call_id").and_then(Value::as_str).map(str::to_owned);
        }
        let of_type = |kind: &'static str| {
            blocks.iter().filter(move |block| block.get("type").and_then(Value::as_str) == Some(kind))
        };
        for id in of_type("output_audio").filter_map(|block| block.get("id")) {
            message.rest.insert("audio".into(), json!({ "id": id }));
        }
        // Clients of the original keep a tool turn as blocks of messages.
        let calls = of_type("tool_calls").filter_map(|block| {
            serde_json::from_value::<Vec<ToolCall>>(block.get("tool_calls")?.clone()).ok()
        });
        let mut calls: Vec<ToolCall> = calls.flatten().collect();
        if let Some(said) = body.get("tool_calls").filter(|_| calls.is_empty()) {
            // As a chat's message has them.
            calls = serde_json::from_value(said.clone()).unwrap_or_default();
        }
        let results = of_type("tool_result").filter_map(|block| {
            let call = block.get("tool_call_id")?.as_str()?;
            Some(tool(call, block.get("tool_result")?))
        });
        let results: Vec<Message> = results.collect();
        let is_silent = message.content.as_ref().is_some_and(is_empty);
        if is_silent && (!calls.is_empty() || message.rest.contains_key("audio")) {
            message.content = None;
        }
        if results.is_empty() || !is_silent || !calls.is_empty() {
            message.tool_calls = Some(calls).filter(|calls| !calls.is_empty());
            self.think(&mut message);
            self.push(item, message);
        }
        for result in results {
            self.push(item, result);
        }
    }

    /// Adds a call to the assistant's last words, or to an assistant's message of its own.
    fn call(&mut self, item: &str, body: &Body) {
        let starts_a_message = body.contains_key(WITH_MESSAGE) || !self.thought.is_empty();
        let last = self.messages.last_mut().filter(|last| last.role() == "assistant");
        if let Some(last) = last.filter(|_| !starts_a_message) {
            last.change(|message| message.tool_calls.get_or_insert_default().push(call(body)));
            last.item = Some(item.to_owned());
            return;
        }
        let mut message = Message {
            role: "assistant".into(),
            tool_calls: Some(vec![call(body)]),
            rest: body.get(WITH_MESSAGE).and_then(Value::as_object).cloned().unwrap_or_default(),
            ..Message::default()
        };
        self.think(&mut message);
        self.push(item, message);
    }

    /// What was thought belongs to what the assistant says next, and to nothing else.
    fn think(&mut self, message: &mut Message) {
        let thought = std::mem::take(&mut self.thought);
        if message.role == "assistant" && !thought.is_empty() {
            message.rest.insert("reasoning_content".into(), thought.into());
        }
    }

    /// What was thought is told with calls only: there some models want it back, elsewhere some refuse it.
    fn finish(self) -> Vec<HistoryMessage> {
        let mut messages = self.messages;
        let thinks = |message: &HistoryMessage| {
            !message.is_plain()
                && message.message().tool_calls.is_none()
                && message.message().rest.contains_key("reasoning_content")
        };
        for message in messages.iter_mut().filter(|message| thinks(message)) {
            message.change(|message| message.rest.remove("reasoning_content"));
        }
        messages
    }
}

fn is_empty(content: &Content) -> bool {
    match content {
        Content::Text(text) => text.is_empty(),
        Content::Parts(parts) => parts.is_empty(),
    }
}

fn text<'a>(body: &'a Body, member: &str) -> &'a str {
    body.get(member).and_then(Value::as_str).unwrap_or_default()
}

/// The members of an item that are its own, and not the message's or the call's that it keeps.
const OWN: [&str; 28] = [
    "type",
    "id",
    "object",
    "status",
    "role",
    "content",
    "call_id",
    "tool_call_id",
    "tool_calls",
    "name",
    "arguments",
    "input",
    "output",
    "error",
    "server_label",
    "namespace",
    "created_by",
    "approval_request_id",
    "index",
    "phase",
    "metadata",
    "usage",
    "model",
    "finish_reason",
    "annotations",
    "reasoning_content",
    WITH_MESSAGE,
    WITH_FUNCTION,
];

/// The members of a message or a call that nobody here knows. `name` says who speaks in a message.
fn others(body: &Body) -> Body {
    let names_the_speaker = matches!(text(body, "type"), "message" | "function_call_output");
    let told = |name: &str| !OWN.contains(&name) || (name == "name" && names_the_speaker);
    let others = body.iter().filter(|(name, value)| told(name) && !value.is_null());
    others.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// What the model thought, as far as it is text.
fn thought(body: &Body) -> String {
    let blocks = body.get("content").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    blocks.iter().filter_map(|block| block.get("text")?.as_str()).collect()
}

/// A block as a part of a chat message.
fn part(block: &Value) -> Option<Part> {
    let of = |kind: &str, text: &str| Part { kind: kind.into(), text: Some(text.into()), ..Part::default() };
    match block.get("type")?.as_str()? {
        "input_text" | "output_text" | "summary_text" => Some(of("text", block.get("text")?.as_str()?)),
        "refusal" => Some(of("text", block.get("refusal")?.as_str()?)),
        "input_image" | "image" => image(block),
        "reasoning_text" | "thinking" | "output_audio" | "tool_calls" | "tool_result" => None,
        _ => serde_json::from_value(block.clone()).ok(),
    }
}

fn image(block: &Value) -> Option<Part> {
    let url = |image: &Value| image.as_str().or_else(|| image.get("url")?.as_str()).map(str::to_owned);
    let named = ["image_url", "image", "file_id"].iter().find_map(|member| block.get(*member));
    let url = url(named?)?;
    let detail =
        block.get("detail").or_else(|| named?.get("detail")).cloned().unwrap_or_else(|| "auto".into());
    let mut rest = block.as_object()?.clone();
    for own in ["type", "image_url", "image", "file_id", "detail"] {
        rest.remove(own);
    }
    rest.insert("image_url".into(), json!({"url": url, "detail": detail}));
    Some(Part { kind: "image_url".into(), text: None, rest })
}

fn call(body: &Body) -> ToolCall {
    let (id, name) = (text(body, "call_id").to_owned(), text(body, "name"));
    let mut rest = others(body);
    if text(body, "type") == "custom_tool_call" {
        rest.insert("custom".into(), json!({"name": name, "input": text(body, "input")}));
        return ToolCall { id, kind: "custom".into(), rest, ..ToolCall::default() };
    }
    let mut function = FunctionCall::new(name, text(body, "arguments"));
    if let Some(Value::Object(members)) = body.get(WITH_FUNCTION) {
        function.rest = members.clone();
    }
    ToolCall { id, kind: "function".into(), function, rest }
}

fn tool(call: &str, output: &Value) -> Message {
    let content = match output {
        Value::String(text) => Content::Text(text.clone()),
        other => serde_json::from_value(other.clone()).unwrap_or_else(|_| Content::Text(other.to_string())),
    };
    Message {
        role: "tool".into(),
        content: Some(content),
        tool_call_id: Some(call.to_owned()),
        ..Message::default()
    }
}

#[cfg(test)]
mod tests;
