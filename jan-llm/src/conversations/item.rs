//! Checks the items that callers add and converts them to OpenAI's form. The different form that Jan's own clients
//! write is understood and kept beside OpenAI's members; unknown members are kept unchanged.

use jan_core::conversation::Item;
use jan_core::record::Millis;
use jan_core::{Error, JsonObject, Result, id};
use serde_json::{Map, Value, json};

use super::{CallReport, NewItem};

/// The most items in one request.
const MAX_ITEMS: usize = 20;
const MAX_BLOCKS: usize = 100;
const MAX_TEXT: usize = 100_000;
const MAX_CODE: usize = 50_000;
const MAX_CALLS: usize = 16;
const MAX_CALL_ID: usize = 256;
const MAX_ANNOTATIONS: usize = 100;

/// Every item type of OpenAI and of the original server. Any other type needs its inventor's prefix (`acme:thing`).
const TYPES: [&str; 37] = [
    "message",
    "function_call",
    "function_call_output",
    "reasoning",
    "file_search_call",
    "web_search_call",
    "image_generation_call",
    "image_edit_call",
    "computer_call",
    "computer_call_output",
    "code_interpreter_call",
    "local_shell_call",
    "local_shell_call_output",
    "shell_call",
    "shell_call_output",
    "apply_patch_call",
    "apply_patch_call_output",
    "mcp_list_tools",
    "mcp_approval_request",
    "mcp_approval_response",
    "mcp_call",
    "custom_tool_call",
    "custom_tool_call_output",
    "tool_search_call",
    "tool_search_output",
    "additional_tools",
    "program",
    "program_output",
    "compaction",
    "compaction_trigger",
    "item_reference",
    "file_search",
    "web_search",
    "code_interpreter",
    "computer_use",
    "mcp_item",
    "image_generation",
];
const ROLES: [&str; 8] =
    ["system", "user", "assistant", "tool", "developer", "critic", "discriminator", "unknown"];
const STATUSES: [&str; 10] = [
    "incomplete",
    "in_progress",
    "completed",
    "failed",
    "cancelled",
    "searching",
    "generating",
    "calling",
    "streaming",
    "rate_limited",
];

/// Checks `least` to 20 items and converts them to the stored form.
pub(super) fn checked(items: Vec<NewItem>, least: usize, now: Millis) -> Result<Vec<Item>> {
    if items.len() < least || items.len() > MAX_ITEMS {
        return Err(Error::invalid("items", format!("`items` must hold {least} to {MAX_ITEMS} items.")));
    }
    let item =
        |(i, NewItem(item))| Ok(Item::new(id::short("msg_"), now, normal(item, &format!("items[{i}]"))?));
    items.into_iter().enumerate().map(item).collect()
}

/// One item in the stored form. `at` is its path in the request, for errors.
fn normal(mut item: Map<String, Value>, at: &str) -> Result<JsonObject> {
    // The server sets these.
    for member in ["id", "object", "branch", "sequence_number", "created_at"] {
        item.remove(member);
    }
    if !item.contains_key("type") && item.contains_key("role") {
        item.insert("type".into(), "message".into());
    }
    let kind = one_of(&item, "type", at, |kind| TYPES.contains(&kind) || kind.contains(':'))?;
    let kind = kind.ok_or_else(|| required(at, "type"))?;
    let role = one_of(&item, "role", at, |role| ROLES.contains(&role))?;
    if kind == "message" {
        let role = role.ok_or_else(|| required(at, "role"))?;
        content(&mut item, &role, at)?;
        item.entry("status").or_insert("completed".into());
    }
    one_of(&item, "status", at, |status| STATUSES.contains(&status))?;
    if kind.ends_with("_output") && kind != "tool_search_output" && kind != "program_output" {
        one_of(&item, "call_id", at, |call| !call.is_empty())?.ok_or_else(|| required(at, "call_id"))?;
    }
    one_of(&item, "call_id", at, |call| call.len() <= MAX_CALL_ID && !call.contains('\0'))?;
    check_length(&item, "arguments", at, MAX_TEXT)?;
    let mut body = JsonObject::new();
    for (member, value) in &item {
        body.set(member, value)?;
    }
    Ok(body)
}

fn required(at: &str, member: &str) -> Error {
    Error::missing(format!("{at}.{member}"))
}

/// The text of an optional member, which must satisfy `fine`.
fn one_of(
    item: &Map<String, Value>,
    member: &str,
    at: &str,
    fine: impl Fn(&str) -> bool,
) -> Result<Option<String>> {
    match item.get(member) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(word)) if fine(word) => Ok(Some(word.clone())),
        Some(other) => {
            let param = format!("{at}.{member}");
            Err(Error::invalid(param.clone(), format!("`{param}` cannot be {other}.")))
        }
    }
}

fn check_length(object: &Map<String, Value>, member: &str, at: &str, most: usize) -> Result<()> {
    match object.get(member).and_then(Value::as_str) {
        Some(text) if text.chars().count() > most => {
            let param = format!("{at}.{member}");
            Err(Error::invalid(param.clone(), format!("`{param}` must have at most {most} characters.")))
        }
        _ => Ok(()),
    }
}

/// Converts `content` to an array of blocks. A string becomes one text block.
fn content(item: &mut Map<String, Value>, role: &str, at: &str) -> Result<()> {
    let at = format!("{at}.content");
    let blocks = match item.get("content") {
        None | Some(Value::Null) => return Err(Error::invalid(at.clone(), format!("`{at}` is required."))),
        Some(Value::String(text)) => vec![text_block(role, text)],
        Some(Value::Array(blocks)) => blocks.clone(),
        Some(_) => return Err(Error::invalid(at.clone(), format!("`{at}` must be a string or an array."))),
    };
    if blocks.len() > MAX_BLOCKS {
        return Err(Error::invalid(at.clone(), format!("`{at}` must hold at most {MAX_BLOCKS} blocks.")));
    }
    let block = |(i, value)| block(value, role, &format!("{at}[{i}]"));
    let blocks = blocks.into_iter().enumerate().map(block).collect::<Result<Vec<_>>>()?;
    item.insert("content".into(), Value::Array(blocks));
    Ok(())
}

/// A block of plain text in OpenAI's form: `output_text` for the assistant, `input_text` for every other role.
pub(super) fn text_block(role: &str, text: &str) -> Value {
    if role == "assistant" {
        json!({"type": "output_text", "text": text, "annotations": []})
    } else {
        json!({"type": "input_text", "text": text})
    }
}

fn block(value: Value, role: &str, at: &str) -> Result<Value> {
    let mut block = match value {
        Value::Object(block) => block,
        Value::String(text) => return Ok(text_block(role, &text)),
        _ => return Err(Error::invalid(at, format!("`{at}` must be an object."))),
    };
    let kind = one_of(&block, "type", at, |kind| !kind.is_empty())?.ok_or_else(|| required(at, "type"))?;
    as_openai(&mut block, &kind);
    for member in ["text", "input_text", "refusal", "summary_text", "reasoning_text", "tool_result"] {
        check_length(&block, member, at, MAX_TEXT)?;
    }
    for member in ["code", "thinking"] {
        check_length(&block, member, at, MAX_CODE)?;
    }
    for (member, most) in [("tool_calls", MAX_CALLS), ("annotations", MAX_ANNOTATIONS)] {
        if block.get(member).and_then(Value::as_array).is_some_and(|list| list.len() > most) {
            let param = format!("{at}.{member}");
            return Err(Error::invalid(param.clone(), format!("`{param}` must hold at most {most}.")));
        }
    }
    picture(&block, at)?;
    Ok(Value::Object(block))
}

/// The original server writes a block's text into a member named after the block's type, and output text into an object
/// under that name. This adds the member `text` that OpenAI's clients read.
fn as_openai(block: &mut Map<String, Value>, kind: &str) {
    let nested = match block.get(kind) {
        Some(Value::String(text)) => Some((text.clone(), None)),
        Some(Value::Object(inner)) => inner
            .get("text")
            .and_then(Value::as_str)
            .map(|text| (text.to_owned(), inner.get("annotations").cloned())),
        _ => None,
    };
    if let Some((text, annotations)) = nested {
        block.entry("text").or_insert(text.into());
        if let Some(annotations) = annotations {
            block.entry("annotations").or_insert(annotations);
        }
    }
    if kind == "output_text" {
        block.entry("annotations").or_insert(json!([]));
    }
}

/// Checks the address of an image: an http(s), data or file URL, or a media id of this server.
fn picture(block: &Map<String, Value>, at: &str) -> Result<()> {
    let url = |value: &Value| value.as_str().or_else(|| value.get("url")?.as_str()).map(str::to_owned);
    for member in ["image_url", "image"] {
        let Some(url) = block.get(member).and_then(url) else { continue };
        let fine =
            ["http://", "https://", "data:", "file:", "jan_"].iter().any(|scheme| url.starts_with(scheme));
        if !fine {
            let param = format!("{at}.{member}");
            let message = format!("`{param}` must be an http, https, data or file URL, or a `jan_` id.");
            return Err(Error::invalid(param, message));
        }
    }
    Ok(())
}

/// The members that a report changes on the item of its call.
pub(super) fn call_report(report: &CallReport) -> Result<JsonObject> {
    let CallReport { status, output, error, name, arguments, server_label } = report;
    if !STATUSES.contains(&status.as_str()) {
        return Err(Error::invalid("status", format!("`status` must be one of {}.", STATUSES.join(", "))));
    }
    let mut members = JsonObject::new();
    members.set("status", status)?;
    for (member, value) in [
        ("output", output),
        ("error", error),
        ("name", name),
        ("arguments", arguments),
        ("server_label", server_label),
    ] {
        if let Some(value) = value {
            members.set(member, value)?;
        }
    }
    Ok(members)
}

/// A copy of a message with the `content` of the request body.
pub(super) fn with_content(old: &Item, body: &JsonObject, now: Millis) -> Result<Item> {
    let mut item: Map<String, Value> = old.body.to()?;
    item.insert("content".into(), body.required("content")?);
    let body = normal(item, "").map_err(|error| match error.param() {
        Some(param) => {
            let param = param.trim_start_matches('.').to_owned();
            error.with_param(param)
        }
        None => error,
    })?;
    Ok(Item::new(id::short("msg_"), now, body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversations::NewItems;
    use proptest::prelude::*;

    fn items(value: Value) -> Result<Vec<Item>> {
        let body = JsonObject::parse(json!({ "items": value }).to_string().into()).unwrap();
        checked(NewItems::try_from(&body)?.items, 0, 0)
    }

    fn param(value: Value) -> String {
        items(value).err().map_or("-".into(), |error| error.param().unwrap_or("?").to_owned())
    }

    #[test]
    fn a_message_with_a_string_becomes_a_message_with_blocks() {
        let item = items(json!([{"role": "user", "content": "Hi"}])).unwrap().remove(0);
        let body: Value = item.body.to().unwrap();
        assert_eq!(
            body,
            json!({"type": "message", "role": "user", "status": "completed",
                   "content": [{"type": "input_text", "text": "Hi"}]})
        );
    }

    #[test]
    fn the_blocks_of_jans_clients_get_openais_members_and_keep_their_own() {
        let block = json!({"type": "output_text", "output_text": {"text": "Hi", "annotations": [1]}});
        let item =
            items(json!([{"type": "message", "role": "assistant", "content": [block]}])).unwrap().remove(0);
        let body: Value = item.body.to().unwrap();
        assert_eq!(body["content"][0]["text"], "Hi");
        assert_eq!(body["content"][0]["annotations"], json!([1]));
        assert_eq!(body["content"][0]["output_text"]["text"], "Hi");
    }

    #[test]
    fn an_error_names_the_member_that_breaks_its_limit() {
        let message = |content: Value| json!([{"type": "message", "role": "user", "content": content}]);
        assert_eq!(param(json!([{"type": "nonsense"}])), "items[0].type");
        assert_eq!(param(json!([{"content": "x"}])), "items[0].type");
        assert_eq!(param(json!([{"type": "message", "content": "x"}])), "items[0].role");
        assert_eq!(param(json!([{"type": "acme:thing", "x": 1}])), "-");
        assert_eq!(param(json!([{"role": "user", "content": "x", "status": "odd"}])), "items[0].status");
        assert_eq!(param(json!([{"type": "function_call_output", "output": "x"}])), "items[0].call_id");
        assert_eq!(param(message(json!(7))), "items[0].content");
        assert_eq!(param(message(json!([{"text": "x"}]))), "items[0].content[0].type");
        let long = json!([{"type": "input_text", "text": "x".repeat(MAX_TEXT + 1)}]);
        assert_eq!(param(message(long)), "items[0].content[0].text");
        assert_eq!(
            param(message(vec![json!({"type": "input_text", "text": "x"}); 101].into())),
            "items[0].content"
        );
        let ftp = json!([{"type": "input_image", "image_url": "ftp://x"}]);
        assert_eq!(param(message(ftp)), "items[0].content[0].image_url");
        assert_eq!(param(vec![json!({"role": "user", "content": "x"}); 21].into()), "items");
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in "\\PC{0,40}", n in 0i64..5) {
            for value in [json!([text]), json!([{ text.clone(): n }]), json!({ "role": text.clone() }),
                          json!([{"role": "user", "content": [{"type": text.clone(), text.clone(): [n]}]}])] {
                let _ = items(value);
            }
        }
    }
}
