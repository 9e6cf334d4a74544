//! Takes combinations apart. What holds at one place is a set of schemas: the one that stands there, those that it names in
//! `allOf`, those that its `$ref` leads to. They are merged into one set of plain keywords; of each `anyOf` and `oneOf` the
//! branches are merged with it, one by one. Below a place (in members and items) the same is done anew.
//!
//! A place whose set holds a reference becomes a definition of its own, known by its set, so that recursion comes back to it
//! instead of going on for ever: there are only so many schemas in a document, and so only so many sets of them.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::merge::{self, Merged};

/// So many places and branches; a schema that comes to more is too large.
const MOST: usize = 20_000;
/// So many values in all that is merged, which bounds the time that it takes.
const MOST_VALUES: usize = 1_000_000;
/// So many definitions.
const MOST_DEFINITIONS: usize = 2000;
/// References one behind the other.
const DEEPEST: usize = 64;
/// Combinations in combinations, and places in places.
const DEEPEST_PLACE: usize = 256;
/// All definitions one in the other: the engine goes down into a definition when it first meets its name.
const DEEPEST_IN_ALL: usize = 2000;

/// The schema with combinations taken apart, and the definitions that its references lead to. `also` holds as well; `name`
/// begins the definitions' names.
pub(super) fn flatten(
    document: &Value,
    also: &Value,
    name: &str,
) -> Result<(Value, Map<String, Value>), String> {
    let (names, waiting, defs) = (HashMap::new(), Vec::new(), Map::new());
    let mut flattener =
        Flattener { document, name, names, waiting, defs, count: 0, values: 0, depth: 0, in_all: 0 };
    let root = flattener.defined(&[document, also])?;
    while let Some((name, parts)) = flattener.waiting.pop() {
        let parts: Vec<&Value> = parts.iter().collect();
        let place = flattener.defined(&parts)?;
        flattener.defs.insert(name, place);
    }
    Ok((root, flattener.defs))
}

struct Flattener<'a> {
    document: &'a Value,
    name: &'a str,
    /// The definitions by what holds there.
    names: HashMap<String, String>,
    waiting: Vec<(String, Vec<Value>)>,
    defs: Map<String, Value>,
    /// How much there is of it so far, see the bounds above.
    count: usize,
    values: usize,
    depth: usize,
    in_all: usize,
}

/// Everything that holds at a place.
#[derive(Clone, Default)]
struct Held {
    /// Plain keywords, merged.
    plain: Map<String, Value>,
    /// What cannot be merged with them; the engine is to try.
    beside: Vec<Value>,
    choices: Vec<Choice>,
    /// Nothing can be all of this.
    never: bool,
}

/// Branches of which one holds.
#[derive(Clone)]
struct Choice {
    /// `anyOf` or `oneOf`.
    kind: &'static str,
    branches: Vec<Value>,
    /// The references that led to it without leaving the place.
    path: Vec<String>,
}

impl<'a> Flattener<'a> {
    /// The root, or a definition.
    fn defined(&mut self, parts: &[&Value]) -> Result<Value, String> {
        let place = self.place(parts)?;
        self.in_all += depth(&place);
        if self.in_all > DEEPEST_IN_ALL {
            return Err("it is too deep".into());
        }
        Ok(place)
    }

    /// What holds where all of `parts` do.
    fn place(&mut self, parts: &[&Value]) -> Result<Value, String> {
        let mut held = Held::default();
        for part in parts {
            self.collect(part, &mut Vec::new(), &mut held)?;
        }
        self.build(held)
    }

    fn build(&mut self, held: Held) -> Result<Value, String> {
        self.count += 1;
        if self.count > MOST {
            return Err("it is too large".into());
        }
        self.deeper(|this| this.build_held(held))
    }

    fn deeper<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, String>) -> Result<T, String> {
        self.depth += 1;
        if self.depth > DEEPEST_PLACE {
            return Err("it is too deep".into());
        }
        let done = work(self);
        self.depth -= 1;
        done
    }

    /// Counts values that are copied.
    fn copy(&mut self, values: usize) -> Result<(), String> {
        self.values = self.values.saturating_add(values);
        if self.values > MOST_VALUES { Err("it is too large".into()) } else { Ok(()) }
    }

    fn build_held(&mut self, mut held: Held) -> Result<Value, String> {
        if held.never {
            return Ok(Value::Bool(false));
        }
        if let Some(Choice { kind, branches, path }) = held.choices.pop() {
            let mut made = Vec::new();
            let size = held.plain.values().chain(&held.beside).map(size).sum::<usize>();
            let size =
                size + held.choices.iter().flat_map(|choice| &choice.branches).map(self::size).sum::<usize>();
            for branch in &branches {
                self.copy(size)?;
                let mut with = held.clone();
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
            if let Some(Value::Object(members)) = held.plain.get_mut(key) {
                for member in members.values_mut() {
                    *member = self.below(member)?;
                }
            }
        }
        for key in ["items", "additionalProperties", "additionalItems"] {
            match held.plain.get_mut(key) {
                Some(Value::Array(several)) => self.each_below(several)?,
                Some(one) => *one = self.below(one)?,
                None => {}
            }
        }
        if let Some(Value::Array(several)) = held.plain.get_mut("prefixItems") {
            self.each_below(several)?;
        }
        if held.beside.is_empty() {
            return Ok(Value::Object(held.plain));
        }
        let mut all = vec![Value::Object(held.plain)];
        for part in held.beside {
            all.push(self.below(&part)?);
        }
        Ok(json!({ "allOf": all }))
    }

    fn each_below(&mut self, places: &mut [Value]) -> Result<(), String> {
        for place in places {
            *place = self.below(place)?;
        }
        Ok(())
    }

    /// A place below this one: itself, or a reference to where it is defined.
    fn below(&mut self, schema: &Value) -> Result<Value, String> {
        let mut parts = Vec::new();
        split(schema, &mut parts, 0)?;
        if !parts.iter().any(leads_elsewhere) {
            let parts: Vec<&Value> = parts.iter().collect();
            return self.place(&parts);
        }
        // The same schemas hold there, in whatever order they were met.
        let mut texts: Vec<String> = parts.iter().map(Value::to_string).collect();
        texts.sort_unstable();
        texts.dedup();
        let next = format!("{}{}", self.name, self.names.len());
        let name = self.names.entry(texts.join("\n")).or_insert_with(|| next.clone()).clone();
        if name == next {
            self.waiting.push((next, parts));
        }
        if self.names.len() > MOST_DEFINITIONS {
            return Err("it is too large".into());
        }
        Ok(json!({ "$ref": format!("#/$defs/{name}") }))
    }

    /// Adds a schema to what holds at a place. `path` has the references that led to it without leaving the place.
    fn collect(&mut self, schema: &Value, path: &mut Vec<String>, held: &mut Held) -> Result<(), String> {
        // What says nothing is a step too: the ways through references can double with every one of them.
        self.copy(1)?;
        let object = match schema {
            Value::Bool(true) => return Ok(()),
            Value::Bool(false) => {
                held.never = true;
                return Ok(());
            }
            Value::Object(object) => object,
            other => return Err(format!("`{}` is no schema", shortened(other))),
        };
        if path.len() > DEEPEST {
            return Err(format!("it refers from one place to the next more than {DEEPEST} times"));
        }
        let mut plain = Map::new();
        for (key, value) in object {
            match key.as_str() {
                "$ref" => self.follow(value, path, held)?,
                "allOf" => {
                    for part in several(key, value)? {
                        self.deeper(|this| this.collect(part, path, held))?;
                    }
                }
                "anyOf" | "oneOf" => {
                    let kind = if key == "anyOf" { "anyOf" } else { "oneOf" };
                    let branches = several(key, value)?;
                    self.copy(branches.iter().map(size).sum())?;
                    let branches = branches.clone();
                    held.choices.push(Choice { kind, branches, path: path.clone() });
                }
                "$defs" | "definitions" | "$schema" | "$id" | "x-guidance" => {}
                key if merge::is_annotation(key) => {}
                _ => drop(plain.insert(key.clone(), value.clone())),
            }
        }
        self.copy(plain.values().map(size).sum())?;
        self.copy(spread(&held.plain, &plain).saturating_add(spread(&plain, &held.plain)))?;
        match merge::merge(&mut held.plain, plain) {
            Merged::Whole => {}
            Merged::Never => held.never = true,
            Merged::Beside(part) => held.beside.push(Value::Object(part)),
        }
        Ok(())
    }

    fn follow(&mut self, reference: &Value, path: &mut Vec<String>, held: &mut Held) -> Result<(), String> {
        let reference = reference.as_str().ok_or("`$ref` must be a string")?;
        if path.iter().any(|passed| passed == reference) {
            // Whatever fulfils this would have to fulfil it already.
            held.never = true;
            return Ok(());
        }
        let target = self.target(reference)?;
        path.push(reference.to_owned());
        self.deeper(|this| this.collect(target, path, held))?;
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

/// The schemas that hold together: one, and those in its `allOf`.
fn split(schema: &Value, parts: &mut Vec<Value>, depth: usize) -> Result<(), String> {
    let Some(object) = schema.as_object().filter(|object| object.contains_key("allOf")) else {
        parts.push(schema.clone());
        return Ok(());
    };
    if depth > DEEPEST_PLACE {
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

/// Whether a reference belongs to what holds at this place, be it in a branch.
fn leads_elsewhere(schema: &Value) -> bool {
    let branches = ["anyOf", "oneOf", "allOf"].iter().filter_map(|key| schema.get(key)?.as_array());
    schema.get("$ref").is_some() || branches.flatten().any(leads_elsewhere)
}

fn several<'v>(key: &str, value: &'v Value) -> Result<&'v Vec<Value>, String> {
    value.as_array().filter(|all| !all.is_empty()).ok_or_else(|| format!("`{key}` must be a list of schemas"))
}

/// How many values there are in it; a long text counts as several.
fn size(value: &Value) -> usize {
    1 + match value {
        Value::String(text) => text.len() / 8,
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Object(members) => members.iter().map(|(key, value)| key.len() / 8 + size(value)).sum(),
        _ => 0,
    }
}

/// What merging copies of `by`: what holds for additional members, to each member that only `listed` names.
fn spread(listed: &Map<String, Value>, by: &Map<String, Value>) -> usize {
    let members = listed.get("properties").and_then(Value::as_object).map_or(0, Map::len);
    by.get("additionalProperties").map_or(0, |additional| members.saturating_mul(size(additional)))
}

/// How deep it is.
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

/// A JSON pointer in a URL's fragment may have its characters escaped.
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
