//! A conversation outgrows the context of its model. What no longer fits is left out here, the oldest first, so that a
//! long chat goes on instead of failing, and so that what remains is still a conversation: every tool result with its
//! call, every call with its results, the instructions, and the question that is being asked.
//!
//! `tokens` estimates what a message takes, `cut` shortens one; this file decides what goes.

mod cut;
mod tokens;

use std::collections::{BTreeMap, HashMap};

use jan_core::chat::Message;

use cut::{shorten, squeeze};
pub(crate) use tokens::tokens_at_most;
use tokens::{at_most, tokens, total, weigh};

/// The context of a model that does not tell its own, in tokens.
pub const DEFAULT_CONTEXT: u32 = 220_000;

/// Taken off every window, for what the provider puts around the messages.
const OVERHEAD: usize = 100;
/// No window is taken to be smaller than this.
const MIN_BUDGET: usize = 1000;
/// Of the declaration of tools, this much is counted.
const MAX_TOOLS_BYTES: usize = 16_384;
/// However little room there is, this many stay.
const MIN_MESSAGES: usize = 2;

/// The room that a conversation has.
#[derive(Debug, Clone, Copy)]
pub struct Window<'a> {
    /// The model's context, in tokens.
    pub context: u32,
    /// How many of them the answer may take. When that is not said, about a third is kept for it.
    pub max_tokens: Option<u32>,
    /// The JSON of the request's `tools`.
    pub tools: Option<&'a [u8]>,
}

impl Default for Window<'_> {
    fn default() -> Self {
        Self { context: DEFAULT_CONTEXT, max_tokens: None, tools: None }
    }
}

/// A conversation that was fitted into a [`Window`].
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// The messages, in their order.
    pub messages: Vec<Message>,
    /// Whether something was left out.
    pub trimmed: bool,
}

impl Window<'_> {
    /// The tokens that the messages may take.
    pub fn budget(&self) -> usize {
        let context = usize::try_from(self.context).unwrap_or(usize::MAX);
        let messages = match self.max_tokens {
            Some(answer) => context.saturating_sub(usize::try_from(answer).unwrap_or(usize::MAX)),
            None => context.saturating_mul(66) / 100,
        };
        let tools = self.tools.map_or(0, |tools| tools.len().min(MAX_TOOLS_BYTES).div_ceil(4));
        messages.saturating_sub(OVERHEAD + tools).max(MIN_BUDGET)
    }

    /// Fits a conversation into the window. One that fits is returned as it is.
    ///
    /// From one that does not, first the longest texts are shortened and the oldest pictures left out; then the oldest
    /// messages go, calls and results together; at the very last the remaining tool results and then the present
    /// question are shortened further. System and developer messages, the last message of the user and what comes last
    /// stay, and never fewer than two messages. What stays may still be too much; then the provider has the last word.
    /// Fitting the result again changes nothing. A result whose call the caller left out is theirs to answer for.
    pub fn fit(&self, messages: Vec<Message>) -> Fitted {
        let budget = self.budget();
        if total(&messages, at_most) <= budget || total(&messages, tokens) <= budget {
            return Fitted { messages, trimmed: false };
        }
        let mut messages = messages;
        let mut trimmed = shorten(&mut messages, budget);
        trimmed |= drop_oldest(&mut messages, budget);
        trimmed |= squeeze(&mut messages, budget);
        Fitted { messages, trimmed }
    }
}

/// Drops the oldest groups until the rest fits or nothing more may go.
fn drop_oldest(messages: &mut Vec<Message>, budget: usize) -> bool {
    #[derive(Default)]
    struct Group {
        messages: usize,
        tokens: usize,
        stays: bool,
    }
    let is_system = |message: &Message| matches!(message.role.as_str(), "system" | "developer");

    // By the place of its first message: the oldest group is the first.
    let mut groups: BTreeMap<usize, Group> = BTreeMap::new();
    let of = places(messages);
    for (message, place) in messages.iter().zip(&of) {
        let group = groups.entry(*place).or_default();
        group.messages += 1;
        group.tokens += weigh(message, tokens);
        group.stays |= is_system(message);
    }
    let mut pairs = messages.iter().zip(&of);
    let last = pairs.clone().rfind(|(message, _)| !is_system(message));
    let question = pairs.rfind(|(message, _)| message.role == "user");
    for (_, place) in last.into_iter().chain(question) {
        groups.entry(*place).or_default().stays = true;
    }

    let (before, mut left) = (messages.len(), messages.len());
    let mut total: usize = groups.values().map(|group| group.tokens).sum();
    groups.retain(|_, group| {
        let goes = total > budget && !group.stays && left >= group.messages + MIN_MESSAGES;
        if goes {
            (left, total) = (left - group.messages, total - group.tokens);
        }
        !goes
    });
    let mut of = of.into_iter();
    messages.retain(|_| of.next().is_none_or(|place| groups.contains_key(&place)));
    left < before
}

/// The group of each message, named by the place of its first: an assistant message that calls tools and the results
/// that answer it are one group, any other message is its own.
fn places(messages: &[Message]) -> Vec<usize> {
    let mut callers: HashMap<&str, usize> = HashMap::new();
    let place = |(i, message)| {
        let message: &Message = message;
        for call in message.tool_calls.iter().flatten() {
            callers.insert(&call.id, i);
        }
        let answered = message.tool_call_id.as_deref().filter(|_| message.role == "tool");
        answered.and_then(|id| callers.get(id).copied()).unwrap_or(i)
    };
    messages.iter().enumerate().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::cut::{CUT, MIN_TEXT};
    use super::tokens::{MESSAGE, is_picture};
    use super::*;
    use jan_core::chat::{Content, FunctionCall, Part, ToolCall};
    use proptest::prelude::*;
    use serde_json::Value;

    fn calling(ids: &[&str], arguments: &str) -> Message {
        let call = |id: &&str| ToolCall {
            id: (*id).into(),
            function: FunctionCall::new("f", arguments),
            ..ToolCall::default()
        };
        let tool_calls = Some(ids.iter().map(call).collect());
        Message { role: "assistant".into(), tool_calls, ..Message::default() }
    }

    fn result(id: &str, text: &str) -> Message {
        Message { tool_call_id: Some(id.into()), ..Message::new("tool", text) }
    }

    fn pictures(role: &str, count: usize) -> Message {
        let picture = Part { kind: "image_url".into(), ..Part::default() };
        let content = Some(Content::Parts(vec![picture; count]));
        Message { role: role.into(), content, ..Message::default() }
    }

    fn small() -> Window<'static> {
        Window { context: 1100, max_tokens: Some(0), tools: None }
    }

    #[test]
    fn the_budget_leaves_room_for_the_rest() {
        assert_eq!(Window::default().budget(), 145_100);
        assert_eq!(Window { max_tokens: Some(20_000), ..Window::default() }.budget(), 199_900);
        let tools = vec![b' '; 100_000];
        assert_eq!(Window { tools: Some(&tools), ..Window::default() }.budget(), 145_100 - 4096);
        assert_eq!(Window { max_tokens: Some(u32::MAX), ..Window::default() }.budget(), 1000);
    }

    #[test]
    fn what_fits_stays_as_it_is() {
        let messages =
            vec![Message::new("user", "x".repeat(100_000)), pictures("user", 20), result("lost", "y")];
        let fitted = Window::default().fit(messages.clone());
        assert_eq!(fitted, Fitted { messages, trimmed: false });
        assert_eq!(Window::default().fit(Vec::new()), Fitted { messages: Vec::new(), trimmed: false });
    }

    #[test]
    fn the_oldest_go_first_and_calls_go_with_their_results() {
        let long = "x".repeat(1600);
        let messages = vec![
            Message::new("system", "Be brief."),
            calling(&["a", "b"], "{}"),
            result("a", &long),
            result("b", &long),
            Message::new("assistant", "Now."),
            Message::new("user", long.clone()),
            calling(&["c"], "{}"),
            result("c", "done"),
        ];
        let fitted = small().fit(messages.clone());
        assert!(fitted.trimmed);
        let expected = [&messages[..1], &messages[4..]].concat();
        assert_eq!(fitted.messages, expected);
    }

    #[test]
    fn long_texts_are_shortened_before_messages_go() {
        let messages = vec![
            Message::new("user", "日".repeat(900)),
            calling(&["a"], &"\"".repeat(9000)),
            result("a", &"é".repeat(9000)),
            Message::new("user", "So?"),
        ];
        let fitted = Window { context: 2100, ..small() }.fit(messages.clone());
        assert!(fitted.trimmed && fitted.messages.len() == 3);
        let arguments = &fitted.messages[0].tool_calls.as_ref().unwrap()[0].function.arguments;
        let arguments: Value = serde_json::from_str(arguments).unwrap();
        assert!(arguments["cut"].as_str().unwrap().ends_with("[cut]"));
        assert_eq!(tokens(&fitted.messages[1].text()), 1000);
        assert_eq!(fitted.messages[2], messages[3]);
    }

    #[test]
    fn the_present_question_is_cut_last() {
        let messages = vec![Message::new("system", "x".repeat(1000)), Message::new("user", "y".repeat(9000))];
        let fitted = small().fit(messages);
        assert!(fitted.trimmed && fitted.messages[1].text().ends_with(CUT));
        assert_eq!(fitted.messages[1].text().len(), 4 * (1000 - 250 - 2 * MESSAGE));

        let messages = vec![Message::new("system", "x".repeat(4000)), Message::new("user", "y".repeat(9000))];
        assert_eq!(tokens(&small().fit(messages).messages[1].text()), MIN_TEXT);
    }

    #[test]
    fn old_pictures_are_left_out() {
        let messages = vec![pictures("user", 10), pictures("tool", 8), pictures("user", 10)];
        let fitted = Window { context: 25_000, ..small() }.fit(messages);
        let count = |message: &Message| match &message.content {
            Some(Content::Parts(parts)) => parts.iter().filter(|part| is_picture(part)).count(),
            _ => 0,
        };
        assert_eq!(fitted.messages.iter().map(count).collect::<Vec<_>>(), [5, 6, 10]);
    }

    fn text() -> impl Strategy<Value = String> {
        ("(\\PC|[日é\"\\\\\n]){0,12}", prop_oneof![3 => 0usize..5, 1 => 0usize..900])
            .prop_map(|(text, n)| text.repeat(n))
    }

    fn message() -> impl Strategy<Value = Message> {
        let id = || proptest::sample::select(vec!["a", "b", "c", "d"]);
        let part = (0..3, text()).prop_map(|(kind, text)| match kind {
            0 => Part { kind: "image_url".into(), ..Part::default() },
            _ => Part { kind: "text".into(), text: Some(text), ..Part::default() },
        });
        let role = proptest::sample::select(vec!["user", "assistant", "tool", "other"]);
        prop_oneof![
            1 => text().prop_map(|text| Message::new("system", text)),
            6 => (role.clone(), text()).prop_map(|(role, text)| Message::new(role, text)),
            3 => (proptest::collection::vec(id(), 1..4), text()).prop_map(|(ids, text)| calling(&ids, &text)),
            5 => (id(), text()).prop_map(|(id, text)| result(id, &text)),
            2 => (role, proptest::collection::vec(part, 0..9)).prop_map(|(role, parts)| Message {
                role: role.into(), content: Some(Content::Parts(parts)), ..Message::default()
            }),
        ]
    }

    /// The messages with their places as names, which trimming keeps.
    fn numbered(messages: Vec<Message>) -> Vec<Message> {
        let number = |(i, mut message): (usize, Message)| {
            message.rest.insert("name".into(), i.into());
            message
        };
        messages.into_iter().enumerate().map(number).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn the_promises_hold(
            messages in proptest::collection::vec(message(), 0..14), context in 0u32..6000, max in proptest::option::of(0u32..3000),
        ) {
            let window = Window { context, max_tokens: max, tools: None };
            let messages = numbered(messages);
            let fitted = window.fit(messages.clone());
            prop_assert_eq!(fitted.trimmed, fitted.messages != messages);

            let again = window.fit(fitted.messages.clone());
            prop_assert_eq!(&again.messages, &fitted.messages);
            prop_assert!(!again.trimmed);

            let kept: Vec<usize> =
                fitted.messages.iter().map(|message| message.rest["name"].as_u64().unwrap() as usize).collect();
            prop_assert!(kept.is_sorted());
            prop_assert!(kept.len() >= messages.len().min(MIN_MESSAGES));
            let stays = |i: usize| kept.contains(&i);
            for (i, message) in messages.iter().enumerate() {
                prop_assert!(stays(i) || message.role != "system");
            }
            prop_assert!(messages.iter().rposition(|message| message.role == "user").is_none_or(stays));
            for (i, caller) in places(&messages).into_iter().enumerate() {
                prop_assert_eq!(stays(i), stays(caller));
            }

            // Over the budget only what must stay is left.
            let total: usize = fitted.messages.iter().map(|message| weigh(message, tokens)).sum();
            let groups = places(&fitted.messages);
            for group in groups.iter().filter(|_| total > window.budget()) {
                let mut members = fitted.messages.iter().zip(&groups).filter(|(_, of)| *of == group);
                let system = members.clone().any(|(message, _)| message.role == "system");
                let last = fitted.messages.iter().rposition(|message| message.role != "system");
                let question = members.any(|(message, _)| message.role == "user")
                    && fitted.messages.iter().rposition(|message| message.role == "user") == Some(*group);
                let count = groups.iter().filter(|of| *of == group).count();
                prop_assert!(
                    system || question || last.is_some_and(|last| groups[last] == *group)
                        || kept.len() < count + MIN_MESSAGES
                );
            }
        }
    }
}
