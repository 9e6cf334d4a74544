//! Whether an answer can come to an end. A grammar of an object that must hold itself is a good grammar, and a model that
//! follows it writes opening braces until it may write no more.

use std::collections::HashSet;

use serde_json::{Map, Value};

/// Whether anything that ends fulfils a flattened schema.
pub(super) fn is_finite(root: &Value, defs: &Map<String, Value>) -> bool {
    // Those of the definitions that are known to end: first none, then those that end without the others, and so on. What
    // is never reached does not end.
    let mut ended: HashSet<&str> = HashSet::new();
    loop {
        let more =
            defs.iter().filter(|(name, schema)| !ended.contains(name.as_str()) && ends(schema, &ended));
        let more: Vec<&str> = more.map(|(name, _)| name.as_str()).collect();
        if more.is_empty() {
            return ends(root, &ended);
        }
        ended.extend(more);
    }
}

fn ends(schema: &Value, ended: &HashSet<&str>) -> bool {
    let Some(object) = schema.as_object() else { return *schema != Value::Bool(false) };
    let each = |key: &str| object.get(key).and_then(Value::as_array);
    let reference = object.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix("#/$defs/"));
    if reference.is_some_and(|name| !ended.contains(name)) {
        return false;
    }
    if each("allOf").is_some_and(|all| !all.iter().all(|schema| ends(schema, ended))) {
        return false;
    }
    for key in ["anyOf", "oneOf"] {
        if each(key).is_some_and(|any| !any.iter().any(|schema| ends(schema, ended))) {
            return false;
        }
    }
    if object.contains_key("enum") || object.contains_key("const") {
        return true;
    }
    match object.get("type") {
        Some(Value::String(kind)) => is_possible(kind, object, ended),
        Some(Value::Array(kinds)) => {
            kinds.iter().any(|kind| kind.as_str().is_none_or(|kind| is_possible(kind, object, ended)))
        }
        // A number, for example.
        _ => true,
    }
}

fn is_possible(kind: &str, object: &Map<String, Value>, ended: &HashSet<&str>) -> bool {
    let may = |schema: Option<&Value>| schema.is_none_or(|schema| ends(schema, ended));
    match kind {
        "object" => {
            let members = object.get("properties").and_then(Value::as_object);
            let required = object.get("required").and_then(Value::as_array);
            let mut names = required.into_iter().flatten().filter_map(Value::as_str);
            let is_open = object.contains_key("patternProperties");
            names.all(|name| match members.and_then(|members| members.get(name)) {
                Some(member) => ends(member, ended),
                None => is_open || may(object.get("additionalProperties")),
            })
        }
        "array" => {
            let least = object.get("minItems").and_then(Value::as_u64).unwrap_or(0);
            let least = usize::try_from(least).unwrap_or(usize::MAX);
            let first = object.get("prefixItems").or(object.get("items")).and_then(Value::as_array);
            let first = first.map_or(&[][..], Vec::as_slice);
            let others =
                object.get("items").filter(|items| !items.is_array()).or(object.get("additionalItems"));
            first.iter().take(least).all(|item| ends(item, ended)) && (least <= first.len() || may(others))
        }
        _ => true,
    }
}
