//! Combines the chunks of a stream into one answer, without any input or output of its own.

mod calls;
mod merge;

use std::collections::BTreeMap;

use self::calls::Calls;
use super::{AnswerBody, Choice, ChunkBody, Content, Delta, Message, Rest, Usage};
use crate::{Error, Result};

/// The default limit on the size of a collected answer: 16 MiB, the same as for a whole answer.
pub const MAX_COLLECTED: usize = 16 * 1024 * 1024;
/// The estimated memory of a choice or a call besides its texts, in bytes.
const ENTRY_SIZE: usize = 256;

/// Collects the pieces of one answer: choices by their index, tool calls by their id and index, and the last reported
/// usage.
#[derive(Debug)]
pub struct Collector {
    head: Option<ChunkBody>,
    choices: BTreeMap<u32, PartialChoice>,
    usage: Option<Usage>,
    /// The estimated memory in use, in bytes.
    size: usize,
    limit: usize,
}

#[derive(Debug, Default)]
struct PartialChoice {
    role: Option<String>,
    content: Option<String>,
    reasoning: Option<String>,
    calls: Calls,
    finish_reason: Option<String>,
    message_rest: Rest,
    rest: Rest,
}

impl Default for Collector {
    fn default() -> Self {
        Self::with_limit(MAX_COLLECTED)
    }
}

impl Collector {
    /// A collector that refuses answers larger than about `limit` bytes.
    pub fn with_limit(limit: usize) -> Self {
        Self { head: None, choices: BTreeMap::new(), usage: None, size: 0, limit }
    }

    /// Adds the next chunk.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Upstream`] (`upstream_too_large`) when the answer grows over the limit.
    pub fn push(&mut self, mut chunk: ChunkBody) -> Result<()> {
        for choice in std::mem::take(&mut chunk.choices) {
            let partial = self.choices.entry(choice.index).or_insert_with(|| {
                self.size = self.size.saturating_add(ENTRY_SIZE);
                PartialChoice::default()
            });
            let grown = partial.add(choice.delta) + merge::members(&mut partial.rest, choice.rest);
            self.size = self.size.saturating_add(grown);
            partial.finish_reason = choice.finish_reason.or(partial.finish_reason.take());
        }
        self.usage = chunk.usage.take().or(self.usage.take());
        // Padding, which hides the length of a chunk's text from observers of the network.
        chunk.rest.remove("obfuscation");
        let rest = std::mem::take(&mut chunk.rest);
        let head = self.head.get_or_insert_default();
        head.fill_in(chunk);
        self.size = self.size.saturating_add(merge::members(&mut head.rest, rest));
        if self.size <= self.limit {
            return Ok(());
        }
        let message = format!("The model's answer is over {} bytes.", self.limit);
        Err(Error::upstream(message).with_code("upstream_too_large"))
    }

    /// The usage that was reported last.
    pub fn usage(&self) -> Option<&Usage> {
        self.usage.as_ref()
    }

    /// The collected answer.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Upstream`] when there was no chunk, or a choice has no finish reason: an incomplete answer
    /// is not returned as a complete one.
    pub fn finish(self) -> Result<AnswerBody> {
        let cut = || Error::upstream("The model's answer broke off.").with_code("upstream_cut");
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

impl ChunkBody {
    /// Fills in the id, model and creation time from `chunk` where they are still unknown: some upstreams omit them in
    /// their first chunk.
    fn fill_in(&mut self, chunk: Self) {
        for (own, new) in [(&mut self.id, chunk.id), (&mut self.model, chunk.model)] {
            if own.is_empty() {
                *own = new;
            }
        }
        if self.created == 0 {
            self.created = chunk.created;
        }
    }
}

impl PartialChoice {
    /// Adds a piece and returns by how many bytes the choice grew.
    fn add(&mut self, delta: Delta) -> usize {
        self.role = self.role.take().or(delta.role);
        let mut grown = append(&mut self.content, delta.content);
        grown += append(&mut self.reasoning, delta.reasoning_content);
        for piece in delta.tool_calls.into_iter().flatten() {
            grown += self.calls.add(piece);
        }
        grown + merge::members(&mut self.message_rest, delta.rest)
    }

    fn into_choice(self, index: u32) -> Choice {
        let mut rest = self.message_rest;
        if let Some(reasoning) = self.reasoning {
            rest.insert("reasoning_content".into(), reasoning.into());
        }
        let message = Message {
            role: self.role.unwrap_or_else(|| "assistant".into()),
            content: self.content.map(Content::Text),
            tool_calls: Some(self.calls.finish()).filter(|calls| !calls.is_empty()),
            tool_call_id: None,
            rest,
        };
        Choice { index, message, finish_reason: self.finish_reason, rest: self.rest }
    }
}

fn append(to: &mut Option<String>, piece: Option<String>) -> usize {
    let Some(piece) = piece else { return 0 };
    to.get_or_insert_default().push_str(&piece);
    piece.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn collect(chunks: &[serde_json::Value]) -> Result<AnswerBody> {
        let mut collector = Collector::default();
        for chunk in chunks {
            collector.push(serde_json::from_value(chunk.clone()).unwrap())?;
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
        let combined: Vec<_> = calls.iter().map(|c| (c.id.as_str(), c.function.arguments.as_str())).collect();
        assert_eq!(combined, [("a", "{}"), ("b", "{\"x\":1}")]);
        assert_eq!(calls[0].kind, "function");
    }

    #[test]
    fn an_incomplete_answer_is_an_error() {
        let cut = collect(&[json!({"id":"c","choices":[{"index":0,"delta":{"content":"Par"}}]})]);
        assert_eq!(cut.unwrap_err().code(), "upstream_cut");
        assert!(collect(&[]).is_err());
    }

    #[test]
    fn members_that_vendors_add_are_kept() {
        let answer = collect(&[
            json!({"choices":[{"index":0,"delta":{"reasoning":"I "}}]}),
            json!({"choices":[{"index":0,"delta":{"reasoning":"think","content":"Hi"},"finish_reason":"stop"}],"x_groq":{"id":"r"}}),
            json!({"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"cost":0.5}}),
        ])
        .unwrap();
        assert_eq!(answer.choices[0].message.rest["reasoning"], "I think");
        assert_eq!(answer.usage.unwrap().rest["cost"], 0.5);
        assert_eq!(answer.rest["x_groq"]["id"], "r");
    }

    #[test]
    fn members_repeated_in_every_chunk_are_not_doubled() {
        let chunk = |text: &str| {
            json!({"system_fingerprint":"fp","citations":["a"],"obfuscation":"zz","choices":[{"index":0,
                "delta":{"content":text,"audio":{"id":"au","transcript":text},"refusal":null,
                    "reasoning_details":[{"type":"reasoning.text","index":0,"text":text,"format":"v1"}]},
                "content_filter_results":{"hate":{"filtered":false,"severity":"safe"}},
                "logprobs":{"content":[{"token":text}],"refusal":null}}]})
        };
        let last = json!({"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]});
        let answer = collect(&[chunk("ha"), chunk("ha"), last]).unwrap();
        let choice = &answer.choices[0];
        assert_eq!(choice.rest["content_filter_results"]["hate"]["severity"], "safe");
        assert_eq!(choice.rest["logprobs"]["content"], json!([{"token":"ha"},{"token":"ha"}]));
        let rest = &choice.message.rest;
        assert_eq!(rest["audio"], json!({"id":"au","transcript":"haha"}));
        let detail = json!([{"type":"reasoning.text","index":0,"text":"haha","format":"v1"}]);
        assert_eq!(rest["reasoning_details"], detail);
        assert_eq!(
            (&answer.rest["citations"], &answer.rest["system_fingerprint"]),
            (&json!(["a"]), &json!("fp"))
        );
        assert!(!answer.rest.contains_key("obfuscation"), "padding is no part of an answer");
    }

    #[test]
    fn an_answer_over_the_limit_is_an_error() {
        let grows = [
            json!({"content": "0123456789"}),
            json!({"reasoning": "0123456789"}),
            json!({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "0123456789"}}]}),
            json!({"images": [{"url": "0123456789"}]}),
        ];
        for delta in grows {
            let chunk = json!({"choices":[{"index":0,"delta":delta}]});
            let mut collector = Collector::with_limit(1000);
            let mut push = || collector.push(serde_json::from_value(chunk.clone()).unwrap());
            let many = (0..1000).map(|_| push()).find_map(Result::err);
            match chunk.pointer("/choices/0/delta/images") {
                // The same picture again is the same picture.
                Some(_) => assert!(many.is_none()),
                None => assert_eq!(many.unwrap().code(), "upstream_too_large", "{chunk}"),
            }
        }
    }
}
