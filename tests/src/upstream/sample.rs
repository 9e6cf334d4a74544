//! A small value that fits a JSON schema, so that the fake upstream can answer `response_format` and a forced tool
//! call with a value that a strict client accepts.

use serde_json::{Map, Value, json};

/// A value that fits `schema` (only the keywords that clients use are supported); `{}` without a schema.
pub(super) fn sample(schema: &Value) -> Value {
    match schema {
        Value::Null => json!({}),
        _ => fit(schema, schema, 0),
    }
}

fn fit(schema: &Value, root: &Value, depth: usize) -> Value {
    // A schema can refer to itself, so the depth is limited.
    if depth > 32 {
        return Value::Null;
    }
    if let Some(target) = schema["$ref"].as_str().and_then(|r| root.pointer(r.trim_start_matches('#'))) {
        return fit(target, root, depth + 1);
    }
    if let Some(value) = schema.get("const") {
        return value.clone();
    }
    for choice in ["enum", "anyOf", "oneOf", "allOf"] {
        match (choice, schema[choice].as_array().and_then(|choices| choices.first())) {
            (_, None) => {}
            ("enum", Some(value)) => return value.clone(),
            (_, Some(inner)) => return fit(inner, root, depth + 1),
        }
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str());
    match kind {
        Some("string") => json!("x".repeat(count(schema, "minLength").max(1))),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(1)),
        Some("boolean") => json!(true),
        Some("null") => Value::Null,
        Some("array") => {
            json!(vec![fit(&schema["items"], root, depth + 1); count(schema, "minItems").max(1)])
        }
        _ => {
            let properties = schema["properties"].as_object();
            let fitted = properties.into_iter().flatten();
            Value::Object(
                fitted.map(|(key, inner)| (key.clone(), fit(inner, root, depth + 1))).collect::<Map<_, _>>(),
            )
        }
    }
}

fn count(schema: &Value, keyword: &str) -> usize {
    schema[keyword].as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_every_property_in_its_type() {
        let schema = json!({
            "type": "object",
            "properties": {
                "city": {"type": "string", "minLength": 3},
                "unit": {"enum": ["celsius", "fahrenheit"]},
                "days": {"type": "array", "items": {"$ref": "#/$defs/day"}, "minItems": 2},
                "note": {"type": ["string", "null"]},
            },
            "$defs": {"day": {"type": "integer", "minimum": 5}},
        });
        let expected = json!({"city": "xxx", "unit": "celsius", "days": [5, 5], "note": "x"});
        assert_eq!(sample(&schema), expected);
        assert_eq!(sample(&Value::Null), json!({}));
    }

    #[test]
    fn a_recursive_schema_gives_a_finite_value() {
        let schema = json!({"type": "object", "properties": {"next": {"$ref": "#"}}});
        assert!(sample(&schema).is_object());
    }
}
