//! Constrained answers: a grammar compiled from a JSON schema determines before every token which tokens are allowed.
//! The module `schema` prepares the schema. JSON is written on one line.

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

/// The stack size of [`with_large_stack`] in bytes. The system takes memory only for the part that is used.
const STACK: usize = 128 << 20;

/// Compiles constraints for one vocabulary.
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

    /// The constraint to JSON that `schema` describes; `param` is the request parameter that holds the schema.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::Invalid`] naming `param` when the engine cannot take it.
    pub(super) fn json(&self, param: &'static str, schema: Plain) -> Result<Constraint> {
        let document = schema.document();
        let exact = self.compile(document.clone(), false);
        // The engine accepts a `oneOf` only if it can prove that no two branches match the same value. Where it cannot,
        // `oneOf` is compiled like `anyOf`: an answer matches one branch, and may by chance match another as well.
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
        // Computing the first token's mask may fail because the grammar is too large. It is computed now, so that the
        // error is reported before the answer begins.
        let mut constraint = Constraint { matcher, param };
        constraint.allowed()?;
        Ok(constraint)
    }

    fn compile(&self, mut document: Map<String, Value>, any_branch: bool) -> Result<Box<Matcher>, String> {
        let options = json!({
            "whitespace_flexible": false, "item_separator": ", ", "key_separator": ": ", "coerce_one_of": any_branch
        });
        document.insert("x-guidance".into(), options);
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
    /// The tokens that are allowed next.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::Invalid`] naming the parameter with the schema, when this part of its grammar is too
    /// large.
    pub(super) fn allowed(&mut self) -> Result<SimpleVob> {
        let allowed =
            self.matcher.compute_mask_or_eos().map_err(|why| unusable(self.param, &why.to_string()))?;
        // Two patterns that contradict each other are detected only here, where the text would begin.
        if allowed.is_zero() { Err(unusable(self.param, "nothing can fulfil it")) } else { Ok(allowed) }
    }

    /// Advances the grammar by a token; returns true when the answer is complete.
    ///
    /// # Errors
    /// As [`Constraint::allowed`].
    pub(super) fn advance(&mut self, id: u32) -> Result<bool> {
        self.matcher.consume_token(id).map_err(|why| unusable(self.param, &why.to_string()))?;
        Ok(self.matcher.is_stopped())
    }
}

/// Runs work on schemas on a thread with a large stack. The engine recurses into a schema; the depth is bounded, but
/// the stack of an ordinary thread would overflow before the bound, and a stack overflow ends the whole process.
pub(super) fn with_large_stack<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("schema".to_owned()).stack_size(STACK);
        let handle = thread.spawn_scoped(scope, work).map_err(Error::internal)?;
        handle.join().unwrap_or_else(|_| Err(Error::internal("reading a schema panicked")))
    })
}

/// The error for a schema that cannot be used, with the reason.
pub(super) fn unusable(param: &'static str, why: &str) -> Error {
    // The first line is the reason; the engine may append the grammar that it compiled from the schema.
    let first = why.lines().next().unwrap_or("it is of no use").trim_end_matches('.');
    Error::invalid(param, format!("The schema in `{param}` cannot be used: {first}."))
}

/// The vocabulary in the interface of the grammar engine.
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

    /// The answer of a random model under the grammar: at every step the shortest of four allowed tokens drawn at
    /// random.
    fn random_answer(grammars: &Grammars, schema: &Value, seed: &mut u64) -> Value {
        let plain = Plain::read(schema).unwrap_or_else(|why| panic!("{schema}: {why}"));
        let mut constraint = grammars.json("schema", plain).unwrap_or_else(|e| panic!("{schema}: {e}"));
        let mut answer = Vec::new();
        for _ in 0..4000 {
            let allowed: Vec<u32> = constraint.allowed().unwrap().iter().collect();
            let few = (0..4).map(|_| {
                *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                allowed[(*seed >> 33) as usize % allowed.len()]
            });
            let id = few.min_by_key(|id| grammars.words.bytes(*id).len()).unwrap();
            answer.extend_from_slice(grammars.words.bytes(id));
            if constraint.advance(id).unwrap() {
                break;
            }
        }
        let answer = String::from_utf8(answer).unwrap();
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{schema}: {error}: {answer}"))
    }

    #[test]
    fn answers_fulfil_combinations() {
        let Some(grammars) = grammars() else { return };
        let mut seed = 1;
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
            let answer = random_answer(&grammars, &both, &mut seed);
            assert!(answer["name"].is_string() && answer["age"].is_i64(), "{answer}");

            let beside = json!({"$ref": "#/$defs/named", "properties": {"age": {"type": "integer"}}, "required": ["age"], "$defs": {"named": named}});
            let answer = random_answer(&grammars, &beside, &mut seed);
            assert!(answer["name"].is_string() && answer["age"].is_i64(), "{answer}");

            for kind in ["anyOf", "oneOf"] {
                let choice = json!({"type": "object", "properties": {"kind": {"enum": ["a", "b"]}}, "required": ["kind"], kind: [
                    {"properties": {"kind": {"const": "a"}, "x": {"type": "boolean"}}, "required": ["x"]},
                    {"properties": {"kind": {"const": "b"}, "y": {"type": "null"}}, "required": ["y"]}]});
                let answer = random_answer(&grammars, &choice, &mut seed);
                let is_a = answer["kind"] == "a" && answer["x"].is_boolean() && answer.get("y").is_none();
                let is_b = answer["kind"] == "b"
                    && answer.get("y") == Some(&Value::Null)
                    && answer.get("x").is_none();
                assert!(is_a || is_b, "{answer}");
            }
            let overlapping =
                json!({"oneOf": [{"type": "integer", "minimum": 5}, {"type": "integer", "maximum": 9}]});
            assert!(random_answer(&grammars, &overlapping, &mut seed).is_i64());

            for next in [
                json!({"anyOf": [reference, {"type": "null"}]}),
                json!({"anyOf": [{"allOf": [reference, {"properties": {"value": {"maximum": 3}}}]}, {"type": "null"}]}),
                json!({"oneOf": [{"type": "null"}, {"$ref": "#/$defs/node", "description": "more"}]}),
            ] {
                let mut answer = &random_answer(&grammars, &node(next), &mut seed);
                while answer.is_object() {
                    assert!(answer["value"].is_i64(), "{answer}");
                    answer = &answer["next"];
                }
                assert!(answer.is_null());
            }
            let long = random_answer(&grammars, &json!({"type": "string", "minLength": 300}), &mut seed);
            assert!(long.as_str().unwrap().chars().count() >= 300);
            assert!(random_answer(&grammars, &json!({"type": "object"}), &mut seed).is_object());
        }
    }

    #[test]
    fn a_schema_that_the_engine_cannot_compile_is_the_callers_error() {
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
                // Some contradictions are detected only after the first tokens.
                for _ in 0..20 {
                    let allowed = constraint.allowed()?;
                    let id = allowed.iter().max_by_key(|id| grammars.words.bytes(*id).len());
                    constraint.advance(id.ok_or_else(|| unusable("x", "nothing may come"))?)?;
                }
                Ok(())
            });
            let error = refused.expect_err(&schema.to_string());
            assert_eq!((error.kind(), error.param()), (jan_core::ErrorKind::Invalid, Some("x")), "{schema}");
        }
    }
}
