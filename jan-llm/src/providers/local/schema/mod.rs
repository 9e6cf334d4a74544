//! Prepares callers' JSON Schemas for the grammar engine. The engine supports combinations (`allOf`, `anyOf`, `oneOf`,
//! `$ref` beside other keywords) only in part, and does not detect schemas that allow only infinite values.
//!
//! | file | does |
//! |---|---|
//! | `flatten` | resolves combinations into alternatives, plain keywords and references |
//! | `merge` | merges two sets of plain keywords that apply together |
//! | `bounds` | adds bounds where a small model might never end |
//! | `finite` | refuses schemas that no finite value matches |

mod bounds;
mod finite;
mod flatten;
mod merge;

use serde_json::{Map, Value, json};

pub(super) use bounds::any_object;

/// A schema in the form that the engine supports, with its definitions.
#[derive(Debug, Clone)]
pub(super) struct Plain {
    root: Value,
    defs: Map<String, Value>,
}

impl Plain {
    /// Reads a caller's schema.
    ///
    /// # Errors
    /// The reason why the schema cannot be used, as the end of a sentence.
    pub(super) fn read(schema: &Value) -> Result<Self, String> {
        Self::both(schema, &Value::Bool(true), "")
    }

    /// The schema of a function's arguments: always an object, without members if the function has no parameters.
    /// `name` is a prefix that keeps the definitions of several functions apart.
    ///
    /// # Errors
    /// As [`Plain::read`].
    pub(super) fn arguments(parameters: Option<&Value>, name: &str) -> Result<Self, String> {
        let described = parameters.filter(|parameters| {
            let restricts = |(key, value): (&String, &Value)| match key.as_str() {
                "type" => value != "object",
                key => !merge::is_annotation(key),
            };
            parameters.as_object().is_none_or(|object| object.iter().any(restricts))
        });
        match described.filter(|parameters| !parameters.is_null()) {
            Some(parameters) => Self::both(parameters, &json!({"type": "object"}), name),
            None => Self::both(&json!({"type": "object", "properties": {}}), &Value::Bool(true), name),
        }
    }

    fn both(schema: &Value, also: &Value, name: &str) -> Result<Self, String> {
        if !schema.is_object() {
            return Err("it must be an object".into());
        }
        let (mut root, mut defs) = flatten::flatten(schema, also, name)?;
        bounds::tighten(&mut root);
        defs.values_mut().for_each(bounds::tighten);
        if !finite::is_finite(&root, &defs) {
            return Err("nothing that ends can fulfil it".into());
        }
        Ok(Self { root, defs })
    }

    /// The schema of one call of any of these functions.
    pub(super) fn call(functions: Vec<(&str, Self)>) -> Self {
        let mut defs = Map::new();
        let calls = functions.into_iter().map(|(name, arguments)| {
            defs.extend(arguments.defs);
            json!({
                "type": "object",
                "properties": {"name": {"type": "string", "enum": [name]}, "arguments": arguments.root},
                "required": ["name", "arguments"],
                "additionalProperties": false
            })
        });
        let calls: Vec<Value> = calls.collect();
        Self { root: json!({ "anyOf": calls }), defs }
    }

    /// The schema as one document.
    pub(super) fn document(self) -> Map<String, Value> {
        let mut document = match self.root {
            Value::Object(root) => root,
            other => Map::from_iter([("allOf".to_owned(), Value::Array(vec![other]))]),
        };
        if !self.defs.is_empty() {
            document.insert("$defs".into(), Value::Object(self.defs));
        }
        document
    }
}

#[cfg(test)]
mod tests;
