//! Nobody but the model knows its tokens, so they are estimated: four characters are one token, three characters of
//! Chinese, Japanese or Korean are two. Each character counts for itself, so a part never counts more than the whole.

use jan_core::chat::{Content, Message, Part};
use serde_json::Value;

/// What a role and the marks around a message take.
pub(super) const MESSAGE: usize = 4;
/// What a picture, a file or a sound takes, however many bytes it has.
const MEDIA: usize = 1000;

/// How a text is counted: exactly ([`tokens`]) or cheaply ([`at_most`]).
pub(super) type Count = fn(&str) -> usize;

/// A character in twelfths of a token.
pub(super) fn units(c: char) -> usize {
    match c {
        '\u{1100}'..='\u{11ff}'
        | '\u{2e80}'..='\u{9fff}'
        | '\u{a960}'..='\u{a97f}'
        | '\u{ac00}'..='\u{d7ff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{ff00}'..='\u{ffef}'
        | '\u{20000}'..='\u{3ffff}' => 8,
        _ => 3,
    }
}

/// The estimated tokens of a text.
pub(super) fn tokens(text: &str) -> usize {
    text.chars().map(units).sum::<usize>().div_ceil(12)
}

/// Never less than [`tokens`], without a look at the text: a character of eight units has three bytes or more.
pub(super) fn at_most(text: &str) -> usize {
    text.len().div_ceil(4)
}

/// Never less than the tokens of the messages that this JSON holds: every token stands for two bytes or more, but for media,
/// which are parts with a type.
pub(crate) fn tokens_at_most(json: &[u8]) -> usize {
    json.len() / 2 + MEDIA * memchr::memmem::find_iter(json, br#""type""#).count()
}

/// The tokens of a conversation, its texts counted by `count`.
pub(super) fn total(messages: &[Message], count: Count) -> usize {
    messages.iter().map(|message| weigh(message, count)).sum()
}

/// The tokens of a message, its texts counted by `count`.
pub(super) fn weigh(message: &Message, count: Count) -> usize {
    let content = match &message.content {
        None => 0,
        Some(Content::Text(text)) => count(text),
        Some(Content::Parts(parts)) => parts.iter().map(|part| weigh_part(part, count)).sum(),
    };
    let calls = message.tool_calls.iter().flatten().map(|call| {
        MESSAGE
            + count(&call.function.name)
            + count(&call.function.arguments)
            + weigh_rest(call.rest.values(), count)
    });
    MESSAGE + content + calls.sum::<usize>() + weigh_rest(message.rest.values(), count)
}

fn weigh_part(part: &Part, count: Count) -> usize {
    if is_media(part) {
        return MEDIA;
    }
    part.text.as_deref().map_or(0, count) + weigh_rest(part.rest.values(), count)
}

/// What we do not know is counted by the texts in it.
fn weigh_rest<'a>(values: impl Iterator<Item = &'a Value>, count: Count) -> usize {
    let weigh = |value: &Value| match value {
        Value::Null => 0,
        Value::Bool(_) | Value::Number(_) => 1,
        Value::String(text) => count(text),
        Value::Array(items) => weigh_rest(items.iter(), count),
        Value::Object(members) => weigh_rest(members.values(), count),
    };
    values.map(weigh).sum()
}

pub(super) fn is_picture(part: &Part) -> bool {
    matches!(part.kind.as_str(), "image_url" | "image" | "input_image")
}

fn is_media(part: &Part) -> bool {
    is_picture(part) || matches!(part.kind.as_str(), "input_audio" | "file" | "input_file" | "video_url")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tokens_are_counted_by_script() {
        assert_eq!(
            (tokens(""), tokens("abcd"), tokens("abcde"), tokens("日本語"), tokens("한")),
            (0, 1, 2, 2, 1)
        );
    }

    proptest! {
        #[test]
        fn the_cheap_estimate_is_never_below_the_dear_one(text in "(\\PC|[日é\\n]){0,300}") {
            prop_assert!(tokens(&text) <= at_most(&text));
        }
    }
}
