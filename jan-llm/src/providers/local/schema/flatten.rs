//! Resolves combinations of schemas. At each location of a value (the root, a member, an item) a set of schemas
//! applies: the one written there, those in its `allOf`, and those that `$ref` points to. They are merged into one set
//! of plain keywords; each branch of an `anyOf` or `oneOf` is merged with that set separately. The locations below
//! (members and items) are handled in the same way.
//!
//! A location whose set contains a reference becomes a definition, identified by the set. A recursive schema so comes
//! back to a definition that exists already: a document has finitely many schemas, and so finitely many sets of them.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::merge::{self, Merged};

/// The most locations and branches; a schema with more is refused as too large.
const MAX_LOCATIONS: usize = 20_000;
/// The most values that are copied by merging, which bounds the time.
const MAX_VALUES: usize = 1_000_000;
/// The most definitions.
const MAX_DEFINITIONS: usize = 2000;
/// The longest chain of references at one location.
const MAX_REFERENCES: usize = 64;
/// The deepest nesting of combinations and locations.
const MAX_DEPTH: usize = 256;
/// The sum of the depths of all definitions: the engine recurses into a definition when it first reads its name, so in
/// the worst case all of them are nested.
const MAX_TOTAL_DEPTH: usize = 2000;

/// The flattened schema, and the definitions that it refers to. The schema `also` applies in addition to `document`;
/// `name` is the prefix of the definitions' names.
pub(super) fn flatten(
    document: &Value,
    also: &Value,
    name: &str,
) -> Result<(Value, Map<String, Value>), String> {
    let (names, waiting, defs) = (HashMap::new(), Vec::new(), Map::new());
    let mut flattener =
        Flattener { document, name, names, waiting, defs, count: 0, values: 0, depth: 0, total_depth: 0 };
    let root = flattener.defined(&[document, also])?;
    while let Some((name, parts)) = flattener.waiting.pop() {
        let parts: Vec<&Value> = parts.iter().collect();
        let schema = flattener.defined(&parts)?;
        flattener.defs.insert(name, schema);
    }
    Ok((root, flattener.defs))
}

struct Flattener<'a> {
    document: &'a Value,
    name: &'a str,
    /// The names of the definitions, by the set of schemas that applies there.
    names: HashMap<String, String>,
    /// Definitions that are named but not flattened yet.
    waiting: Vec<(String, Vec<Value>)>,
    defs: Map<String, Value>,
    // What was counted so far against the limits above.
    count: usize,
    values: usize,
    depth: usize,
    total_depth: usize,
}

/// Everything that applies at a location.
#[derive(Clone, Default)]
struct Applied {
    /// The merged plain keywords.
    plain: Map<String, Value>,
    /// Schemas that cannot be merged with them. They are passed to the engine in an `allOf`.
    beside: Vec<Value>,
    choices: Vec<Choice>,
    /// Whether the schemas contradict each other, so that no value matches.
    never: bool,
}

/// The branches of an `anyOf` or `oneOf`.
#[derive(Clone)]
struct Choice {
    /// `anyOf` or `oneOf`.
    kind: &'static str,
    branches: Vec<Value>,
    /// The references that were followed to it at this location.
    path: Vec<String>,
}

impl<'a> Flattener<'a> {
    /// Flattens the root or a definition.
    fn defined(&mut self, parts: &[&Value]) -> Result<Value, String> {
        let schema = self.location(parts)?;
        self.total_depth += depth(&schema);
        if self.total_depth > MAX_TOTAL_DEPTH {
            return Err("it is too deep".into());
        }
        Ok(schema)
    }

    /// Flattens a location where all of `parts` apply.
    fn location(&mut self, parts: &[&Value]) -> Result<Value, String> {
        let mut applied = Applied::default();
        for part in parts {
            self.collect(part, &mut Vec::new(), &mut applied)?;
        }
        self.build(applied)
    }

    fn build(&mut self, applied: Applied) -> Result<Value, String> {
        self.count += 1;
        if self.count > MAX_LOCATIONS {
            return Err("it is too large".into());
        }
        self.deeper(|this| this.build_applied(applied))
    }

    fn deeper<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, String>) -> Result<T, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("it is too deep".into());
        }
        let done = work(self);
        self.depth -= 1;
        done
    }

    /// Counts copied values against the limit.
    fn count_copied(&mut self, values: usize) -> Result<(), String> {
        self.values = self.values.saturating_add(values);
        if self.values > MAX_VALUES { Err("it is too large".into()) } else { Ok(()) }
    }

    fn build_applied(&mut self, mut applied: Applied) -> Result<Value, String> {
        if applied.never {
            return Ok(Value::Bool(false));
        }
        if let Some(Choice { kind, branches, path }) = applied.choices.pop() {
            let mut made = Vec::new();
            let size = applied.plain.values().chain(&applied.beside).map(size).sum::<usize>();
            let size = size
                + applied.choices.iter().flat_map(|choice| &choice.branches).map(self::size).sum::<usize>();
            for branch in &branches {
                self.count_copied(size)?;
                let mut with = applied.clone();
                self.collect(branch, &mut path.clone(), &mut with)?;
                let branch = self.build(with)?;
                if branch != Value::Bool(false) {
                    made.push(branch);
                }
            }
            return Ok(match made.len() {
                0 => Value::Bool(false),
                1 => made.swap_remove(0),
                _ => json!({ kind: made }),
            });
        }
        for key in ["properties", "patternProperties"] {
            if let Some(Value::Object(members)) = applied.plain.get_mut(key) {
                for member in members.values_mut() {
                    *member = self.below(member)?;
                }
            }
        }
        for key in ["items", "additionalProperties", "additionalItems"] {
            match applied.plain.get_mut(key) {
                Some(Value::Array(several)) => self.each_below(several)?,
                Some(one) => *one = self.below(one)?,
                None => {}
            }
        }
        if let Some(Value::Array(several)) = applied.plain.get_mut("prefixItems") {
            self.each_below(several)?;
        }
        if applied.beside.is_empty() {
            return Ok(Value::Object(applied.plain));
        }
        let mut all = vec![Value::Object(applied.plain)];
        for part in applied.beside {
            all.push(self.below(&part)?);
        }
        Ok(json!({ "allOf": all }))
    }

    fn each_below(&mut self, schemas: &mut [Value]) -> Result<(), String> {
        for schema in schemas {
            *schema = self.below(schema)?;
        }
        Ok(())
    }

    /// Flattens a location below the current one, or returns a reference to its definition.
    fn below(&mut self, schema: &Value) -> Result<Value, String> {
        let mut parts = Vec::new();
        split(schema, &mut parts, 0)?;
        if !parts.iter().any(has_reference) {
            let parts: Vec<&Value> = parts.iter().collect();
            return self.location(&parts);
        }
        // The definition is identified by the set of its schemas, so their order must not matter.
        let mut texts: Vec<String> = parts.iter().map(Value::to_string).collect();
        texts.sort_unstable();
        texts.dedup();
        let next = format!("{}{}", self.name, self.names.len());
        let name = self.names.entry(texts.join("\n")).or_insert_with(|| next.clone()).clone();
        if name == next {
            self.waiting.push((next, parts));
        }
        if self.names.len() > MAX_DEFINITIONS {
            return Err("it is too large".into());
        }
        Ok(json!({ "$ref": format!("#/$defs/{name}") }))
    }

    /// Adds a schema to those that apply at a location. `path` holds the references that were followed at this
    /// location.
    fn collect(
        &mut self,
        schema: &Value,
        path: &mut Vec<String>,
        applied: &mut Applied,
    ) -> Result<(), String> {
        // Counted also for an empty schema: with `allOf` of two equal references, the number of paths doubles at each.
        self.count_copied(1)?;
        let object = match schema {
            Value::Bool(true) => return Ok(()),
            Value::Bool(false) => {
                applied.never = true;
                return Ok(());
            }
            Value::Object(object) => object,
            other => return Err(format!("`{}` is no schema", shortened(other))),
        };
        if path.len() > MAX_REFERENCES {
            return Err(format!("it refers from one place to the next more than {MAX_REFERENCES} times"));
        }
        let mut plain = Map::new();
        for (key, value) in object {
            match key.as_str() {
                "$ref" => self.follow(value, path, applied)?,
                "allOf" => {
                    for part in several(key, value)? {
                        self.deeper(|this| this.collect(part, path, applied))?;
                    }
                }
                "anyOf" | "oneOf" => {
                    let kind = if key == "anyOf" { "anyOf" } else { "oneOf" };
                    let branches = several(key, value)?;
                    self.count_copied(branches.iter().map(size).sum())?;
                    let branches = branches.clone();
                    applied.choices.push(Choice { kind, branches, path: path.clone() });
                }
                "$defs" | "definitions" | "$schema" | "$id" | "x-guidance" => {}
                key if merge::is_annotation(key) => {}
                _ => drop(plain.insert(key.clone(), value.clone())),
            }
        }
        self.count_copied(plain.values().map(size).sum())?;
        self.count_copied(spread(&applied.plain, &plain).saturating_add(spread(&plain, &applied.plain)))?;
        match merge::merge(&mut applied.plain, plain) {
            Merged::Whole => {}
            Merged::Never => applied.never = true,
            Merged::Beside(part) => applied.beside.push(Value::Object(part)),
        }
        Ok(())
    }

    fn follow(
        &mut self,
        reference: &Value,
        path: &mut Vec<String>,
        applied: &mut Applied,
    ) -> Result<(), String> {
        let reference = reference.as_str().ok_or("`$ref` must be a string")?;
        if path.iter().any(|passed| passed == reference) {
            // A schema that refers to itself at the same location matches no value that could be generated.
            applied.never = true;
            return Ok(());
        }
        let target = self.target(reference)?;
        path.push(reference.to_owned());
        self.deeper(|this| this.collect(target, path, applied))?;
        path.pop();
        Ok(())
    }

    fn target(&self, reference: &str) -> Result<&'a Value, String> {
        let pointer = reference.strip_prefix('#').map(unescaped);
        let pointer = pointer.map(|pointer| if pointer == "/" { String::new() } else { pointer });
        let found = pointer.and_then(|pointer| self.document.pointer(&pointer));
        found.ok_or_else(|| format!("`$ref` names `{reference}`, which is not in it"))
    }
}

/// Splits a schema into the schemas that apply together: its own keywords, and those in its `allOf`.
fn split(schema: &Value, parts: &mut Vec<Value>, depth: usize) -> Result<(), String> {
    let Some(object) = schema.as_object().filter(|object| object.contains_key("allOf")) else {
        parts.push(schema.clone());
        return Ok(());
    };
    if depth > MAX_DEPTH {
        return Err("it is too deep".into());
    }
    let mut rest = object.clone();
    let inner = rest.shift_remove("allOf").unwrap_or_default();
    if !rest.is_empty() {
        parts.push(Value::Object(rest));
    }
    for part in several("allOf", &inner)? {
        split(part, parts, depth + 1)?;
    }
    Ok(())
}

/// Whether a schema contains a reference for its own location, also inside a combination.
fn has_reference(schema: &Value) -> bool {
    let branches = ["anyOf", "oneOf", "allOf"].iter().filter_map(|key| schema.get(key)?.as_array());
    schema.get("$ref").is_some() || branches.flatten().any(has_reference)
}

fn several<'v>(key: &str, value: &'v Value) -> Result<&'v Vec<Value>, String> {
    value.as_array().filter(|all| !all.is_empty()).ok_or_else(|| format!("`{key}` must be a list of schemas"))
}

/// The number of values in a value; a long text counts as several.
fn size(value: &Value) -> usize {
    1 + match value {
        Value::String(text) => text.len() / 8,
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Object(members) => members.iter().map(|(key, value)| key.len() / 8 + size(value)).sum(),
        _ => 0,
    }
}

/// How many values merging copies from `by`: its schema for additional members is copied to each member of `listed`.
fn spread(listed: &Map<String, Value>, by: &Map<String, Value>) -> usize {
    let members = listed.get("properties").and_then(Value::as_object).map_or(0, Map::len);
    by.get("additionalProperties").map_or(0, |additional| members.saturating_mul(size(additional)))
}

/// The nesting depth of a value.
fn depth(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn shortened(value: &Value) -> String {
    value.to_string().chars().take(60).collect()
}

/// Decodes the percent-encoding of a JSON pointer in a URL fragment.
fn unescaped(fragment: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = fragment.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        let code = others.get(..2).and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = others.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = others;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
