//! Merges two sets of plain keywords that apply together into one.

use serde_json::{Map, Value, json};

/// The result of a merge.
pub(super) enum Merged {
    /// The first set now contains both.
    Whole,
    /// The sets contradict each other: no value matches both.
    Never,
    /// The second set, which cannot be expressed in one set of keywords together with the first.
    Beside(Map<String, Value>),
}

/// Whether a keyword has no effect on which values are valid.
pub(super) fn is_annotation(key: &str) -> bool {
    let annotations = [
        "title",
        "description",
        "default",
        "examples",
        "example",
        "deprecated",
        "readOnly",
        "writeOnly",
        "contentMediaType",
        "contentEncoding",
        "id",
        "$comment",
        "$anchor",
    ];
    annotations.contains(&key)
}

/// Keywords about members, and about items, whose meaning depends on each other. Sets are not merged when one has
/// patterns of member names (or a schema for each item position) and the other has any keyword about members (or
/// items).
const MEMBERS: [&str; 3] = ["patternProperties", "properties", "additionalProperties"];
const ITEMS: [&str; 3] = ["prefixItems", "items", "additionalItems"];
/// Keywords of which two different values cannot be expressed as one.
const NOT_MERGEABLE: [&str; 10] = [
    "pattern",
    "format",
    "multipleOf",
    "not",
    "if",
    "then",
    "else",
    "contains",
    "dependentSchemas",
    "propertyNames",
];

/// Merges `more` into `held`.
pub(super) fn merge(held: &mut Map<String, Value>, mut more: Map<String, Value>) -> Merged {
    if clash(held, &more) {
        return Merged::Beside(more);
    }
    if let Some(only) = more.shift_remove("const") {
        let only = json!([only]);
        let all = match more.shift_remove("enum") {
            Some(all) => common(all, &only),
            None => only,
        };
        more.insert("enum".into(), all);
    }
    apply_additional(held, &mut more);
    for (key, value) in more {
        let Some(before) = held.get_mut(&key) else {
            held.insert(key, value);
            continue;
        };
        let Some(both) = together(&key, before.take(), value) else { return Merged::Never };
        *before = both;
    }
    if held.get("enum").is_some_and(|all| all.as_array().is_some_and(Vec::is_empty)) {
        return Merged::Never;
    }
    Merged::Whole
}

fn clash(held: &Map<String, Value>, more: &Map<String, Value>) -> bool {
    let differs = |key: &str| held.get(key).zip(more.get(key)).is_some_and(|(one, other)| one != other);
    let patterns = |one: &Map<String, Value>, other: &Map<String, Value>| {
        one.contains_key("patternProperties") && MEMBERS.iter().any(|key| other.contains_key(*key))
    };
    let tuples = |one: &Map<String, Value>, other: &Map<String, Value>| {
        let is_tuple = one.contains_key("prefixItems") || one.get("items").is_some_and(Value::is_array);
        is_tuple && ITEMS.iter().any(|key| other.contains_key(*key))
    };
    patterns(held, more)
        || patterns(more, held)
        || tuples(held, more)
        || tuples(more, held)
        || NOT_MERGEABLE.iter().any(|key| differs(key))
}

/// Applies the `additionalProperties` of each set to the members that only the other set lists.
fn apply_additional(one: &mut Map<String, Value>, other: &mut Map<String, Value>) {
    let also = |listed: &mut Map<String, Value>, by: &Map<String, Value>| {
        let Some(additional) = by.get("additionalProperties") else { return };
        let known = by.get("properties").and_then(Value::as_object);
        let Some(Value::Object(members)) = listed.get_mut("properties") else { return };
        for (name, member) in members {
            if !known.is_some_and(|known| known.contains_key(name)) {
                *member = both(member.take(), additional.clone());
            }
        }
    };
    let before = one.clone();
    also(one, other);
    also(other, &before);
}

/// The merged value of a keyword that both sets have; `None` when the values contradict each other.
fn together(key: &str, one: Value, other: Value) -> Option<Value> {
    Some(match key {
        "type" => types(&one, &other)?,
        "enum" => common(one, &other),
        "required" => union(one, other),
        "properties" => members(one, other),
        "items" | "additionalProperties" | "additionalItems" => both(one, other),
        "minimum" | "exclusiveMinimum" | "minLength" | "minItems" | "minProperties" => {
            stricter(one, other, true)
        }
        "maximum" | "exclusiveMaximum" | "maxLength" | "maxItems" | "maxProperties" => {
            stricter(one, other, false)
        }
        "uniqueItems" => Value::Bool(one == true || other == true),
        // Unknown keywords have no effect.
        _ => one,
    })
}

/// The schema for values that match both schemas.
fn both(one: Value, other: Value) -> Value {
    match (one, other) {
        (Value::Bool(true), only) | (only, Value::Bool(true)) => only,
        (one, other) if one == other => one,
        (one, other) => json!({ "allOf": [one, other] }),
    }
}

fn members(one: Value, other: Value) -> Value {
    let (Value::Object(mut one), Value::Object(other)) = (one, other) else { return Value::Null };
    for (name, member) in other {
        let all = match one.get_mut(&name) {
            Some(before) => both(before.take(), member),
            None => member,
        };
        one.insert(name, all);
    }
    Value::Object(one)
}

fn list(value: &Value) -> Vec<&str> {
    match value {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The types that both allow; every integer is a number.
fn types(one: &Value, other: &Value) -> Option<Value> {
    let (one, other) = (list(one), list(other));
    let within =
        |kind: &str, kinds: &[&str]| kinds.contains(&kind) || kind == "integer" && kinds.contains(&"number");
    let mut all: Vec<&str> = one.iter().copied().filter(|kind| within(kind, &other)).collect();
    all.extend(other.iter().copied().filter(|kind| within(kind, &one) && !one.contains(kind)));
    match all.as_slice() {
        [] => None,
        [only] => Some(json!(only)),
        several => Some(json!(several)),
    }
}

fn common(one: Value, other: &Value) -> Value {
    let (Value::Array(one), Some(other)) = (one, other.as_array()) else { return Value::Null };
    Value::Array(one.into_iter().filter(|value| other.contains(value)).collect())
}

fn union(one: Value, other: Value) -> Value {
    let (Value::Array(mut one), Value::Array(other)) = (one, other) else { return Value::Null };
    for name in other {
        if !one.contains(&name) {
            one.push(name);
        }
    }
    Value::Array(one)
}

/// The stricter of two bounds. In draft 4 exclusive bounds are booleans; true is stricter.
fn stricter(one: Value, other: Value, greatest: bool) -> Value {
    match (one.as_f64(), other.as_f64()) {
        (Some(a), Some(b)) if (a >= b) == greatest => one,
        (Some(_), Some(_)) => other,
        _ if other == true => other,
        _ => one,
    }
}
