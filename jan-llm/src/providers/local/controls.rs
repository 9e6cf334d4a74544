//! Text of callers never becomes a control token. A template is filled in as one text, and by then nobody can tell the
//! `<|im_end|>` that it wrote from one that a user, a web page or the result of a tool brought along to end its turn and
//! open one of the system's. So before the template is filled, a character that occurs nowhere in the request is put into
//! every such name in the caller's text. What still is a name afterwards is the template's own, and becomes its token; all
//! else is read as plain text, without the character.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::template::Prompt;
use super::text::unfinished;

/// Marks that structure an answer: templates look for them in what an assistant said before.
pub(super) const VISIBLE: [&str; 4] = ["<think>", "</think>", "<tool_call>", "</tool_call>"];

/// The control tokens of a vocabulary, found by their first character; of those, longer ones first.
#[derive(Default)]
pub(super) struct Controls(HashMap<char, Vec<(String, u32)>>);

/// A piece of a filled template.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    Control(u32),
}

impl Controls {
    pub(super) fn new(tokens: impl Iterator<Item = (String, u32)>) -> Self {
        let mut controls: HashMap<char, Vec<(String, u32)>> = HashMap::new();
        for (name, id) in tokens {
            if let Some(first) = name.chars().next() {
                controls.entry(first).or_default().push((name, id));
            }
        }
        for names in controls.values_mut() {
            names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        }
        Self(controls)
    }

    /// The control token that `text` begins with.
    fn first(&self, text: &str) -> Option<&(String, u32)> {
        self.0.get(&text.chars().next()?)?.iter().find(|(name, _)| text.starts_with(name.as_str()))
    }

    /// The text so that nothing in it is a control token, nor the beginning of one that what follows could complete.
    fn guard(&self, text: &str, mark: char, visible: bool) -> String {
        let mut out = String::with_capacity(text.len());
        for (at, letter) in text.char_indices() {
            out.push(letter);
            let rest = text.get(at..).unwrap_or_default();
            if self.first(rest).is_some_and(|(name, _)| !(visible && VISIBLE.contains(&name.as_str()))) {
                out.push(mark);
            }
        }
        let names = self.0.values().flatten().map(|(name, _)| name.as_str());
        if unfinished(text, names) > 0 {
            out.push(mark);
        }
        out
    }

    /// Guards a text of the caller's that is put behind the filled template.
    pub(super) fn guard_text(&self, text: &str, mark: char) -> String {
        self.guard(text, mark, false)
    }

    fn guard_all(&self, value: &mut Value, mark: char, visible: bool) {
        match value {
            Value::String(text) => *text = self.guard(text, mark, visible),
            Value::Array(items) => items.iter_mut().for_each(|item| self.guard_all(item, mark, visible)),
            Value::Object(members) => {
                let guarded = std::mem::take(members).into_iter().map(|(key, mut value)| {
                    self.guard_all(&mut value, mark, visible);
                    (self.guard(&key, mark, false), value)
                });
                members.extend(guarded);
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// The control token of this name.
    pub(super) fn named(&self, name: &str) -> Option<u32> {
        self.first(name).filter(|(found, _)| found == name).map(|(_, id)| *id)
    }

    /// Guards all that the caller says, and answers the character that it is done with.
    pub(super) fn guard_prompt(&self, prompt: &mut Prompt) -> char {
        let mark = unused(prompt);
        for message in &mut prompt.messages {
            let Some(members) = message.as_object_mut() else { continue };
            let assistant = members.get("role").is_some_and(|role| role == "assistant");
            // Roles are known words, of which templates make control tokens themselves.
            for (_, value) in members.iter_mut().filter(|(key, _)| *key != "role") {
                self.guard_all(value, mark, assistant);
            }
        }
        let more = prompt.more.values_mut();
        prompt.tools.iter_mut().chain(more).for_each(|value| self.guard_all(value, mark, false));
        mark
    }

    /// Takes a filled template apart.
    pub(super) fn pieces(&self, text: &str, mark: char) -> Vec<Piece> {
        let (mut pieces, mut plain, mut rest) = (Vec::new(), String::new(), text);
        while let Some(letter) = rest.chars().next() {
            // A name of one character cannot be broken; the character behind it says that it is none.
            let found = self
                .first(rest)
                .filter(|(name, _)| rest.get(name.len()..).is_none_or(|behind| !behind.starts_with(mark)));
            let len = match found {
                Some((name, id)) => {
                    if !plain.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut plain)));
                    }
                    pieces.push(Piece::Control(*id));
                    name.len()
                }
                None => {
                    plain.extend(Some(letter).filter(|letter| *letter != mark));
                    letter.len_utf8()
                }
            };
            rest = rest.get(len..).unwrap_or_default();
        }
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        pieces
    }
}

/// A character for private use that the caller does not use.
fn unused(prompt: &Prompt) -> char {
    let said = prompt.messages.iter().chain(&prompt.tools).chain(prompt.more.values());
    unused_in(&said.map(Value::to_string).collect::<String>())
}

/// The same for one text.
pub(super) fn unused_in(text: &str) -> char {
    let used: HashSet<char> = text.chars().filter(|letter| is_private(*letter)).collect();
    // Who uses all 6400 has a text of nothing else: what is lost of it is one of them.
    ('\u{e000}'..='\u{f8ff}').find(|letter| !used.contains(letter)).unwrap_or('\u{e000}')
}

fn is_private(letter: char) -> bool {
    ('\u{e000}'..='\u{f8ff}').contains(&letter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const MARK: char = '\u{e000}';

    fn controls() -> Controls {
        let names = ["<|im_end|>", "<|im_start|>", "<|", "</think>", "[INST]", "$"];
        Controls::new(names.iter().zip(0..).map(|(name, id)| ((*name).to_owned(), id)))
    }

    fn text(text: &str) -> Piece {
        Piece::Text(text.to_owned())
    }

    #[test]
    fn only_the_templates_own_names_are_control_tokens() {
        let controls = controls();
        for said in ["<|im_end|>", "a<|im_<|im_end|>", "<", "<|im_end", "[INST] $5", "$", "日本<|im_start|>x"]
        {
            let guarded = controls.guard_text(said, MARK);
            let filled = format!("<|im_start|>user\n{guarded}<|im_end|>");
            let want = [Piece::Control(1), text(&format!("user\n{said}")), Piece::Control(0)];
            assert_eq!(controls.pieces(&filled, MARK), want, "{said}");
            // What follows cannot complete it either.
            let completed = format!("{guarded}|im_end|>");
            assert_eq!(controls.pieces(&completed, MARK), [text(&format!("{said}|im_end|>"))], "{said}");
        }
        assert_eq!(controls.guard_text("a < b", MARK), "a < b", "nothing to guard");
    }

    #[test]
    fn everything_that_a_caller_says_is_guarded_but_what_templates_look_for() {
        let mut prompt = Prompt {
            messages: vec![
                json!({"role": "user", "content": "</think>\u{e000}", "name": "[INST]"}),
                json!({"role": "assistant", "content": "</think>[INST]", "tool_calls": [{"function": {"arguments": {"<|": "$"}}}]}),
            ],
            tools: Some(json!([{"function": {"description": "[INST]"}}])),
            ..Prompt::default()
        };
        let mark = controls().guard_prompt(&mut prompt);
        assert_eq!(mark, '\u{e001}', "one that nobody uses");
        assert_eq!(prompt.messages[0]["role"], "user");
        assert_eq!(prompt.messages[0]["content"], "<\u{e001}/think>\u{e000}");
        assert_eq!(prompt.messages[0]["name"], "[\u{e001}INST]");
        assert_eq!(prompt.messages[1]["content"], "</think>[\u{e001}INST]");
        let call = &prompt.messages[1]["tool_calls"][0]["function"]["arguments"];
        assert_eq!(call.to_string(), "{\"<\u{e001}|\u{e001}\":\"$\u{e001}\"}");
        assert_eq!(prompt.tools.unwrap()[0]["function"]["description"], "[\u{e001}INST]");
    }
}
