//! Messages of a chat as items of a conversation: what was said is stored so that it can be told again (`replay`), with
//! nothing lost in between.

use jan_core::chat::{Content, Message, Part, ToolCall};
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
    let mut rest = message.rest.clone();
    // Kept only when the caller asks for it, as an item of its own.
    rest.remove("reasoning_content");
    // A refusal and what was spoken are blocks.
    rest.remove("refusal");
    rest.remove("audio");
    rest.retain(|_, value| !value.is_null());
    // What belongs to a message that only makes calls is kept with the first of them.
    if !blocks.is_empty() || calls.is_empty() {
        let body = json!({"type": "message", "role": message.role, "status": "completed", "content": blocks});
        items.push(item(body, &std::mem::take(&mut rest), now)?);
    }
    for call in calls {
        let mut item = item(called(call), &call.rest, now)?;
        if !rest.is_empty() {
            item.body.set(WITH_MESSAGE, &std::mem::take(&mut rest))?;
        }
        items.push(item);
    }
    Ok(items)
}

/// The member of a call's item that holds what its message said beside its calls.
pub(super) const WITH_MESSAGE: &str = "message_members";
/// The member of a call's item that holds what its function said beside its name and arguments.
pub(super) const WITH_FUNCTION: &str = "function_members";

/// A call as the body of an item, without the members that nobody here knows.
fn called(call: &ToolCall) -> Value {
    if let Some(custom) = call.rest.get("custom").filter(|_| call.kind == "custom") {
        let member = |name: &str| custom.get(name).cloned().unwrap_or_else(|| "".into());
        return json!({"type": "custom_tool_call", "call_id": call.id, "name": member("name"),
                      "input": member("input"), "status": "in_progress"});
    }
    let function = &call.function;
    let mut body = json!({"type": "mcp_call", "call_id": call.id, "name": function.name,
                          "arguments": function.arguments, "server_label": SERVER_LABEL, "status": "in_progress"});
    if let (Some(body), false) = (body.as_object_mut(), function.rest.is_empty()) {
        body.insert(WITH_FUNCTION.into(), function.rest.clone().into());
    }
    body
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
    let custom = body.get("type").and_then(Value::as_str) == Some("custom_tool_call");
    let mut object = JsonObject::parse(body.to_string().into())?;
    for (member, value) in rest {
        let stands_already = object.raw(member).is_some() || (custom && member == "custom");
        if !stands_already && !value.is_null() {
            object.set(member, value)?;
        }
    }
    Ok(Item::new(id::short("msg_"), now, object))
}

fn blocks(message: &Message) -> Vec<Value> {
    let mut blocks = match &message.content {
        None => Vec::new(),
        Some(Content::Text(text)) if text.is_empty() => Vec::new(),
        Some(Content::Text(text)) => vec![text_block(&message.role, text)],
        Some(Content::Parts(parts)) => parts.iter().map(|part| block(part, &message.role)).collect(),
    };
    if let Some(refusal) = message.rest.get("refusal").and_then(Value::as_str) {
        blocks.push(json!({"type": "refusal", "refusal": refusal}));
    }
    if let Some(Value::Object(audio)) = message.rest.get("audio") {
        let mut spoken = audio.clone();
        spoken.insert("type".into(), "output_audio".into());
        blocks.push(spoken.into());
    }
    blocks
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
            let mut block = part.rest.clone();
            block.insert("type".into(), "input_image".into());
            block.insert("image_url".into(), url.into());
            block.insert("detail".into(), detail.into());
            block.into()
        }
        _ => json!(part),
    }
}
