//! The `role` and `content` of stored tool calls and results, for user interfaces that do not know OpenAI's item types.
//! They are computed when an item is returned. They are not stored, and not sent to a model: it gets OpenAI's members.

use jan_core::conversation::Item;
use serde_json::{Value, json};

/// The role and the content of an item that is a call or a result; `None` for all others.
pub(super) fn role_and_content(item: &Item) -> Option<(&'static str, Vec<Value>)> {
    let text = |member: &str| item.text(member).unwrap_or_default();
    let value = |member: &str| item.body.get::<Value>(member).ok().flatten().filter(|value| !value.is_null());
    let call_id = text("call_id");
    match text("type").as_str() {
        kind @ ("function_call" | "mcp_call" | "custom_tool_call") => {
            let call = if kind == "custom_tool_call" {
                json!({"id": call_id, "type": "custom",
                       "custom": {"name": text("name"), "input": text("input")}})
            } else {
                json!({"id": call_id, "type": "function",
                       "function": {"name": text("name"), "arguments": text("arguments")}})
            };
            let mut content = vec![json!({"type": "tool_calls", "tool_calls": [call]})];
            // A call whose outcome was reported has its result in the same item.
            let outcome = value("output").or_else(|| value("error"));
            content.extend(outcome.map(|output| result(&call_id, &output)));
            Some(("assistant", content))
        }
        "function_call_output" | "custom_tool_call_output" => {
            let output = value("output").unwrap_or_default();
            Some(("tool", vec![result(&call_id, &output)]))
        }
        _ => None,
    }
}

fn result(call_id: &str, output: &Value) -> Value {
    json!({"type": "tool_result", "tool_call_id": call_id, "tool_result": as_text(output)})
}

/// A tool's output as text: text parts are joined, everything else becomes JSON text.
fn as_text(output: &Value) -> String {
    let texts = |parts: &Vec<Value>| {
        let text = |part: &Value| Some(part.get("text")?.as_str()?.to_owned());
        parts.iter().map(text).collect::<Option<String>>()
    };
    match output {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(parts) => texts(parts).unwrap_or_else(|| output.to_string()),
        _ => output.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jan_core::JsonObject;

    fn shown(item: Value) -> Option<(&'static str, Vec<Value>)> {
        role_and_content(&Item::new("msg_1", 0, JsonObject::parse(item.to_string().into()).unwrap()))
    }

    #[test]
    fn only_calls_and_results_get_a_role_and_content() {
        let call = json!({"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}});
        let calls = json!({"type": "tool_calls", "tool_calls": [call]});
        let item = json!({"type": "mcp_call", "call_id": "c1", "name": "look", "arguments": "{}"});
        assert_eq!(shown(item.clone()), Some(("assistant", vec![calls.clone()])));
        let mut reported = item;
        reported["output"] = "a cat".into();
        let result = json!({"type": "tool_result", "tool_call_id": "c1", "tool_result": "a cat"});
        assert_eq!(shown(reported), Some(("assistant", vec![calls, result.clone()])));
        let output =
            |output: Value| shown(json!({"type": "function_call_output", "call_id": "c1", "output": output}));
        assert_eq!(output(json!("a cat")), Some(("tool", vec![result.clone()])));
        let parts = json!([{"type": "text", "text": "a "}, {"type": "text", "text": "cat"}]);
        assert_eq!(output(parts), Some(("tool", vec![result])));
        let object = output(json!({"a": 1})).unwrap().1.remove(0);
        assert_eq!(object["tool_result"], "{\"a\":1}");
        for other in ["message", "reasoning", "computer_call_output"] {
            assert_eq!(shown(json!({"type": other, "call_id": "c1"})), None);
        }
    }
}
