//! Reads what the model writes: which part is thinking, which is a tool call, which is the answer. Pure: text in,
//! deltas out, in pieces of any size.

use jan_core::chat::{Delta, FunctionDelta, ToolCallDelta};
use jan_core::id;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::text::unfinished;

/// Where thoughts begin.
pub(super) const THINK: &str = "<think>";
const THINK_END: &str = "</think>";
const CALL: &str = "<tool_call>";
const CALL_END: &str = "</tool_call>";

/// What an answer is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    /// Text; with `tools`, calls between `<tool_call>` and `</tool_call>` (the form of Qwen and Hermes) are taken out.
    Text { tools: bool },
    /// The whole answer is the arguments of one call of this function.
    Arguments { name: String },
    /// The whole answer is one call as JSON: `name` and `arguments`.
    Call,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Answer,
    Thinking,
    Calling,
}

/// See the module.
pub(super) struct Reader {
    form: Form,
    place: Place,
    /// Whether this model thinks, and may still begin to.
    may_think: bool,
    /// Not sent yet: the beginning of a mark, white space that may turn out to be padding, or a call.
    held: String,
    /// False while white space is padding: around thoughts and calls, but not in a plain answer.
    begun: bool,
    calls: u32,
}

#[derive(Deserialize)]
struct WrittenCall<'a> {
    name: String,
    #[serde(borrow, alias = "parameters")]
    arguments: Option<&'a RawValue>,
}

impl Reader {
    /// A reader for an answer of this form. `thinks`: the model may think first; `thinking`: the prompt ended inside
    /// its thoughts.
    pub(super) fn new(form: Form, thinks: bool, thinking: bool) -> Self {
        let text = matches!(form, Form::Text { .. });
        let place = if text && thinking { Place::Thinking } else { Place::Answer };
        let plain = form == Form::Text { tools: false } && !thinks && !thinking;
        Self { form, place, may_think: text && thinks, held: String::new(), begun: plain, calls: 0 }
    }

    /// Takes text and returns what can be sent.
    pub(super) fn push(&mut self, text: &str) -> Vec<Delta> {
        match &self.form {
            Form::Text { .. } => {}
            Form::Arguments { name } => {
                let first = self.calls == 0;
                let delta = call(0, first.then(|| name.clone()), text.to_owned());
                self.calls = 1;
                return vec![delta];
            }
            Form::Call => {
                self.held.push_str(text);
                return Vec::new();
            }
        }
        self.held.push_str(text);
        let mut out = Vec::new();
        while let Some((at, mark)) = self.next_mark() {
            let rest = self.held.split_off(at);
            let before =
                std::mem::replace(&mut self.held, rest.get(mark.len()..).unwrap_or_default().to_owned());
            self.pass(mark, before, &mut out);
        }
        if self.place != Place::Calling {
            let rest = self.held.split_off(self.ready());
            let ready = std::mem::replace(&mut self.held, rest);
            self.say(ready, &mut out);
        }
        out
    }

    /// Returns what is left when the model has stopped. `whole` says whether it came to its own end; a call that was
    /// cut is never shown as one.
    pub(super) fn finish(&mut self, whole: bool) -> Vec<Delta> {
        let mut out = Vec::new();
        let held = std::mem::take(&mut self.held);
        match (&self.form, self.place) {
            (Form::Call, _) => self.call_or_text(&held, whole, "", "", &mut out),
            (_, Place::Calling) => self.call_or_text(&held, whole, CALL, "", &mut out),
            _ if self.calls > 0 => self.say(held.trim_end().to_owned(), &mut out),
            _ => self.say(held, &mut out),
        }
        out
    }

    /// Whether the model called a tool.
    pub(super) fn called(&self) -> bool {
        self.calls > 0
    }

    fn marks(&self) -> &'static [&'static str] {
        match (self.place, self.may_think, &self.form) {
            (Place::Thinking, ..) => &[THINK_END],
            (Place::Calling, ..) => &[CALL_END],
            (Place::Answer, true, Form::Text { tools: true }) => &[THINK, CALL],
            (Place::Answer, true, _) => &[THINK],
            (Place::Answer, false, Form::Text { tools: true }) => &[CALL],
            (Place::Answer, false, _) => &[],
        }
    }

    fn next_mark(&self) -> Option<(usize, &'static str)> {
        self.marks().iter().filter_map(|mark| Some((self.held.find(mark)?, *mark))).min()
    }

    /// How much can be sent: all but what may be the beginning of a mark, and white space that is dropped if it is.
    fn ready(&self) -> usize {
        let end = self.held.len() - unfinished(&self.held, self.marks().iter().copied());
        let pads = self.place == Place::Thinking || self.form == Form::Text { tools: true };
        let text = self.held.get(..end).filter(|_| pads);
        text.map_or(end, |text| text.trim_end().len())
    }

    /// Sends what came before a mark, and goes where the mark leads.
    fn pass(&mut self, mark: &str, before: String, out: &mut Vec<Delta>) {
        match mark {
            CALL_END => {
                self.place = Place::Answer;
                self.begun = false;
                self.call_or_text(&before, true, CALL, CALL_END, out);
            }
            _ => {
                self.say(before.trim_end().to_owned(), out);
                self.begun = false;
                self.place = match mark {
                    THINK => Place::Thinking,
                    CALL => Place::Calling,
                    _ => Place::Answer,
                };
                self.may_think = false;
            }
        }
    }

    /// Sends text as what it is where it stands.
    fn say(&mut self, text: String, out: &mut Vec<Delta>) {
        let text = if self.begun { text } else { text.trim_start().to_owned() };
        if text.is_empty() {
            return;
        }
        self.begun = true;
        if self.place == Place::Thinking {
            out.push(Delta { reasoning_content: Some(text), ..Delta::default() });
        } else {
            self.may_think = false;
            out.push(Delta::text(text));
        }
    }

    /// A call if the text is one, else the text with its marks, as the model wrote it.
    fn call_or_text(&mut self, text: &str, whole: bool, open: &str, close: &str, out: &mut Vec<Delta>) {
        let written = serde_json::from_str::<WrittenCall<'_>>(text.trim()).ok().filter(|_| whole);
        let Some(written) = written else {
            self.say(format!("{open}{text}{close}"), out);
            return;
        };
        // Some models write the arguments as JSON in a string, as the API does.
        let arguments = written.arguments.map_or("{}", RawValue::get);
        let arguments = serde_json::from_str::<String>(arguments).unwrap_or_else(|_| arguments.to_owned());
        out.push(call(self.calls, Some(written.name), arguments));
        self.calls += 1;
    }
}

/// A piece of a call; the one with the name is its first.
fn call(index: u32, name: Option<String>, arguments: String) -> Delta {
    let first = name.is_some();
    let piece = ToolCallDelta {
        index: Some(index),
        id: first.then(|| id::random("call_", 24)),
        kind: first.then(|| "function".to_owned()),
        function: Some(FunctionDelta { name, arguments: Some(arguments), ..FunctionDelta::default() }),
        ..ToolCallDelta::default()
    };
    Delta { tool_calls: Some(vec![piece]), ..Delta::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Content, thoughts and calls of a text that comes in pieces of `size` characters.
    fn read(
        mut reader: Reader,
        text: &str,
        size: usize,
        whole: bool,
    ) -> (String, String, Vec<(String, String)>) {
        let letters: Vec<char> = text.chars().collect();
        let mut deltas = Vec::new();
        for piece in letters.chunks(size) {
            deltas.extend(reader.push(&piece.iter().collect::<String>()));
        }
        deltas.extend(reader.finish(whole));
        let (mut content, mut thoughts, mut calls) = (String::new(), String::new(), Vec::new());
        for delta in deltas {
            content.push_str(&delta.content.unwrap_or_default());
            thoughts.push_str(&delta.reasoning_content.unwrap_or_default());
            for piece in delta.tool_calls.into_iter().flatten() {
                let function = piece.function.unwrap();
                if let Some(name) = function.name {
                    assert!(
                        piece.id.unwrap().starts_with("call_")
                            && piece.index == u32::try_from(calls.len()).ok()
                    );
                    calls.push((name, String::new()));
                }
                calls.last_mut().unwrap().1.push_str(&function.arguments.unwrap());
            }
        }
        (content, thoughts, calls)
    }

    #[test]
    fn thoughts_calls_and_text_are_told_apart_however_they_are_cut() {
        let text = "<think>\nHm <b>.\n</think>\n\nLet me look.\n<tool_call>\n{\"name\": \"a\", \"arguments\": {\"x\": 1}}\n</tool_call>\n\
            <tool_call>\n{\"name\": \"b\"}\n</tool_call>";
        for size in 1..20 {
            let reader = Reader::new(Form::Text { tools: true }, true, false);
            let (content, thoughts, calls) = read(reader, text, size, true);
            assert_eq!((content.as_str(), thoughts.as_str()), ("Let me look.", "Hm <b>."), "{size}");
            assert_eq!(calls, [("a".into(), "{\"x\": 1}".into()), ("b".into(), "{}".into())], "{size}");
        }
    }

    #[test]
    fn a_prompt_may_end_inside_the_thoughts() {
        let reader = Reader::new(Form::Text { tools: false }, true, true);
        let (content, thoughts, _) = read(reader, "so </think> </b>  yes ", 3, true);
        assert_eq!((content.as_str(), thoughts.as_str()), ("</b>  yes ", "so"));
    }

    #[test]
    fn what_only_looks_like_a_call_stays_text() {
        for (text, whole) in [
            ("<tool_call>no json</tool_call>", true),
            ("<tool_call>{\"name\": \"a\"}", false),
            ("a <tool_", true),
        ] {
            let reader = Reader::new(Form::Text { tools: true }, false, false);
            assert_eq!(read(reader, text, 4, whole), (text.to_owned(), String::new(), Vec::new()));
        }
        let plain = "<tool_call>{\"name\": \"a\"}</tool_call> <think>";
        let reader = Reader::new(Form::Text { tools: false }, false, false);
        assert_eq!(read(reader, plain, 4, true).0, plain);
    }

    #[test]
    fn forced_calls() {
        let named = Reader::new(Form::Arguments { name: "f".into() }, false, false);
        assert_eq!(read(named, "{\"x\": 1}", 3, true).2, [("f".to_owned(), "{\"x\": 1}".to_owned())]);
        let text = "{\"name\": \"g\", \"arguments\": {\"y\": 2}}";
        let any = Reader::new(Form::Call, false, false);
        assert_eq!(read(any, text, 3, true).2, [("g".to_owned(), "{\"y\": 2}".to_owned())]);
        let cut = Reader::new(Form::Call, false, false);
        assert_eq!(read(cut, &text[..20], 3, false), (text[..20].to_owned(), String::new(), Vec::new()));
    }
}
