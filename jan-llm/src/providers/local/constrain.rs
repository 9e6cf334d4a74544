//! Answers of a given form: a grammar made from a JSON schema says before every token which ones may come. The schema is
//! made ready in `schema`. JSON is written on one line.

use std::sync::Arc;

use jan_core::{Error, Result};
use llguidance::api::TopLevelGrammar;
use llguidance::toktrie::{
    InferenceCapabilities, SimpleVob, TokEnv, TokRxInfo, TokTrie, TokenId, TokenizerEnv,
};
use llguidance::{Matcher, ParserFactory, panic_utils};
use serde_json::{Map, Value, json};

use super::schema::Plain;
use super::vocab::Vocab;

/// Memory is only taken for what is used of it.
const STACK: usize = 128 << 20;

/// Makes constraints for one vocabulary.
pub(super) struct Grammars {
    factory: ParserFactory,
    #[cfg(test)]
    words: Arc<Vocab>,
}

/// The state of one constrained answer.
pub(super) struct Constraint {
    matcher: Box<Matcher>,
    param: &'static str,
}

impl Grammars {
    /// Prepares the vocabulary; takes some milliseconds.
    pub(super) fn new(vocab: Arc<Vocab>) -> Result<Self> {
        let words = vocab.all_bytes().to_vec();
        let size = u32::try_from(words.len()).unwrap_or(u32::MAX);
        let info = TokRxInfo::new(size, vocab.ends().first().copied().unwrap_or(0));
        let trie = TokTrie::from(&info, &words).with_eos_tokens(vocab.ends());
        #[cfg(test)]
        let for_tests = Arc::clone(&vocab);
        let env: TokEnv = Arc::new(Env { vocab, trie });
        let slices = llguidance::earley::SlicedBiasComputer::general_slices();
        let mut factory = ParserFactory::new(&env, InferenceCapabilities::default(), &slices)
            .map_err(|e| Error::internal(e.to_string()))?;
        factory.quiet();
        Ok(Self {
            factory,
            #[cfg(test)]
            words: for_tests,
        })
    }

    /// A constraint to the JSON that `schema`, given in `param`, describes.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::Invalid`] naming `param` when the engine cannot take it.
    pub(super) fn json(&self, param: &'static str, schema: Plain) -> Result<Constraint> {
        let document = schema.document();
        let exact = self.compile(document.clone(), false);
        // The engine takes a `oneOf` only if it sees that no two branches can hold at once. Where it does not see that,
        // an answer is held to one branch, and may fit another one by chance.
        let has_choice = || Value::Object(document.clone()).to_string().contains("\"oneOf\":");
        let compiled = match exact {
            Err(why) => {
                if has_choice() {
                    self.compile(document, true).map_err(|_| why)
                } else {
                    Err(why)
                }
            }
            compiled => compiled,
        };
        let matcher = compiled.map_err(|why| unusable(param, &why))?;
        // What comes first may be too large to be worked out; better said before the answer begins.
        let mut constraint = Constraint { matcher, param };
        constraint.allowed()?;
        Ok(constraint)
    }

    fn compile(&self, mut document: Map<String, Value>, any_branch: bool) -> Result<Box<Matcher>, String> {
        let form = json!({
            "whitespace_flexible": false, "item_separator": ", ", "key_separator": ": ", "coerce_one_of": any_branch
        });
        document.insert("x-guidance".into(), form);
        let grammar = TopLevelGrammar::from_json_schema(Value::Object(document));
        let parser =
            panic_utils::catch_unwind(std::panic::AssertUnwindSafe(|| self.factory.create_parser(grammar)));
        let matcher = Matcher::new(parser);
        match matcher.get_error() {
            Some(error) => Err(error),
            None => Ok(Box::new(matcher)),
        }
    }
}

impl Constraint {
    /// The tokens that may come next.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::Invalid`] naming the parameter with the schema, of which this part is too large.
    pub(super) fn allowed(&mut self) -> Result<SimpleVob> {
        let allowed =
            self.matcher.compute_mask_or_eos().map_err(|why| unusable(self.param, &why.to_string()))?;
        // Two patterns that exclude each other show themselves only where the text would begin.
        if allowed.is_zero() { Err(unusable(self.param, "nothing can fulfil it")) } else { Ok(allowed) }
    }

    /// Takes the token that came; true when the answer is complete.
    ///
    /// # Errors
    /// As [`Constraint::allowed`].
    pub(super) fn take(&mut self, id: u32) -> Result<bool> {
        self.matcher.consume_token(id).map_err(|why| unusable(self.param, &why.to_string()))?;
        Ok(self.matcher.is_stopped())
    }
}

/// Does work on schemas on a thread with a stack of its own: how deep the engine goes into a schema is bounded, but not
/// by what the stack of an ordinary thread holds, and a stack that runs over ends the whole process.
pub(super) fn deep<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("schema".to_owned()).stack_size(STACK);
        let working = thread.spawn_scoped(scope, work).map_err(Error::internal)?;
        working.join().unwrap_or_else(|_| Err(Error::internal("reading a schema panicked")))
    })
}

/// The error that a schema cannot be used, and why.
pub(super) fn unusable(param: &'static str, why: &str) -> Error {
    // The first line is the reason; what may follow is the grammar that the schema was turned into.
    let first = why.lines().next().unwrap_or("it is of no use").trim_end_matches('.');
    Error::invalid(param, format!("The schema in `{param}` cannot be used: {first}."))
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
    use super::super::gguf::Gguf;
    use super::super::tests::file;
    use super::*;

    fn grammars() -> Option<Grammars> {
        Some(Grammars::new(Arc::new(Vocab::read(&Gguf::open(&file()?).unwrap().0).unwrap())).unwrap())
    }

    /// What a model says that knows nothing but the grammar: at every step the shortest of a few tokens drawn by lot.
    fn drawn(grammars: &Grammars, schema: &Value, lot: &mut u64) -> Value {
        let plain = Plain::read(schema).unwrap_or_else(|why| panic!("{schema}: {why}"));
        let mut constraint = grammars.json("schema", plain).unwrap_or_else(|e| panic!("{schema}: {e}"));
        let mut said = Vec::new();
        for _ in 0..4000 {
            let allowed: Vec<u32> = constraint.allowed().unwrap().iter().collect();
            let few = (0..4).map(|_| {
                *lot = lot.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                allowed[(*lot >> 33) as usize % allowed.len()]
            });
            let id = few.min_by_key(|id| grammars.words.bytes(*id).len()).unwrap();
            said.extend_from_slice(grammars.words.bytes(id));
            if constraint.take(id).unwrap() {
                break;
            }
        }
        let said = String::from_utf8(said).unwrap();
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{schema}: {error}: {said}"))
    }

    #[test]
    fn answers_fulfil_combinations() {
        let Some(grammars) = grammars() else { return };
        let mut lot = 1;
        let named =
            json!({"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]});
        let node = |next: Value| {
            let node = json!({"type": "object", "properties": {"value": {"type": "integer"}, "next": next}, "required": ["value", "next"]});
            json!({"$ref": "#/$defs/node", "$defs": {"node": node}})
        };
        let reference = json!({"$ref": "#/$defs/node"});
        for _ in 0..5 {
            let both =
                json!({"allOf": [named, {"properties": {"age": {"type": "integer"}}, "required": ["age"]}]});
            let said = drawn(&grammars, &both, &mut lot);
            assert!(said["name"].is_string() && said["age"].is_i64(), "{said}");

            let beside = json!({"$ref": "#/$defs/named", "properties": {"age": {"type": "integer"}}, "required": ["age"], "$defs": {"named": named}});
            let said = drawn(&grammars, &beside, &mut lot);
            assert!(said["name"].is_string() && said["age"].is_i64(), "{said}");

            for kind in ["anyOf", "oneOf"] {
                let choice = json!({"type": "object", "properties": {"kind": {"enum": ["a", "b"]}}, "required": ["kind"], kind: [
                    {"properties": {"kind": {"const": "a"}, "x": {"type": "boolean"}}, "required": ["x"]},
                    {"properties": {"kind": {"const": "b"}, "y": {"type": "null"}}, "required": ["y"]}]});
                let said = drawn(&grammars, &choice, &mut lot);
                let is_a = said["kind"] == "a" && said["x"].is_boolean() && said.get("y").is_none();
                let is_b =
                    said["kind"] == "b" && said.get("y") == Some(&Value::Null) && said.get("x").is_none();
                assert!(is_a || is_b, "{said}");
            }
            let overlapping =
                json!({"oneOf": [{"type": "integer", "minimum": 5}, {"type": "integer", "maximum": 9}]});
            assert!(drawn(&grammars, &overlapping, &mut lot).is_i64());

            for next in [
                json!({"anyOf": [reference, {"type": "null"}]}),
                json!({"anyOf": [{"allOf": [reference, {"properties": {"value": {"maximum": 3}}}]}, {"type": "null"}]}),
                json!({"oneOf": [{"type": "null"}, {"$ref": "#/$defs/node", "description": "more"}]}),
            ] {
                let mut said = &drawn(&grammars, &node(next), &mut lot);
                while said.is_object() {
                    assert!(said["value"].is_i64(), "{said}");
                    said = &said["next"];
                }
                assert!(said.is_null());
            }
            let long = drawn(&grammars, &json!({"type": "string", "minLength": 300}), &mut lot);
            assert!(long.as_str().unwrap().chars().count() >= 300);
            assert!(drawn(&grammars, &json!({"type": "object"}), &mut lot).is_object());
        }
    }

    #[test]
    fn what_the_engine_cannot_take_is_the_callers_to_mend() {
        let Some(grammars) = grammars() else { return };
        for schema in [
            json!({"type": "string", "pattern": "^(a{1000}){1000}$"}),
            json!({"type": "object", "properties": {"s": {"type": "string", "pattern": "^(a{1000}){1000}$"}}, "required": ["s"]}),
            json!({"type": "string", "pattern": "("}),
            json!({"type": "nonsense"}),
            json!({"not": {"type": "string"}}),
            json!({"allOf": [{"type": "string", "pattern": "^a+$"}, {"pattern": "^b+$"}]}),
        ] {
            let refused = Plain::read(&schema).map_err(|why| unusable("x", &why)).and_then(|plain| {
                let mut constraint = grammars.json("x", plain)?;
                // As far as the answer goes without a choice.
                for _ in 0..20 {
                    let allowed = constraint.allowed()?;
                    let id = allowed.iter().max_by_key(|id| grammars.words.bytes(*id).len());
                    constraint.take(id.ok_or_else(|| unusable("x", "nothing may come"))?)?;
                }
                Ok(())
            });
            let error = refused.expect_err(&schema.to_string());
            assert_eq!((error.kind(), error.param()), (jan_core::ErrorKind::Invalid, Some("x")), "{schema}");
        }
    }
}
