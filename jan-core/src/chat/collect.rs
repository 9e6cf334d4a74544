//! Puts the chunks of a stream together again. Pure: chunks in, answer out.

use std::collections::BTreeMap;

use super::{
    AnswerBody, Choice, ChunkBody, Content, Delta, FunctionCall, FunctionDelta, Message, Rest, ToolCall,
    ToolCallDelta, Usage,
};
use crate::{Error, Result};

/// Gathers the pieces of one answer: choices by their index, tool calls by theirs, usage as it was reported.
#[derive(Debug, Default)]
pub struct Collector {
    head: Option<ChunkBody>,
    choices: BTreeMap<u32, Gathered>,
    usage: Option<Usage>,
}

#[derive(Debug, Default)]
struct Gathered {
    role: Option<String>,
    content: Option<String>,
    reasoning: Option<String>,
    calls: BTreeMap<u32, ToolCall>,
    finish_reason: Option<String>,
    message_rest: Rest,
    rest: Rest,
}

impl Collector {
    /// Takes the next chunk.
    pub fn push(&mut self, mut chunk: ChunkBody) {
        for choice in std::mem::take(&mut chunk.choices) {
            let gathered = self.choices.entry(choice.index).or_default();
            gathered.add(choice.delta);
            gathered.finish_reason = choice.finish_reason.or(gathered.finish_reason.take());
            merge(&mut gathered.rest, choice.rest);
        }
        self.usage = chunk.usage.take().or(self.usage.take());
        self.head.get_or_insert(chunk);
    }

    /// What has been reported as used so far.
    pub fn usage(&self) -> Option<&Usage> {
        self.usage.as_ref()
    }

    /// The answer.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Upstream`] when no chunk came, or a choice never said why it ended: half an answer is not
    /// shown as a whole one.
    pub fn finish(self) -> Result<AnswerBody> {
        let cut = || Error::upstream("The model's answer broke off.").code("upstream_cut");
        let head = self.head.ok_or_else(cut)?;
        if self.choices.is_empty() || self.choices.values().any(|choice| choice.finish_reason.is_none()) {
            return Err(cut());
        }
        Ok(AnswerBody {
            id: head.id,
            object: "chat.completion".into(),
            created: head.created,
            model: head.model,
            choices: self.choices.into_iter().map(|(index, choice)| choice.into_choice(index)).collect(),
            usage: self.usage,
            rest: head.rest,
        })
    }
}

impl Gathered {
    fn add(&mut self, delta: Delta) {
        self.role = self.role.take().or(delta.role);
        append(&mut self.content, delta.content);
        append(&mut self.reasoning, delta.reasoning_content);
        for piece in delta.tool_calls.into_iter().flatten() {
            self.calls.entry(piece.index).or_default().add(piece);
        }
        merge(&mut self.message_rest, delta.rest);
    }

    fn into_choice(self, index: u32) -> Choice {
        let mut rest = self.message_rest;
        if let Some(reasoning) = self.reasoning {
            rest.insert("reasoning_content".into(), reasoning.into());
        }
        let message = Message {
            role: self.role.unwrap_or_else(|| "assistant".into()),
            content: self.content.map(Content::Text),
            tool_calls: (!self.calls.is_empty()).then(|| self.calls.into_values().collect()),
            tool_call_id: None,
            rest,
        };
        Choice { index, message, finish_reason: self.finish_reason, rest: self.rest }
    }
}

impl ToolCall {
    fn add(&mut self, piece: ToolCallDelta) {
        if let Some(id) = piece.id {
            self.id = id;
        }
        if self.kind.is_empty() {
            self.kind = piece.kind.unwrap_or_else(|| "function".into());
        }
        if let Some(function) = piece.function {
            self.function.name.push_str(function.name.as_deref().unwrap_or_default());
            self.function.arguments.push_str(function.arguments.as_deref().unwrap_or_default());
        }
        merge(&mut self.rest, piece.rest);
    }
}

impl ToolCallDelta {
    /// A whole call as one piece.
    pub(super) fn whole(index: u32, call: &ToolCall) -> Self {
        let FunctionCall { name, arguments, .. } = call.function.clone();
        Self {
            index,
            id: Some(call.id.clone()),
            kind: Some(call.kind.clone()),
            function: Some(FunctionDelta { name: Some(name), arguments: Some(arguments) }),
            rest: call.rest.clone(),
        }
    }
}

fn append(to: &mut Option<String>, piece: Option<String>) {
    if let Some(piece) = piece {
        to.get_or_insert_default().push_str(&piece);
    }
}

/// Fields that we do not know: texts grow (a vendor's `reasoning`), lists grow, anything else is replaced.
fn merge(to: &mut Rest, from: Rest) {
    use serde_json::Value;
    for (key, value) in from {
        match (to.get_mut(&key), value) {
            (Some(Value::String(text)), Value::String(more)) => text.push_str(&more),
            (Some(Value::Array(list)), Value::Array(more)) => list.extend(more),
            (Some(Value::Object(inner)), Value::Object(more)) => merge(inner, more),
            (_, Value::Null) => {}
            (_, value) => {
                to.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn collect(chunks: &[serde_json::Value]) -> Result<AnswerBody> {
        let mut collector = Collector::default();
        for chunk in chunks {
            collector.push(serde_json::from_value(chunk.clone()).unwrap());
        }
        collector.finish()
    }

    #[test]
    fn tool_calls_in_pieces_keep_their_order() {
        let answer = collect(&[
            json!({"id":"c","choices":[{"index":0,"delta":{"role":"assistant","tool_calls":[
                {"index":1,"id":"b","type":"function","function":{"name":"two","arguments":"{\"x\""}},
                {"index":0,"id":"a","type":"function","function":{"name":"one","arguments":""}}]}}]}),
            json!({"id":"c","choices":[{"index":0,"delta":{"tool_calls":[
                {"index":1,"function":{"arguments":":1}"}},{"index":0,"function":{"arguments":"{}"}}]}}]}),
            json!({"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}),
        ])
        .unwrap();
        let calls = answer.choices[0].message.tool_calls.as_ref().unwrap();
        let said: Vec<_> = calls.iter().map(|c| (c.id.as_str(), c.function.arguments.as_str())).collect();
        assert_eq!(said, [("a", "{}"), ("b", "{\"x\":1}")]);
        assert_eq!(calls[0].kind, "function");
    }

    #[test]
    fn half_an_answer_is_an_error() {
        let cut = collect(&[json!({"id":"c","choices":[{"index":0,"delta":{"content":"Par"}}]})]);
        assert_eq!(cut.unwrap_err().get_code(), "upstream_cut");
        assert!(collect(&[]).is_err());
    }

    #[test]
    fn what_vendors_add_is_kept() {
        let answer = collect(&[
            json!({"choices":[{"index":0,"delta":{"reasoning":"I "}}]}),
            json!({"choices":[{"index":0,"delta":{"reasoning":"think","content":"Hi"},"finish_reason":"stop"}],"x_groq":{"id":"r"}}),
            json!({"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"cost":0.5}}),
        ])
        .unwrap();
        assert_eq!(answer.choices[0].message.rest["reasoning"], "I think");
        assert_eq!(answer.usage.unwrap().rest["cost"], 0.5);
    }
}
