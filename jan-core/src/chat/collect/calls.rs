//! Combines the pieces of a message's tool calls. Upstreams disagree on how a piece identifies its call: most give
//! each call an index and its first piece an id; some omit the index, some give all calls the same index, some repeat
//! name and id in every piece or send an empty id.

use super::{ENTRY_SIZE, merge};
use crate::chat::{FunctionCall, FunctionDelta, ToolCall, ToolCallDelta};
use crate::id;

/// The calls so far, in the order of their first pieces.
#[derive(Debug, Default)]
pub(super) struct Calls(Vec<IndexedCall>);

#[derive(Debug)]
struct IndexedCall {
    /// Its index in the message.
    index: u32,
    call: ToolCall,
}

impl Calls {
    /// Adds a piece and returns by how many bytes the calls grew.
    pub(super) fn add(&mut self, piece: ToolCallDelta) -> usize {
        let at = self.place(&piece);
        let mut grown = 0;
        if at.is_none() {
            let next = self.0.iter().map(|known| known.index.saturating_add(1)).max().unwrap_or_default();
            let call = ToolCall::default();
            self.0.push(IndexedCall { index: piece.index.unwrap_or(next), call });
            grown += ENTRY_SIZE;
        }
        let known = match at {
            Some(at) => self.0.get_mut(at),
            None => self.0.last_mut(),
        };
        grown + known.map_or(0, |known| known.call.add(piece))
    }

    /// The position of the call that a piece continues; `None` when the piece begins a new call.
    fn place(&self, piece: &ToolCallDelta) -> Option<usize> {
        let last_of = |index: Option<u32>| match index {
            Some(index) => self.0.iter().rposition(|known| known.index == index),
            None => self.0.len().checked_sub(1),
        };
        let function = piece.function.as_ref();
        let named = function.and_then(|function| function.name.as_deref());
        if let Some(id) = &piece.id {
            let here = |known: &IndexedCall| piece.index.is_none_or(|index| index == known.index);
            if let Some(at) = self.0.iter().rposition(|known| known.call.id == *id && here(known)) {
                return Some(at);
            }
            // Some upstreams use the function's name as the id of each call. So a piece with a known id but another
            // index continues that call only if it has no name; with a name, it begins a new call.
            if let Some(at) = self.0.iter().rposition(|known| known.call.id == *id) {
                return Some(at).filter(|_| named.is_none());
            }
            // A call's id may come after its first piece. Another id means another call, unless the piece contains
            // only arguments: some upstreams send a new id with every piece.
            let arguments_alone = named.is_none() && function.is_some_and(|piece| piece.arguments.is_some());
            let goes_on =
                |call: &ToolCall| call.id.is_empty() || (arguments_alone && !call.function.name.is_empty());
            return last_of(piece.index)
                .filter(|at| self.0.get(*at).is_some_and(|known| goes_on(&known.call)));
        }
        last_of(piece.index)
            .filter(|at| self.0.get(*at).is_some_and(|known| !known.call.is_followed_by(named)))
    }

    /// The calls, by their index.
    pub(super) fn finish(mut self) -> Vec<ToolCall> {
        self.0.sort_by_key(|known| known.index);
        let named = |known: IndexedCall| {
            let mut call = known.call;
            if call.id.is_empty() {
                // The result of the call refers to it by its id, so every call needs one.
                call.id = id::random("call_", 24);
            }
            if call.kind.is_empty() {
                call.kind = "function".into();
            }
            call
        };
        self.0.into_iter().map(named).collect()
    }
}

impl ToolCall {
    /// Whether a piece with this name and without an id begins a new call. It does if this call already has a name and
    /// arguments, and the names differ or the arguments are complete.
    fn is_followed_by(&self, name: Option<&str>) -> bool {
        let FunctionCall { name: own, arguments, .. } = &self.function;
        let complete = || serde_json::from_str::<serde::de::IgnoredAny>(arguments).is_ok();
        name.is_some_and(|name| !own.is_empty() && !arguments.is_empty() && (name != own || complete()))
    }

    fn add(&mut self, piece: ToolCallDelta) -> usize {
        let mut grown = 0;
        if let Some(id) = piece.id.filter(|_| self.id.is_empty()) {
            grown += id.len();
            self.id = id;
        }
        if self.kind.is_empty() {
            self.kind = piece.kind.unwrap_or_default();
        }
        if let Some(FunctionDelta { name, arguments, rest }) = piece.function {
            // Some upstreams repeat the name in every piece.
            if let Some(name) = name.filter(|name| *name != self.function.name) {
                grown += name.len();
                self.function.name.push_str(&name);
            }
            if let Some(piece) = arguments {
                grown += piece.len();
                self.function.arguments.push_str(&piece);
            }
            grown += merge::members(&mut self.function.rest, rest);
        }
        grown + merge::members(&mut self.rest, piece.rest)
    }
}

impl ToolCallDelta {
    /// A whole call as one piece.
    pub(in crate::chat) fn whole(index: u32, call: &ToolCall) -> Self {
        let FunctionCall { name, arguments, rest } = call.function.clone();
        let function = FunctionDelta { name: Some(name), arguments: Some(arguments), rest };
        Self {
            index: Some(index),
            id: Some(call.id.clone()),
            kind: Some(call.kind.clone()),
            function: (!call.function.is_absent()).then_some(function),
            rest: call.rest.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// Id, name and arguments of the calls that these pieces combine to.
    fn combined(pieces: &[Value]) -> Vec<(String, String, String)> {
        let mut calls = Calls::default();
        for piece in pieces {
            calls.add(serde_json::from_value(piece.clone()).unwrap());
        }
        let parts = |call: ToolCall| (call.id, call.function.name, call.function.arguments);
        calls.finish().into_iter().map(parts).collect()
    }

    fn call(id: &str, name: &str, arguments: &str) -> (String, String, String) {
        (id.into(), name.into(), arguments.into())
    }

    #[test]
    fn calls_are_distinguished_by_id_or_index() {
        let one = |more: Value| whole("a", "one", "{\"a\":1}", more);
        let two = |more: Value| whole("b", "two", "{\"b\":2}", more);
        let both = [call("a", "one", "{\"a\":1}"), call("b", "two", "{\"b\":2}")];
        for more in [json!({}), json!({"index": 0}), json!({"index": null})] {
            assert_eq!(combined(&[one(more.clone()), two(more.clone())]), both, "{more}");
        }
        assert_eq!(combined(&[two(json!({"index": 1})), one(json!({"index": 0}))]), both);
        // The same index twice, and pieces without an id after it.
        let rest = json!({"index": 0, "function": {"arguments": ":2}"}});
        let begun = whole("b", "two", "{\"b\"", json!({"index": 0}));
        assert_eq!(combined(&[one(json!({"index": 0})), begun, rest]), both);
    }

    #[test]
    fn calls_are_distinguished_although_their_ids_are_not_unique() {
        let piece = |index: u32, id: &str, name: &str, arguments: &str| json!({"index": index, "id": id, "function": {"name": name, "arguments": arguments}});
        // Another id with every piece of one call.
        let pieces = [piece(0, "1", "f", ""), piece(0, "2", "", "{\"a\""), piece(0, "3", "", ":1}")];
        assert_eq!(combined(&pieces), [call("1", "f", "{\"a\":1}")]);
        // The function's name as the id of each of its calls.
        let pieces = [piece(0, "w", "w", "{\"a\":1}"), piece(1, "w", "w", "{\"b\":2}")];
        assert_eq!(combined(&pieces), [call("w", "w", "{\"a\":1}"), call("w", "w", "{\"b\":2}")]);
    }

    #[test]
    fn calls_without_ids_are_distinguished_by_their_names() {
        let piece = |name: &str, arguments: &str| json!({"function": {"name": name, "arguments": arguments}});
        let names = |pieces: &[Value]| {
            let calls = combined(pieces);
            assert!(calls.iter().all(|(id, ..)| id.starts_with("call_")), "{calls:?}");
            calls.into_iter().map(|(_, name, arguments)| (name, arguments)).collect::<Vec<_>>()
        };
        let expected = |name: &str, arguments: &str| (name.to_owned(), arguments.to_owned());
        assert_eq!(
            names(&[piece("one", "{}"), piece("two", "{}")]),
            [expected("one", "{}"), expected("two", "{}")]
        );
        assert_eq!(
            names(&[piece("one", "{}"), piece("one", "{}")]),
            [expected("one", "{}"), expected("one", "{}")]
        );
        assert_eq!(names(&[piece("one", "{\"a\""), piece("one", ":1}")]), [expected("one", "{\"a\":1}")]);
        assert_eq!(names(&[piece("get_", ""), piece("time", "{}")]), [expected("get_time", "{}")]);
    }

    #[test]
    fn repeated_or_empty_members_in_later_pieces_change_nothing() {
        let first =
            json!({"index": 0, "id": "a", "type": "function", "function": {"name": "one", "arguments": ""}});
        let signed = json!({"extra_content": {"google": {"thought_signature": "sig"}}});
        for later in [
            json!({"index": 0, "id": "", "function": {"name": "", "arguments": "{}"}}),
            json!({"index": 0, "id": null, "type": null, "function": {"name": null, "arguments": "{}"}}),
            json!({"id": "a", "function": {"name": "one", "arguments": "{}"}}),
            json!({"function": {"arguments": "{}"}}),
        ] {
            assert_eq!(combined(&[first.clone(), later.clone()]), [call("a", "one", "{}")], "{later}");
        }
        let mut calls = Calls::default();
        for more in [&signed, &signed] {
            calls.add(serde_json::from_value(whole("a", "one", "", more.clone())).unwrap());
        }
        assert_eq!(json!(calls.finish()[0].rest), signed);
    }

    #[test]
    fn the_input_of_a_custom_call_is_joined_and_its_name_is_not() {
        let mut calls = Calls::default();
        for piece in [
            json!({"index": 0, "id": "c", "type": "custom", "custom": {"name": "sql", "input": ""}}),
            json!({"index": 0, "custom": {"name": "sql", "input": "SELECT"}}),
            json!({"index": 0, "custom": {"input": " 1"}}),
        ] {
            calls.add(serde_json::from_value(piece).unwrap());
        }
        let whole = json!([{"id": "c", "type": "custom", "custom": {"name": "sql", "input": "SELECT 1"}}]);
        assert_eq!(json!(calls.finish()), whole);
    }

    fn whole(id: &str, name: &str, arguments: &str, more: Value) -> Value {
        let mut piece =
            json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}});
        piece.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        piece
    }
}
