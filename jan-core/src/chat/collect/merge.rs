//! Combines unknown members of several pieces. Only texts that are known to come in pieces are joined. Values that are
//! sent again with every chunk (a severity, a fingerprint, a list of sources) are kept once.

use serde_json::Value;

use crate::chat::Rest;

/// Names of members whose texts come in pieces, and whose lists get one more entry with each piece.
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
/// The longest list that is searched for a repeated entry.
const MAX_SEARCHED: usize = 1000;

fn grows(name: &str) -> bool {
    GROWING.contains(&name) || name.ends_with("_content") || name.ends_with("_text")
}

/// Adds a piece's members and returns by about how many bytes the object grew.
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

/// Adds entries to a list. An entry with an `index` continues the entry with the same index. Other entries are new,
/// unless the list contains them already.
fn entries(list: &mut Vec<Value>, more: Vec<Value>, each_counts: bool) -> usize {
    let mut grown = 0;
    for entry in more {
        let index = entry.get("index").filter(|index| index.is_u64());
        let same = index.and_then(|index| list.iter().position(|known| known.get("index") == Some(index)));
        let again = !each_counts && list.len() < MAX_SEARCHED && list.contains(&entry);
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

/// The estimated memory of a value, in bytes.
fn size(value: &Value) -> usize {
    let inside: usize = match value {
        Value::String(text) => text.len(),
        Value::Array(list) => list.iter().map(size).sum(),
        Value::Object(members) => members.iter().map(|(name, value)| name.len() + size(value)).sum(),
        _ => 0,
    };
    inside + size_of::<Value>()
}
