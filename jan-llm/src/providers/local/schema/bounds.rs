//! Bounds for what a schema leaves open. A small model left alone in an endless string or array stays there. So where a
//! flattened schema says nothing, strings are at most 256 characters, arrays 16 items, whole numbers those that JSON
//! readers keep exactly, and objects have the members that are listed. A bound never contradicts what the schema does say.

use serde_json::{Map, Value, json};

const STRING: u64 = 256;
const ITEMS: u64 = 16;
/// The largest whole number that every JSON reader keeps exactly.
const WHOLE: i64 = (1 << 53) - 1;

/// Any JSON object within the bounds: at most 16 members, three levels deep.
pub(in super::super) fn any_object() -> Value {
    let text = json!({"type": "string", "maxLength": STRING});
    let mut value = json!({"anyOf": [text, {"type": ["integer", "number", "boolean", "null"]}]});
    for _ in 0..2 {
        let list = json!({"type": "array", "items": value, "maxItems": ITEMS});
        let object = json!({"type": "object", "additionalProperties": value, "maxProperties": ITEMS});
        value = json!({"anyOf": [text, {"type": ["integer", "number", "boolean", "null"]}, list, object]});
    }
    json!({"type": "object", "additionalProperties": value, "maxProperties": ITEMS})
}

/// Bounds what the schema leaves open.
pub(super) fn tighten(schema: &mut Value) {
    if *schema == Value::Bool(true) || schema.as_object().is_some_and(Map::is_empty) {
        *schema = some_value();
        return;
    }
    let Some(object) = schema.as_object_mut() else { return };
    // What stands beside other schemas may be bounded by them, or need to be as large as they say.
    if object.contains_key("allOf") {
        return;
    }
    if !["enum", "const", "$ref", "anyOf", "oneOf", "type"].iter().any(|key| object.contains_key(*key)) {
        // Whoever lists members means an object, although anything else that is no object would do as well.
        for (key, kind) in [("properties", "object"), ("items", "array")] {
            if object.contains_key(key) {
                object.insert("type".into(), kind.into());
            }
        }
    }
    if !["enum", "const", "pattern", "format", "$ref"].iter().any(|key| object.contains_key(*key)) {
        lengths(object);
    }
    if object.contains_key("properties") {
        list_required(object);
        if !object.contains_key("minProperties") {
            object.entry("additionalProperties").or_insert(false.into());
        }
    } else if is(object, "object") && !object.contains_key("patternProperties") {
        open_object(object);
    }
    for key in ["properties", "patternProperties"] {
        if let Some(Value::Object(named)) = object.get_mut(key) {
            named.values_mut().for_each(tighten);
        }
    }
    for key in ["anyOf", "oneOf", "prefixItems"] {
        if let Some(Value::Array(several)) = object.get_mut(key) {
            several.iter_mut().for_each(tighten);
        }
    }
    for key in ["items", "additionalProperties", "additionalItems"] {
        match object.get_mut(key) {
            Some(Value::Array(several)) => several.iter_mut().for_each(tighten),
            Some(one) => tighten(one),
            None => {}
        }
    }
}

fn is(object: &Map<String, Value>, kind: &str) -> bool {
    match object.get("type") {
        Some(Value::String(one)) => one == kind,
        Some(Value::Array(many)) => many.iter().any(|one| one == kind),
        _ => false,
    }
}

fn lengths(object: &mut Map<String, Value>) {
    let number =
        |object: &Map<String, Value>, key: &str| object.get(key).and_then(Value::as_u64).unwrap_or(0);
    if is(object, "string") {
        let most = STRING.max(number(object, "minLength"));
        object.entry("maxLength").or_insert(most.into());
    }
    if is(object, "array") {
        let most = ITEMS.max(number(object, "minItems"));
        object.entry("maxItems").or_insert(most.into());
        if !object.contains_key("prefixItems") {
            object.entry("items").or_insert(true.into());
        }
    }
    let limits = ["minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"];
    let far =
        |limit: &str| object.get(limit).and_then(Value::as_f64).is_some_and(|at| at.abs() >= WHOLE as f64);
    if is(object, "integer") && !is(object, "number") && !limits.iter().any(|limit| far(limit)) {
        if !object.contains_key("exclusiveMinimum") {
            object.entry("minimum").or_insert((-WHOLE).into());
        }
        if !object.contains_key("exclusiveMaximum") {
            object.entry("maximum").or_insert(WHOLE.into());
        }
    }
}

/// A member that is required without being listed is listed, or closing the object would make it impossible.
fn list_required(object: &mut Map<String, Value>) {
    if object.contains_key("additionalProperties") || object.contains_key("patternProperties") {
        return;
    }
    let required = object.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    if let Some(Value::Object(members)) = object.get_mut("properties") {
        for name in required.iter().filter_map(Value::as_str) {
            members.entry(name).or_insert_with(some_value);
        }
    }
}

/// An object of which nothing is said about its members, or the same about each.
fn open_object(object: &mut Map<String, Value>) {
    object.entry("additionalProperties").or_insert_with(some_value);
    let number = |key: &str| object.get(key).and_then(Value::as_u64).unwrap_or(0);
    let required = object.get("required").and_then(Value::as_array).map_or(0, Vec::len) as u64;
    let most = ITEMS.max(number("minProperties")).max(required);
    object.entry("maxProperties").or_insert(most.into());
}

/// Anything, within the bounds.
fn some_value() -> Value {
    any_object().get_mut("additionalProperties").map_or(Value::Bool(true), Value::take)
}
