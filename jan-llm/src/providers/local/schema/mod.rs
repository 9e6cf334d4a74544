//! JSON Schemas of callers, made ready for the grammar engine. The engine takes each combination (`allOf`, `anyOf`,
//! `oneOf`, `$ref` beside other keywords) only up to a point, and has no notion of an answer that never ends. So
//!
//! | file | does |
//! |---|---|
//! | `flatten` | takes combinations apart: what is left are alternatives, plain keywords and references |
//! | `merge` | two sets of plain keywords that hold at once, as one |
//! | `bounds` | bounds what is left open, where a small model would write for ever |
//! | `finite` | whether there is an end: an object that must hold itself has none |

mod bounds;
mod finite;
mod flatten;
mod merge;

use serde_json::{Map, Value, json};

pub(super) use bounds::any_object;

/// A schema that the engine can take, with what its references lead to.
#[derive(Debug, Clone)]
pub(super) struct Plain {
    root: Value,
    defs: Map<String, Value>,
}

impl Plain {
    /// Reads a caller's schema.
    ///
    /// # Errors
    /// Why nothing can fulfil it, or what it is too large for, as the end of a sentence.
    pub(super) fn read(schema: &Value) -> Result<Self, String> {
        Self::both(schema, &Value::Bool(true), "")
    }

    /// The arguments of a function: always an object, and an empty one if the function takes none. `name` tells apart what
    /// several functions define.
    ///
    /// # Errors
    /// As [`Plain::read`].
    pub(super) fn arguments(parameters: Option<&Value>, name: &str) -> Result<Self, String> {
        let described = parameters.filter(|parameters| {
            let says = |(key, value): (&String, &Value)| match key.as_str() {
                "type" => value != "object",
                key => !merge::is_annotation(key),
            };
            parameters.as_object().is_none_or(|object| object.iter().any(says))
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

    /// One call of any of these functions.
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
