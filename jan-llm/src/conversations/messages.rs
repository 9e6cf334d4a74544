//! Messages of a chat as items of a conversation, and back: what was said is stored as items and replayed as messages,
//! with nothing lost in between.

use jan_core::chat::{Content, FunctionCall, Message, Part, ToolCall};
use jan_core::conversation::Item;
use jan_core::record::Millis;
use jan_core::{JsonObject, Result, id};
use serde_json::{Map, Value, json};

use super::item::text_block;

/// Where a tool call of a chat says that it runs; the original's own words, which its clients look for.
const SERVER_LABEL: &str = "Jan MCP Server";

/// The items that a message becomes: its text, then each tool call it makes; a tool's message is the call's output.
///
/// # Errors
/// Never for messages that came as JSON.
pub fn from_message(message: &Message, now: Millis) -> Result<Vec<Item>> {
    let mut items = Vec::new();
    if message.role == "tool" {
        let call = message.tool_call_id.clone().unwrap_or_default();
        let output = message.content.as_ref().map_or(Value::Null, |content| json!(content));
        let body =
            json!({"type": "function_call_output", "call_id": call, "output": output, "status": "completed"});
        return Ok(vec![item(body, &message.rest, now)?]);
    }
    let blocks = blocks(message);
    let calls = message.tool_calls.as_deref().unwrap_or_default();
    if !blocks.is_empty() || calls.is_empty() {
        let body = json!({"type": "message", "role": message.role, "status": "completed", "content": blocks});
        let mut rest = message.rest.clone();
        // Kept only when the caller asks for it, as an item of its own.
        rest.remove("reasoning_content");
        items.push(item(body, &rest, now)?);
    }
    for call in calls {
        let FunctionCall { name, arguments, .. } = &call.function;
        let body = json!({"type": "mcp_call", "call_id": call.id, "name": name, "arguments": arguments,
                          "server_label": SERVER_LABEL, "status": "in_progress"});
        items.push(item(body, &Map::new(), now)?);
    }
    Ok(items)
}

/// An item that keeps what the model thought.
///
/// # Errors
/// Never.
pub fn reasoning(text: &str, now: Millis) -> Result<Item> {
    let content = [json!({"type": "reasoning_text", "text": text})];
    item(
        json!({"type": "reasoning", "summary": [], "content": content, "status": "completed"}),
        &Map::new(),
        now,
    )
}

fn item(body: Value, rest: &Map<String, Value>, now: Millis) -> Result<Item> {
    let mut object = JsonObject::parse(body.to_string().into())?;
    for (member, value) in rest {
        if object.raw(member).is_none() && !value.is_null() {
            object.set(member, value)?;
        }
    }
    Ok(Item::new(id::short("msg_"), now, object))
}

fn blocks(message: &Message) -> Vec<Value> {
    match &message.content {
        None => Vec::new(),
        Some(Content::Text(text)) if text.is_empty() => Vec::new(),
        Some(Content::Text(text)) => vec![text_block(&message.role, text)],
        Some(Content::Parts(parts)) => parts.iter().map(|part| block(part, &message.role)).collect(),
    }
}

/// A part of a chat message as a block of an item. The kinds that both know change their names, all others stay.
fn block(part: &Part, role: &str) -> Value {
    let text = part.text.as_deref().unwrap_or_default();
    let image = part.rest.get("image_url");
    match (part.kind.as_str(), image) {
        ("text", _) if part.rest.is_empty() => text_block(role, text),
        ("image_url", Some(image)) => {
            let url = image.as_str().or_else(|| image.get("url")?.as_str()).unwrap_or_default();
            let detail = image.get("detail").and_then(Value::as_str).unwrap_or("auto");
            json!({"type": "input_image", "image_url": url, "detail": detail})
        }
        _ => json!(part),
    }
}

/// The messages that a stretch of a conversation replays as. What no model can be told is left out: reasoning, calls
/// that nobody answered (`answered` names those that the request itself answers), searches and the like.
pub fn to_messages(items: &[Item], answered: &[String]) -> Vec<Message> {
    let bodies: Vec<Map<String, Value>> = items.iter().filter_map(|item| item.body.to().ok()).collect();
    let outputs = |call: &str| {
        bodies.iter().any(|body| {
            body.get("type").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("_output"))
                && text(body, "call_id") == call
        })
    };
    let mut messages: Vec<Message> = Vec::new();
    for body in &bodies {
        let unfinished = matches!(text(body, "status"), "incomplete" | "failed" | "cancelled");
        match text(body, "type") {
            "message" if !unfinished => messages.push(said(body)),
            "function_call" | "mcp_call" | "custom_tool_call" => {
                let id = text(body, "call_id");
                let result =
                    body.get("output").or_else(|| body.get("error")).filter(|result| !result.is_null());
                let elsewhere = outputs(id) || answered.iter().any(|known| known == id);
                if result.is_none() && !elsewhere {
                    continue;
                }
                add_call(&mut messages, body);
                if let (Some(result), false) = (result, elsewhere) {
                    messages.push(tool(id, result));
                }
            }
            "function_call_output" | "custom_tool_call_output" => {
                messages.push(tool(text(body, "call_id"), body.get("output").unwrap_or(&Value::Null)));
            }
            _ => {}
        }
    }
    messages
}

fn text<'a>(body: &'a Map<String, Value>, member: &str) -> &'a str {
    body.get(member).and_then(Value::as_str).unwrap_or_default()
}

fn said(body: &Map<String, Value>) -> Message {
    let role = text(body, "role");
    let blocks = body.get("content").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let parts: Vec<Part> = blocks.iter().filter_map(part).collect();
    let plain = parts.iter().all(|part| part.kind == "text" && part.rest.is_empty());
    let content = if plain {
        Content::Text(parts.iter().filter_map(|part| part.text.as_deref()).collect())
    } else {
        Content::Parts(parts)
    };
    let mut message = Message { role: role.to_owned(), content: Some(content), ..Message::default() };
    if let Some(name) = body.get("name") {
        message.rest.insert("name".into(), name.clone());
    }
    message
}

/// A block as a part of a chat message.
fn part(block: &Value) -> Option<Part> {
    let of = |kind: &str, text: &str| Part { kind: kind.into(), text: Some(text.into()), ..Part::default() };
    match block.get("type")?.as_str()? {
        "input_text" | "output_text" | "summary_text" => Some(of("text", block.get("text")?.as_str()?)),
        "refusal" => Some(of("text", block.get("refusal")?.as_str()?)),
        "input_image" => {
            let url = block.get("image_url").or_else(|| block.get("file_id"))?;
            let detail = block.get("detail").cloned().unwrap_or_else(|| "auto".into());
            let rest = json!({"image_url": {"url": url, "detail": detail}});
            serde_json::from_value(rest).ok().map(|rest| Part { kind: "image_url".into(), text: None, rest })
        }
        "reasoning_text" | "thinking" => None,
        _ => serde_json::from_value(block.clone()).ok(),
    }
}

/// Adds a call to the assistant's last words, or to an assistant's message of its own.
fn add_call(messages: &mut Vec<Message>, body: &Map<String, Value>) {
    let call = ToolCall {
        id: text(body, "call_id").to_owned(),
        kind: "function".into(),
        function: FunctionCall::new(text(body, "name"), text(body, "arguments")),
        ..ToolCall::default()
    };
    match messages.last_mut() {
        Some(last) if last.role == "assistant" => last.tool_calls.get_or_insert_default().push(call),
        _ => messages.push(Message {
            role: "assistant".into(),
            tool_calls: Some(vec![call]),
            ..Message::default()
        }),
    }
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

/// What of a request's messages is new, after what the conversation already says: nothing is kept or told twice when a
/// client sends the whole talk, or its last message, again.
pub fn new_messages(history: &[Message], request: &[Message]) -> Vec<Message> {
    let same = |a: &Message, b: &Message| {
        a.role == b.role
            && a.text() == b.text()
            && a.tool_call_id == b.tool_call_id
            && a.tool_calls.as_ref().map_or(0, Vec::len) == b.tool_calls.as_ref().map_or(0, Vec::len)
            && pictures(a) == pictures(b)
    };
    let instructs = |message: &&Message| matches!(message.role.as_str(), "system" | "developer");
    let known = |message: &&Message| instructs(message) && history.iter().any(|old| same(old, message));
    let fresh: Vec<&Message> = request.iter().filter(|message| !known(message)).collect();
    let talk: Vec<&Message> = history.iter().filter(|message| !instructs(message)).collect();
    let spoken = fresh.iter().take_while(|message| instructs(message)).count();
    let (lead, rest) = fresh.split_at(spoken);
    // The longest beginning of the request that the conversation ends with.
    let overlaps = |n: &usize| {
        let tail = talk.iter().skip(talk.len() - n);
        rest.iter().take(*n).zip(tail).all(|(a, b)| same(a, b))
    };
    let overlap = (1..=rest.len().min(talk.len())).rev().find(overlaps).unwrap_or(0);
    lead.iter().chain(rest.iter().skip(overlap)).map(|message| (*message).clone()).collect()
}

/// How many parts of a message are not text: two pictures under one sentence are two messages.
fn pictures(message: &Message) -> Vec<String> {
    match &message.content {
        Some(Content::Parts(parts)) => {
            let others = parts.iter().filter(|part| part.kind != "text");
            others.map(|part| part.rest.get("image_url").map_or_else(String::new, image_url)).collect()
        }
        _ => Vec::new(),
    }
}

fn image_url(image: &Value) -> String {
    image.as_str().or_else(|| image.get("url")?.as_str()).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(value: Value) -> Message {
        serde_json::from_value(value).unwrap()
    }

    fn round(messages: &[Message]) -> Vec<Message> {
        let items: Vec<Item> = messages.iter().flat_map(|m| from_message(m, 0).unwrap()).collect();
        to_messages(&items, &[])
    }

    #[test]
    fn what_is_said_comes_back_as_it_was() {
        let talk = [
            message(json!({"role": "system", "content": "Be brief."})),
            message(json!({"role": "user", "name": "Ann", "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": "jan_01", "detail": "low"}},
                {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}}]})),
            message(json!({"role": "assistant", "content": "Let me look.", "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}},
                {"id": "c2", "type": "function", "function": {"name": "ask", "arguments": "{\"a\":1}"}}]})),
            message(json!({"role": "tool", "tool_call_id": "c1", "content": "a cat"})),
            message(
                json!({"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "yes"}]}),
            ),
            message(json!({"role": "assistant", "content": "A cat."})),
        ];
        assert_eq!(round(&talk), talk);
    }

    #[test]
    fn a_call_that_nobody_answered_is_not_replayed() {
        let call = json!({"role": "assistant", "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}]});
        let items = from_message(&message(call), 0).unwrap();
        assert!(to_messages(&items, &[]).is_empty());
        assert_eq!(to_messages(&items, &["c1".into()]).len(), 1);
        let mut told = items;
        told[0].body.set("output", "a cat").unwrap();
        let replayed = to_messages(&told, &[]);
        assert_eq!((replayed.len(), replayed[1].text().as_str()), (2, "a cat"));
    }

    #[test]
    fn nothing_is_told_twice() {
        let say = |role: &str, text: &str| Message::new(role, text);
        let (system, hi, hello, more) =
            (say("system", "Be brief."), say("user", "hi"), say("assistant", "hello"), say("user", "more"));
        let history = [system.clone(), hi.clone(), hello.clone()];
        let new = |request: &[Message]| new_messages(&history, request);
        let texts = |messages: Vec<Message>| messages.iter().map(Message::text).collect::<Vec<_>>();
        assert_eq!(texts(new(std::slice::from_ref(&more))), ["more"]);
        assert_eq!(texts(new(&[system.clone(), hi.clone(), hello.clone(), more.clone()])), ["more"]);
        assert_eq!(texts(new(&[hi.clone(), hello, more.clone()])), ["more"]);
        // The same words again, after an answer, are meant to be said again.
        assert_eq!(texts(new(std::slice::from_ref(&hi))), ["hi"]);
        // The same words again before any answer are a retry.
        assert_eq!(new_messages(&history[..2], std::slice::from_ref(&hi)), []);
        let other = say("system", "Be long.");
        assert_eq!(new(&[other.clone(), more.clone()]), [other, more]);
    }
}
