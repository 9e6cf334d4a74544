//! Converts items to the form that clients of the original server read: content blocks of the types `text`,
//! `input_text` (with a member of the same name) and `image`, and `role` and `content` on every item. OpenAI's members
//! are kept where the two forms do not contradict each other.

use jan_core::{JsonObject, Result};
use serde_json::{Map, Value, json};

/// The shape of an item ([`super::item_shape`]) in the form of the original.
///
/// # Errors
/// None for the result of [`super::item_shape`]; otherwise when `role` is not a text.
pub fn original_shape(shape: &JsonObject) -> Result<JsonObject> {
    let mut shape = shape.clone();
    let role: Option<String> = shape.get("role")?;
    if role.is_none() {
        // Items without a role (reasoning, searches, …) come from the assistant.
        shape.set("role", "assistant")?;
    }
    let content: Vec<Value> = shape.get("content").ok().flatten().unwrap_or_default();
    let content: Vec<Value> = content.into_iter().map(original_block).collect();
    shape.set("content", &content)?;
    Ok(shape)
}

/// The outcome of an edit or a regeneration, with its `user_item` and `items` in the form of the original.
///
/// # Errors
/// As [`original_shape`].
pub fn original_outcome(mut outcome: JsonObject) -> Result<JsonObject> {
    let shape = |item: Value| original_shape(&JsonObject::parse(item.to_string().into())?);
    if let Some(item) = outcome.get("user_item")? {
        outcome.set("user_item", &shape(item)?)?;
    }
    if let Some(items) = outcome.get::<Vec<Value>>("items")? {
        outcome.set("items", &items.into_iter().map(shape).collect::<Result<Vec<_>>>()?)?;
    }
    Ok(outcome)
}

/// One block of content in the form of the original.
pub(crate) fn original_block(block: Value) -> Value {
    let Value::Object(mut block) = block else { return block };
    match block.get("type").and_then(Value::as_str) {
        Some("output_text") => {
            block.insert("type".into(), "text".into());
        }
        Some("input_text") => {
            if let (Some(text), false) = (block.get("text").cloned(), block.contains_key("input_text")) {
                block.insert("input_text".into(), text);
            }
        }
        Some("input_image") => picture(&mut block),
        Some("tool_calls") => {
            let calls = block.get_mut("tool_calls").and_then(Value::as_array_mut);
            calls.into_iter().flatten().for_each(function_call);
        }
        _ => {}
    }
    Value::Object(block)
}

/// `{type: "image", image: {url, detail}}`
fn picture(block: &mut Map<String, Value>) {
    let Some(url) = block.remove("image_url").or_else(|| block.get("file_id").cloned()) else { return };
    let mut image = Map::from_iter([("url".to_owned(), url)]);
    image.extend(block.remove("detail").map(|detail| ("detail".to_owned(), detail)));
    block.insert("type".into(), "image".into());
    block.insert("image".into(), image.into());
}

/// The original has only function calls, and its clients parse the arguments as JSON without handling errors. So a
/// custom call becomes a function call, and arguments that are not JSON are wrapped in an object.
fn function_call(call: &mut Value) {
    if let Some(custom) = call.get("custom").cloned() {
        let arguments = json!({"input": custom.get("input")}).to_string();
        let function = json!({"name": custom.get("name"), "arguments": arguments});
        *call = json!({"id": call.get("id"), "type": "function", "function": function});
    }
    if let Some(arguments) = call.pointer_mut("/function/arguments") {
        let text = arguments.as_str().unwrap_or_default();
        if serde_json::from_str::<Value>(text).is_err() {
            let wrapped = if text.is_empty() { json!({}) } else { json!({ "arguments": text }) };
            *arguments = wrapped.to_string().into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shaped(item: Value) -> Value {
        let shape = JsonObject::parse(item.to_string().into()).unwrap();
        original_shape(&shape).unwrap().to().unwrap()
    }

    #[test]
    fn texts_and_images_have_the_originals_names() {
        let shape = shaped(json!({"type": "message", "role": "assistant", "model": "m", "content": [
            {"type": "output_text", "text": "Hi", "annotations": [{"type": "url_citation"}]},
            {"type": "refusal", "refusal": "No"}]}));
        let text = json!({"type": "text", "text": "Hi", "annotations": [{"type": "url_citation"}]});
        assert_eq!((&shape["content"][0], &shape["model"]), (&text, &json!("m")));
        assert_eq!(shape["content"][1], json!({"type": "refusal", "refusal": "No"}));
        let shape = shaped(json!({"type": "message", "role": "user", "content": [
            {"type": "input_text", "text": "Look"},
            {"type": "input_image", "image_url": "jan_01", "detail": "auto"}]}));
        assert_eq!(
            shape["content"],
            json!([{"type": "input_text", "text": "Look", "input_text": "Look"},
                   {"type": "image", "image": {"url": "jan_01", "detail": "auto"}}])
        );
    }

    #[test]
    fn every_item_has_a_role_and_content() {
        let shape = shaped(json!({"type": "web_search_call", "action": {}}));
        assert_eq!((&shape["role"], &shape["content"]), (&json!("assistant"), &json!([])));
    }

    #[test]
    fn the_arguments_of_every_call_are_json() {
        let arguments = |call: Value| {
            let shape = shaped(
                json!({"role": "assistant", "content": [{"type": "tool_calls", "tool_calls": [call]}]}),
            );
            let text =
                shape["content"][0]["tool_calls"][0]["function"]["arguments"].as_str().unwrap().to_owned();
            serde_json::from_str::<Value>(&text).unwrap()
        };
        let function =
            |arguments: &str| json!({"id": "c", "function": {"name": "f", "arguments": arguments}});
        assert_eq!(arguments(function("{\"a\":1}")), json!({"a": 1}));
        assert_eq!(arguments(function("")), json!({}));
        assert_eq!(arguments(function("{\"a")), json!({"arguments": "{\"a"}));
        let custom = json!({"id": "c", "type": "custom", "custom": {"name": "f", "input": "x y"}});
        assert_eq!(arguments(custom), json!({"input": "x y"}));
    }
}
