//! Splits the model's output into reasoning, tool calls and answer text. Takes text in pieces of any size and returns
//! deltas; it has no other effects.

use jan_core::chat::{Delta, FunctionDelta, ToolCallDelta};
use jan_core::id;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::text::unfinished;

/// The tag before the reasoning.
pub(super) const THINK: &str = "<think>";
const THINK_END: &str = "</think>";
const CALL: &str = "<tool_call>";
const CALL_END: &str = "</tool_call>";

/// The form of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    /// Text. With `tools`, calls between `<tool_call>` and `</tool_call>` (the form of Qwen and Hermes) become tool
    /// calls.
    Text { tools: bool },
    /// The whole answer is the arguments of one call of this function.
    Arguments { name: String },
    /// The whole answer is one call as JSON: `name` and `arguments`.
    Call,
}

/// Which part of the output is being read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Answer,
    Thinking,
    Calling,
}

/// Splits the output of one answer.
pub(super) struct Reader {
    form: Form,
    section: Section,
    /// Whether reasoning may still begin: the model has it, and has written neither reasoning nor an answer yet.
    may_think: bool,
    /// Text that is not sent yet: the beginning of a tag, white space that is dropped if a tag follows, or a call.
    held: String,
    /// Whether text of the current section was sent. Until then, leading white space is dropped; not in a plain answer.
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
    /// A reader for an answer of this form. `thinks`: the model may begin with reasoning; `thinking`: the prompt ended
    /// inside the reasoning.
    pub(super) fn new(form: Form, thinks: bool, thinking: bool) -> Self {
        let text = matches!(form, Form::Text { .. });
        let section = if text && thinking { Section::Thinking } else { Section::Answer };
        let plain = form == Form::Text { tools: false } && !thinks && !thinking;
        Self { form, section, may_think: text && thinks, held: String::new(), begun: plain, calls: 0 }
    }

    /// Adds text and returns the deltas that can be sent now.
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
        if self.section != Section::Calling {
            let rest = self.held.split_off(self.ready());
            let ready = std::mem::replace(&mut self.held, rest);
            self.send(ready, &mut out);
        }
        out
    }

    /// Returns the remaining deltas after the model's last token. `whole`: the model ended the answer itself. A call
    /// that was cut off is returned as text.
    pub(super) fn finish(&mut self, whole: bool) -> Vec<Delta> {
        let mut out = Vec::new();
        let held = std::mem::take(&mut self.held);
        match (&self.form, self.section) {
            (Form::Call, _) => self.call_or_text(&held, whole, "", "", &mut out),
            (_, Section::Calling) => self.call_or_text(&held, whole, CALL, "", &mut out),
            _ if self.calls > 0 => self.send(held.trim_end().to_owned(), &mut out),
            _ => self.send(held, &mut out),
        }
        out
    }

    /// Whether the model called a tool.
    pub(super) fn called(&self) -> bool {
        self.calls > 0
    }

    fn marks(&self) -> &'static [&'static str] {
        match (self.section, self.may_think, &self.form) {
            (Section::Thinking, ..) => &[THINK_END],
            (Section::Calling, ..) => &[CALL_END],
            (Section::Answer, true, Form::Text { tools: true }) => &[THINK, CALL],
            (Section::Answer, true, _) => &[THINK],
            (Section::Answer, false, Form::Text { tools: true }) => &[CALL],
            (Section::Answer, false, _) => &[],
        }
    }

    fn next_mark(&self) -> Option<(usize, &'static str)> {
        self.marks().iter().filter_map(|mark| Some((self.held.find(mark)?, *mark))).min()
    }

    /// How many bytes of `held` can be sent: all except a possible beginning of a tag, and the white space before it,
    /// which is dropped if a tag follows.
    fn ready(&self) -> usize {
        let end = self.held.len() - unfinished(&self.held, self.marks().iter().copied());
        let pads = self.section == Section::Thinking || self.form == Form::Text { tools: true };
        let text = self.held.get(..end).filter(|_| pads);
        text.map_or(end, |text| text.trim_end().len())
    }

    /// Sends the text before a tag and begins the section that the tag opens.
    fn pass(&mut self, mark: &str, before: String, out: &mut Vec<Delta>) {
        match mark {
            CALL_END => {
                self.section = Section::Answer;
                self.begun = false;
                self.call_or_text(&before, true, CALL, CALL_END, out);
            }
            _ => {
                self.send(before.trim_end().to_owned(), out);
                self.begun = false;
                self.section = match mark {
                    THINK => Section::Thinking,
                    CALL => Section::Calling,
                    _ => Section::Answer,
                };
                self.may_think = false;
            }
        }
    }

    /// Sends text as reasoning or as answer, by the current section.
    fn send(&mut self, text: String, out: &mut Vec<Delta>) {
        let text = if self.begun { text } else { text.trim_start().to_owned() };
        if text.is_empty() {
            return;
        }
        self.begun = true;
        if self.section == Section::Thinking {
            out.push(Delta { reasoning_content: Some(text), ..Delta::default() });
        } else {
            self.may_think = false;
            out.push(Delta::text(text));
        }
    }

    /// Sends a call if the text is one, otherwise the text with its tags, as the model wrote it.
    fn call_or_text(&mut self, text: &str, whole: bool, open: &str, close: &str, out: &mut Vec<Delta>) {
        let written = serde_json::from_str::<WrittenCall<'_>>(text.trim()).ok().filter(|_| whole);
        let Some(written) = written else {
            self.send(format!("{open}{text}{close}"), out);
            return;
        };
        // Some models write the arguments as JSON in a string, as the API does.
        let arguments = written.arguments.map_or("{}", RawValue::get);
        let arguments = serde_json::from_str::<String>(arguments).unwrap_or_else(|_| arguments.to_owned());
        out.push(call(self.calls, Some(written.name), arguments));
        self.calls += 1;
    }
}

/// A delta of a call; the delta with the name is its first.
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

    /// Content, reasoning and calls of a text that arrives in pieces of `size` characters.
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
    fn reasoning_calls_and_text_are_separated_for_every_size_of_pieces() {
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
    fn a_prompt_may_end_inside_the_reasoning() {
        let reader = Reader::new(Form::Text { tools: false }, true, true);
        let (content, thoughts, _) = read(reader, "so </think> </b>  yes ", 3, true);
        assert_eq!((content.as_str(), thoughts.as_str()), ("</b>  yes ", "so"));
    }

    #[test]
    fn text_that_is_not_a_complete_call_stays_text() {
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
    fn forced_calls_are_read_and_a_cut_one_is_text() {
        let named = Reader::new(Form::Arguments { name: "f".into() }, false, false);
        assert_eq!(read(named, "{\"x\": 1}", 3, true).2, [("f".to_owned(), "{\"x\": 1}".to_owned())]);
        let text = "{\"name\": \"g\", \"arguments\": {\"y\": 2}}";
        let any = Reader::new(Form::Call, false, false);
        assert_eq!(read(any, text, 3, true).2, [("g".to_owned(), "{\"y\": 2}".to_owned())]);
        let cut = Reader::new(Form::Call, false, false);
        assert_eq!(read(cut, &text[..20], 3, false), (text[..20].to_owned(), String::new(), Vec::new()));
    }
}
