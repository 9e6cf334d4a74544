//! The order that OpenAI's API asks of a history: an assistant message that makes calls is followed at once by the results
//! of all of them, and a result stands nowhere else. What was kept may stand otherwise: somebody spoke while a tool ran,
//! items were added in another order, deleted, or lie before the part of a conversation that is read.

use std::collections::HashMap;

use jan_core::chat::{Content, Message};

use super::history::AsMessage;

/// A call: the message that makes it, and which of its calls it is.
type Place = (usize, usize);

/// The messages in the order that models take. A result is put behind the message whose call it answers; a result
/// without its call, a second result for one call, and a call without a result are left out, and so is a message that
/// then says nothing.
pub(crate) fn in_order<M: AsMessage>(messages: Vec<M>) -> Vec<M> {
    let is_valid = |message: &M| {
        message.is_plain() || message.role() != "tool" && message.message().tool_calls.is_none()
    };
    if messages.iter().all(is_valid) {
        return messages;
    }
    let mut results: HashMap<Place, M> = HashMap::new();
    let (answers, mut rest) = (answers(&messages), Vec::with_capacity(messages.len()));
    for (at, message) in messages.into_iter().enumerate() {
        if message.role() == "tool" {
            if let Some(place) = answers.get(&at) {
                results.insert(*place, message);
            }
        } else {
            rest.push((at, message));
        }
    }
    let mut ordered = Vec::new();
    for (at, mut message) in rest {
        if message.is_plain() {
            ordered.push(message);
            continue;
        }
        let mut behind = Vec::new();
        if let Some(calls) = message.change(|message| message.tool_calls.take()) {
            let mut answered = Vec::with_capacity(calls.len());
            for (n, call) in calls.into_iter().enumerate() {
                if let Some(result) = results.remove(&(at, n)) {
                    answered.push(call);
                    behind.push(result);
                }
            }
            if answered.is_empty() && !speaks(message.message()) {
                continue;
            }
            let answered = Some(answered).filter(|answered| !answered.is_empty());
            message.change(|message| message.tool_calls = answered);
        }
        ordered.push(message);
        ordered.append(&mut behind);
    }
    ordered
}

/// Whether a message says something beside its calls.
fn speaks(message: &Message) -> bool {
    match &message.content {
        None => {
            ["audio", "refusal"].iter().any(|member| message.rest.get(*member).is_some_and(|v| !v.is_null()))
        }
        Some(Content::Text(text)) => !text.is_empty(),
        Some(Content::Parts(parts)) => !parts.is_empty(),
    }
}

/// Which call each result answers, by the result's place: the newest before it that has none yet, since some models use
/// an id again in every turn; otherwise the first behind it.
fn answers<M: AsMessage>(messages: &[M]) -> HashMap<usize, Place> {
    let mut open: HashMap<&str, Vec<Place>> = HashMap::new();
    let mut early: HashMap<&str, Vec<usize>> = HashMap::new();
    let mut answers = HashMap::new();
    let all = messages.iter().enumerate().filter(|(_, message)| !message.is_plain());
    for (at, message) in all.map(|(at, message)| (at, message.message())) {
        if message.role == "tool" {
            let id = message.tool_call_id.as_deref().unwrap_or_default();
            let calls = open.entry(id).or_default();
            let newest = calls.last().map(|(message, _)| *message);
            // Of several calls of one message with one id, the first.
            match calls.iter().position(|(message, _)| Some(*message) == newest) {
                Some(first) => {
                    answers.insert(at, calls.remove(first));
                }
                None => early.entry(id).or_default().push(at),
            }
        }
        for (n, call) in message.tool_calls.iter().flatten().enumerate() {
            open.entry(&call.id).or_default().push((at, n));
        }
    }
    for (id, results) in early {
        let calls = open.remove(id).unwrap_or_default();
        // A call that stands before the result was answered by another one: these stand behind it.
        let mut calls = calls.into_iter();
        for at in results {
            if let Some(place) = calls.by_ref().find(|(message, _)| *message > at) {
                answers.insert(at, place);
            }
        }
    }
    answers
}

#[cfg(test)]
mod tests {
    use super::*;
    use jan_core::chat::{FunctionCall, ToolCall};
    use proptest::prelude::*;

    fn calls(ids: &[&str]) -> Message {
        let call = |id: &&str| ToolCall {
            id: (*id).into(),
            kind: "function".into(),
            function: FunctionCall::new("f", "{}"),
            ..ToolCall::default()
        };
        let tool_calls = Some(ids.iter().map(call).collect());
        Message { role: "assistant".into(), tool_calls, ..Message::default() }
    }

    fn result(id: &str) -> Message {
        Message { tool_call_id: Some(id.into()), ..Message::new("tool", format!("result of {id}")) }
    }

    fn user() -> Message {
        Message::new("user", "hm")
    }

    /// What is wrong with a history, as strict upstreams see it.
    fn fault(messages: &[Message]) -> Option<String> {
        let mut rest = messages.iter().peekable();
        while let Some(message) = rest.next() {
            if message.role == "tool" {
                return Some(format!("{message:?} answers no call right before it"));
            }
            let mut open: Vec<&str> =
                message.tool_calls.iter().flatten().map(|call| call.id.as_str()).collect();
            if message.tool_calls.as_ref().is_some_and(Vec::is_empty) {
                return Some("an empty list of calls".into());
            }
            while let Some(result) = rest.next_if(|next| next.role == "tool") {
                let id = result.tool_call_id.as_deref().unwrap_or_default();
                let Some(at) = open.iter().position(|call| *call == id) else {
                    return Some(format!("{id} was not called"));
                };
                open.remove(at);
            }
            if !open.is_empty() {
                return Some(format!("{open:?} are not answered"));
            }
        }
        None
    }

    #[test]
    fn each_call_is_followed_by_its_result() {
        let table: [(&str, Vec<Message>, Vec<Message>); 11] = [
            ("valid", vec![user(), calls(&["a"]), result("a")], vec![user(), calls(&["a"]), result("a")]),
            ("late", vec![calls(&["a"]), user(), result("a")], vec![calls(&["a"]), result("a"), user()]),
            ("early", vec![result("a"), user(), calls(&["a"])], vec![user(), calls(&["a"]), result("a")]),
            ("no call", vec![user(), result("a")], vec![user()]),
            ("no result", vec![user(), calls(&["a"])], vec![user()]),
            ("one of two", vec![calls(&["a", "b"]), result("b")], vec![calls(&["b"]), result("b")]),
            (
                "in another order",
                vec![calls(&["a", "b"]), result("b"), result("a")],
                vec![calls(&["a", "b"]), result("a"), result("b")],
            ),
            ("twice", vec![calls(&["a"]), result("a"), result("a")], vec![calls(&["a"]), result("a")]),
            (
                "one id in two turns",
                vec![calls(&["a"]), result("a"), calls(&["a"]), result("a")],
                vec![calls(&["a"]), result("a"), calls(&["a"]), result("a")],
            ),
            (
                "one id in two turns, the first never answered",
                vec![calls(&["a"]), user(), calls(&["a"]), result("a")],
                vec![user(), calls(&["a"]), result("a")],
            ),
            (
                "one id twice in a message",
                vec![calls(&["a", "a"]), result("a")],
                vec![calls(&["a"]), result("a")],
            ),
        ];
        for (name, messages, right) in table {
            assert_eq!(in_order(messages), right, "{name}");
        }
    }

    #[test]
    fn words_stay_without_their_calls() {
        let spoken =
            Message { content: Some(jan_core::chat::Content::Text("Let me look.".into())), ..calls(&["a"]) };
        assert_eq!(in_order(vec![spoken.clone()]), [Message { tool_calls: None, ..spoken }]);
    }

    proptest! {
        #[test]
        fn whatever_is_kept_is_told_in_a_valid_order(seeds in prop::collection::vec((0u8..4, 0u8..4, 0u8..4), 0..40)) {
            let id = |n: u8| ["a", "b", "c", "a"][n as usize];
            let messages: Vec<Message> = seeds.iter().map(|(kind, one, two)| match kind {
                0 => user(),
                1 => result(id(*one)),
                2 => calls(&[id(*one)]),
                _ => calls(&[id(*one), id(*two)]),
            }).collect();
            let told = in_order(messages.clone());
            prop_assert_eq!(fault(&told), None);
            // What is valid stays as it is, and nothing is made up.
            prop_assert_eq!(in_order(told.clone()), told.clone());
            let users = |messages: &[Message]| messages.iter().filter(|message| message.role == "user").count();
            prop_assert_eq!(users(&messages), users(&told));
        }
    }
}
