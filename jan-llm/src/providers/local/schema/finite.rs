//! Checks whether a schema allows a finite value. An object that must contain an object of the same schema is a valid
//! grammar, but a model that follows it writes opening braces until its token limit.

use std::collections::HashSet;

use serde_json::{Map, Value};

/// Whether a finite value matches a flattened schema.
pub(super) fn is_finite(root: &Value, defs: &Map<String, Value>) -> bool {
    // The definitions that are known to be finite. At first there are none; each round adds those that are finite given
    // the ones found so far. When a round adds nothing, all other definitions are infinite.
    let mut finite: HashSet<&str> = HashSet::new();
    loop {
        let more =
            defs.iter().filter(|(name, schema)| !finite.contains(name.as_str()) && has_end(schema, &finite));
        let more: Vec<&str> = more.map(|(name, _)| name.as_str()).collect();
        if more.is_empty() {
            return has_end(root, &finite);
        }
        finite.extend(more);
    }
}

fn has_end(schema: &Value, finite: &HashSet<&str>) -> bool {
    let Some(object) = schema.as_object() else { return *schema != Value::Bool(false) };
    let each = |key: &str| object.get(key).and_then(Value::as_array);
    let reference = object.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix("#/$defs/"));
    if reference.is_some_and(|name| !finite.contains(name)) {
        return false;
    }
    if each("allOf").is_some_and(|all| !all.iter().all(|schema| has_end(schema, finite))) {
        return false;
    }
    for key in ["anyOf", "oneOf"] {
        if each(key).is_some_and(|any| !any.iter().any(|schema| has_end(schema, finite))) {
            return false;
        }
    }
    if object.contains_key("enum") || object.contains_key("const") {
        return true;
    }
    match object.get("type") {
        Some(Value::String(kind)) => is_possible(kind, object, finite),
        Some(Value::Array(kinds)) => {
            kinds.iter().any(|kind| kind.as_str().is_none_or(|kind| is_possible(kind, object, finite)))
        }
        // Without a type, any scalar (a number, for example) is finite.
        _ => true,
    }
}

fn is_possible(kind: &str, object: &Map<String, Value>, finite: &HashSet<&str>) -> bool {
    let may = |schema: Option<&Value>| schema.is_none_or(|schema| has_end(schema, finite));
    match kind {
        "object" => {
            let members = object.get("properties").and_then(Value::as_object);
            let required = object.get("required").and_then(Value::as_array);
            let mut names = required.into_iter().flatten().filter_map(Value::as_str);
            let is_open = object.contains_key("patternProperties");
            names.all(|name| match members.and_then(|members| members.get(name)) {
                Some(member) => has_end(member, finite),
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
            first.iter().take(least).all(|item| has_end(item, finite))
                && (least <= first.len() || may(others))
        }
        _ => true,
    }
}
