//! Members that we do not know, put together from their pieces. Only texts that grow are joined; what is sent again with
//! every chunk (a severity, a fingerprint, a list of sources) stays what it is.

use serde_json::Value;

use crate::chat::Rest;

/// Members whose texts come in pieces, and whose lists hold one entry for each piece.
const GROWING: [&str; 20] = [
    "analysis",
    "arguments",
    "content",
    "data",
    "input",
    "partial_json",
    "reasoning",
    "refusal",
    "summary",
    "text",
    "text_offset",
    "thinking",
    "thought",
    "thoughts",
    "token_ids",
    "token_logprobs",
    "tokens",
    "top_logprobs",
    "transcript",
    "transcription",
];
/// Longer lists are not searched for an entry that comes again.
const SEARCHED: usize = 1000;

fn grows(name: &str) -> bool {
    GROWING.contains(&name) || name.ends_with("_content") || name.ends_with("_text")
}

/// Adds a piece's members, and says by about how many bytes that made them larger.
pub(super) fn members(to: &mut Rest, from: Rest) -> usize {
    let mut grown = 0;
    for (name, value) in from {
        grown += match (to.get_mut(&name), value) {
            (_, Value::Null) => 0,
            (Some(Value::String(text)), Value::String(more)) if grows(&name) => {
                text.push_str(&more);
                more.len()
            }
            (Some(Value::Array(list)), Value::Array(more)) => entries(list, more, grows(&name)),
            (Some(Value::Object(inner)), Value::Object(more)) => members(inner, more),
            (_, value) => {
                let larger = size(&value) + name.len();
                let before = to.insert(name, value);
                larger.saturating_sub(before.as_ref().map_or(0, size))
            }
        };
    }
    grown
}

/// Entries that say their `index` go on with the one of that index; others are new, unless they are there already.
fn entries(list: &mut Vec<Value>, more: Vec<Value>, each_counts: bool) -> usize {
    let mut grown = 0;
    for entry in more {
        let index = entry.get("index").filter(|index| index.is_u64());
        let same = index.and_then(|index| list.iter().position(|known| known.get("index") == Some(index)));
        let again = !each_counts && list.len() < SEARCHED && list.contains(&entry);
        grown += match (same.and_then(|at| list.get_mut(at)), entry) {
            (Some(Value::Object(known)), Value::Object(more)) => members(known, more),
            _ if again => 0,
            (_, entry) => {
                let larger = size(&entry);
                list.push(entry);
                larger
            }
        };
    }
    grown
}

/// About how many bytes a value takes.
fn size(value: &Value) -> usize {
    let inside: usize = match value {
        Value::String(text) => text.len(),
        Value::Array(list) => list.iter().map(size).sum(),
        Value::Object(members) => members.iter().map(|(name, value)| name.len() + size(value)).sum(),
        _ => 0,
    };
    inside + size_of::<Value>()
}
