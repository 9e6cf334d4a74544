//! Adds bounds to a schema where it has none. Without a bound, a small model may never end a string or an array. The
//! bounds: strings of at most 256 characters, arrays of at most 16 items, whole numbers that every JSON parser reads
//! exactly, and only the listed members in objects. A bound never contradicts the schema.

use serde_json::{Map, Value, json};

const STRING: u64 = 256;
const ITEMS: u64 = 16;
/// The largest whole number that every JSON parser reads exactly.
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

/// Adds the bounds to a flattened schema.
pub(super) fn tighten(schema: &mut Value) {
    if *schema == Value::Bool(true) || schema.as_object().is_some_and(Map::is_empty) {
        *schema = some_value();
        return;
    }
    let Some(object) = schema.as_object_mut() else { return };
    // The schemas in `allOf` apply together, so a bound on one of them could contradict another.
    if object.contains_key("allOf") {
        return;
    }
    if !["enum", "const", "$ref", "anyOf", "oneOf", "type"].iter().any(|key| object.contains_key(*key)) {
        // A schema with `properties` but without a type is meant for objects, although it is valid for other types too.
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

/// Lists the required members that are not listed. Otherwise forbidding other members would make the object impossible.
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

/// Bounds an object without listed members.
fn open_object(object: &mut Map<String, Value>) {
    object.entry("additionalProperties").or_insert_with(some_value);
    let number = |key: &str| object.get(key).and_then(Value::as_u64).unwrap_or(0);
    let required = object.get("required").and_then(Value::as_array).map_or(0, Vec::len) as u64;
    let most = ITEMS.max(number("minProperties")).max(required);
    object.entry("maxProperties").or_insert(most.into());
}

/// The schema for any value within the bounds.
fn some_value() -> Value {
    any_object().get_mut("additionalProperties").map_or(Value::Bool(true), Value::take)
}
