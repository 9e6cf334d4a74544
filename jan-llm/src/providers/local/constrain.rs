//! Answers of a given form: a grammar made from a JSON schema says before every token which ones may come.
//!
//! A small model left alone in an endless string or array stays there. So the schema is tightened where it says
//! nothing: strings are at most 256 characters, arrays 16 items, whole numbers those that JSON readers keep exactly,
//! and objects have the properties that are listed. `json_object` without a schema is an object of at most 16
//! members, three levels deep. JSON is written on one line.

use std::sync::Arc;

use jan_core::{Error, Result};
use llguidance::api::TopLevelGrammar;
use llguidance::toktrie::{
    InferenceCapabilities, SimpleVob, TokEnv, TokRxInfo, TokTrie, TokenId, TokenizerEnv,
};
use llguidance::{Matcher, ParserFactory, panic_utils};
use serde_json::{Map, Value, json};

use super::vocab::Vocab;

const STRING: u64 = 256;
const ITEMS: u64 = 16;
/// The largest whole number that every JSON reader keeps exactly.
const WHOLE: i64 = (1 << 53) - 1;

/// Makes constraints for one vocabulary.
pub(super) struct Grammars(ParserFactory);

/// The state of one constrained answer.
pub(super) struct Constraint(Box<Matcher>);

impl Grammars {
    /// Prepares the vocabulary; takes some milliseconds.
    pub(super) fn new(vocab: Arc<Vocab>) -> Result<Self> {
        let words = vocab.all_bytes().to_vec();
        let size = u32::try_from(words.len()).unwrap_or(u32::MAX);
        let info = TokRxInfo::new(size, vocab.ends().first().copied().unwrap_or(0));
        let trie = TokTrie::from(&info, &words).with_eos_tokens(vocab.ends());
        let env: TokEnv = Arc::new(Env { vocab, trie });
        let slices = llguidance::earley::SlicedBiasComputer::general_slices();
        let mut factory = ParserFactory::new(&env, InferenceCapabilities::default(), &slices)
            .map_err(|e| Error::internal(e.to_string()))?;
        factory.quiet();
        Ok(Self(factory))
    }

    /// A constraint to the JSON that `schema` describes.
    ///
    /// # Errors
    /// A sentence on what is wrong with the schema, for the caller of the API.
    pub(super) fn json(&self, schema: &Value) -> Result<Constraint, String> {
        let mut schema = schema.clone();
        if !schema.is_object() {
            return Err("it must be an object".into());
        }
        tighten(&mut schema);
        if let Some(object) = schema.as_object_mut() {
            let form = json!({"whitespace_flexible": false, "item_separator": ", ", "key_separator": ": "});
            object.insert("x-guidance".into(), form);
        }
        let grammar = TopLevelGrammar::from_json_schema(schema);
        let parser =
            panic_utils::catch_unwind(std::panic::AssertUnwindSafe(|| self.0.create_parser(grammar)));
        let matcher = Matcher::new(parser);
        match matcher.get_error() {
            // The first line is the reason; what follows is the grammar it was turned into.
            Some(error) => Err(error.lines().next().unwrap_or("it cannot be used").to_owned()),
            None => Ok(Constraint(Box::new(matcher))),
        }
    }
}

impl Constraint {
    /// The tokens that may come next.
    pub(super) fn allowed(&mut self) -> Result<SimpleVob> {
        self.0.compute_mask_or_eos().map_err(|e| Error::internal(e.to_string()))
    }

    /// Takes the token that came; true when the answer is complete.
    pub(super) fn take(&mut self, id: u32) -> Result<bool> {
        self.0.consume_token(id).map_err(|e| Error::internal(e.to_string()))?;
        Ok(self.0.is_stopped())
    }
}

/// Any JSON object, within the bounds of the module.
pub(super) fn any_object() -> Value {
    let text = json!({"type": "string", "maxLength": STRING});
    let mut value = json!({"anyOf": [text, {"type": ["integer", "number", "boolean", "null"]}]});
    for _ in 0..2 {
        let list = json!({"type": "array", "items": value, "maxItems": ITEMS});
        let object = json!({"type": "object", "additionalProperties": value, "maxProperties": ITEMS});
        value = json!({"anyOf": [text, {"type": ["integer", "number", "boolean", "null"]}, list, object]});
    }
    json!({"type": "object", "additionalProperties": value, "maxProperties": ITEMS})
}

/// Bounds what the schema leaves open; see the module.
fn tighten(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else { return };
    let closed = ["enum", "const", "pattern", "format"].iter().any(|key| object.contains_key(*key));
    let is = |object: &Map<String, Value>, kind: &str| match object.get("type") {
        Some(Value::String(one)) => one == kind,
        Some(Value::Array(many)) => many.iter().any(|one| one == kind),
        _ => false,
    };
    let mut bound = |kind: &str, key: &str, value: Value| {
        if is(object, kind) && !closed {
            object.entry(key).or_insert(value);
        }
    };
    bound("string", "maxLength", STRING.into());
    bound("array", "maxItems", ITEMS.into());
    bound("integer", "minimum", (-WHOLE).into());
    bound("integer", "maximum", WHOLE.into());
    if object.contains_key("properties") {
        object.entry("additionalProperties").or_insert(false.into());
    } else if is(object, "object") && !object.contains_key("additionalProperties") {
        let open = !["patternProperties", "$ref", "anyOf", "oneOf", "allOf"]
            .iter()
            .any(|key| object.contains_key(*key));
        if open && let Value::Object(any) = any_object() {
            object.extend(any);
        }
    }
    for key in ["properties", "patternProperties", "$defs", "definitions"] {
        if let Some(Value::Object(named)) = object.get_mut(key) {
            named.values_mut().for_each(tighten);
        }
    }
    for key in ["anyOf", "oneOf", "allOf", "prefixItems"] {
        if let Some(Value::Array(several)) = object.get_mut(key) {
            several.iter_mut().for_each(tighten);
        }
    }
    for key in ["items", "additionalProperties", "additionalItems"] {
        if let Some(one) = object.get_mut(key) {
            tighten(one);
        }
    }
}

/// The vocabulary as the grammar engine asks for it.
struct Env {
    vocab: Arc<Vocab>,
    trie: TokTrie,
}

impl TokenizerEnv for Env {
    fn tok_trie(&self) -> &TokTrie {
        &self.trie
    }

    fn tokenize_bytes(&self, bytes: &[u8]) -> Vec<TokenId> {
        self.trie.tokenize_with_greedy_fallback(bytes, |text| self.vocab.encode(text).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_ends_are_closed_and_what_is_said_stays() {
        let mut schema = json!({
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "code": {"type": "string", "maxLength": 3},
                "kind": {"type": "string", "enum": ["a"]},
                "tags": {"type": ["array", "null"], "items": {"type": "integer", "minimum": 1}}
            },
            "required": ["name"]
        });
        tighten(&mut schema);
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(schema["properties"]["name"]["maxLength"], STRING);
        assert_eq!(schema["properties"]["code"]["maxLength"], 3);
        assert!(schema["properties"]["kind"].get("maxLength").is_none());
        assert_eq!(schema["properties"]["tags"]["maxItems"], ITEMS);
        assert_eq!(schema["properties"]["tags"]["items"]["minimum"], 1);
        assert_eq!(schema["properties"]["tags"]["items"]["maximum"], WHOLE);
    }

    #[test]
    fn an_object_that_says_nothing_gets_bounded_members() {
        let mut schema = json!({"type": "object"});
        tighten(&mut schema);
        assert_eq!(schema["maxProperties"], ITEMS);
    }
}
