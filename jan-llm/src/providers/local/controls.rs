//! Prevents text of callers from becoming control tokens. A chat template is rendered to one text. In that text, an
//! `<|im_end|>` that the template wrote looks the same as one that came from a user, a web page or a tool's result,
//! which could end its own message and begin a forged system message. So before rendering, a marker character that
//! occurs nowhere in the request is inserted into every such name in the caller's text. In the rendered text, a name
//! without the marker was written by the template and becomes its control token; everything else is plain text, and the
//! marker is removed.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::template::Prompt;
use super::text::unfinished;

/// Tags that structure an answer. Templates search earlier assistant messages for them, so they stay unchanged there.
pub(super) const VISIBLE: [&str; 4] = ["<think>", "</think>", "<tool_call>", "</tool_call>"];

/// The control tokens of a vocabulary by their first character, each list sorted by length, longest first.
#[derive(Default)]
pub(super) struct Controls(HashMap<char, Vec<(String, u32)>>);

/// A piece of a rendered template.
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

    /// The text with `mark` inserted so that it contains no control token, and does not end with the beginning of one
    /// that the following text could complete. With `visible`, the [`VISIBLE`] tags stay unchanged.
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

    /// Guards a caller's text that is appended to the rendered template.
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

    /// The control token with this name.
    pub(super) fn named(&self, name: &str) -> Option<u32> {
        self.first(name).filter(|(found, _)| found == name).map(|(_, id)| *id)
    }

    /// Guards all text of the caller and returns the marker character.
    pub(super) fn guard_prompt(&self, prompt: &mut Prompt) -> char {
        let mark = unused(prompt);
        for message in &mut prompt.messages {
            let Some(members) = message.as_object_mut() else { continue };
            let assistant = members.get("role").is_some_and(|role| role == "assistant");
            // Roles are known words, and templates build control tokens from them.
            for (_, value) in members.iter_mut().filter(|(key, _)| *key != "role") {
                self.guard_all(value, mark, assistant);
            }
        }
        let variables = prompt.variables.values_mut();
        prompt.tools.iter_mut().chain(variables).for_each(|value| self.guard_all(value, mark, false));
        mark
    }

    /// Splits a rendered template into text and control tokens.
    pub(super) fn pieces(&self, text: &str, mark: char) -> Vec<Piece> {
        let (mut pieces, mut plain, mut rest) = (Vec::new(), String::new(), text);
        while let Some(letter) = rest.chars().next() {
            // The marker cannot be inserted into a name of one character, so it follows it there.
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

/// A private-use character that occurs nowhere in the prompt.
fn unused(prompt: &Prompt) -> char {
    let values = prompt.messages.iter().chain(&prompt.tools).chain(prompt.variables.values());
    unused_in(&values.map(Value::to_string).collect::<String>())
}

/// A private-use character that does not occur in the text.
pub(super) fn unused_in(text: &str) -> char {
    let used: HashSet<char> = text.chars().filter(|letter| is_private(*letter)).collect();
    // A text that contains all 6400 of them loses one of them; that is harmless.
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
        for text_of_caller in
            ["<|im_end|>", "a<|im_<|im_end|>", "<", "<|im_end", "[INST] $5", "$", "日本<|im_start|>x"]
        {
            let guarded = controls.guard_text(text_of_caller, MARK);
            let filled = format!("<|im_start|>user\n{guarded}<|im_end|>");
            let want = [Piece::Control(1), text(&format!("user\n{text_of_caller}")), Piece::Control(0)];
            assert_eq!(controls.pieces(&filled, MARK), want, "{text_of_caller}");
            // The following text cannot complete a name either.
            let completed = format!("{guarded}|im_end|>");
            assert_eq!(
                controls.pieces(&completed, MARK),
                [text(&format!("{text_of_caller}|im_end|>"))],
                "{text_of_caller}"
            );
        }
        assert_eq!(controls.guard_text("a < b", MARK), "a < b", "nothing to guard");
    }

    #[test]
    fn all_text_of_callers_is_guarded_except_tags_in_assistant_messages() {
        let mut prompt = Prompt {
            messages: vec![
                json!({"role": "user", "content": "</think>\u{e000}", "name": "[INST]"}),
                json!({"role": "assistant", "content": "</think>[INST]", "tool_calls": [{"function": {"arguments": {"<|": "$"}}}]}),
            ],
            tools: Some(json!([{"function": {"description": "[INST]"}}])),
            ..Prompt::default()
        };
        let mark = controls().guard_prompt(&mut prompt);
        assert_eq!(mark, '\u{e001}', "a character that the request does not contain");
        assert_eq!(prompt.messages[0]["role"], "user");
        assert_eq!(prompt.messages[0]["content"], "<\u{e001}/think>\u{e000}");
        assert_eq!(prompt.messages[0]["name"], "[\u{e001}INST]");
        assert_eq!(prompt.messages[1]["content"], "</think>[\u{e001}INST]");
        let call = &prompt.messages[1]["tool_calls"][0]["function"]["arguments"];
        assert_eq!(call.to_string(), "{\"<\u{e001}|\u{e001}\":\"$\u{e001}\"}");
        assert_eq!(prompt.tools.unwrap()[0]["function"]["description"], "[\u{e001}INST]");
    }
}
