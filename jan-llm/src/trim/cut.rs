//! Shortens what is too long, between two characters and with a mark that tells the model so.

use jan_core::chat::{Content, Message, Part};

use super::tokens::{at_most, is_picture, tokens, total, units};

const MAX_TOOL_RESULT: usize = 20_000;
const MAX_ARGUMENTS: usize = 2000;
const MAX_OLD_QUESTION: usize = 24_000;
const MAX_PART: usize = 6000;
/// Nothing is cut below this.
pub(super) const MIN_TEXT: usize = 400;
const MAX_TOOL_PICTURES: usize = 6;
const MAX_USER_PICTURES: usize = 15;

/// Ends a text that was cut.
pub(super) const CUT: &str = "\n[cut]";

/// The texts of a message that may be cut.
fn texts(message: &mut Message) -> Vec<&mut String> {
    match &mut message.content {
        None => Vec::new(),
        Some(Content::Text(text)) => vec![text],
        Some(Content::Parts(parts)) => parts.iter_mut().filter_map(|part| part.text.as_mut()).collect(),
    }
}

/// Cuts a text to at most `limit` tokens, between two characters, and says so in it; false when it fits as it is.
fn cut(text: &mut String, limit: usize) -> bool {
    if at_most(text) <= limit || tokens(text) <= limit {
        return false;
    }
    let mut room = (limit * 12).saturating_sub(CUT.chars().map(units).sum());
    let end = text.char_indices().find_map(|(at, c)| match room.checked_sub(units(c)) {
        Some(left) => {
            room = left;
            None
        }
        None => Some(at),
    });
    text.truncate(end.unwrap_or(text.len()));
    text.push_str(CUT);
    true
}

/// Cuts a call's arguments, which stay JSON: an object that holds their beginning.
fn cut_arguments(arguments: &mut String, limit: usize) -> bool {
    if at_most(arguments) <= limit || tokens(arguments) <= limit {
        return false;
    }
    let whole = std::mem::take(arguments);
    let mut room = limit;
    loop {
        // Escaping makes a text longer, so the beginning is halved until it fits.
        room /= 2;
        let mut beginning = whole.clone();
        cut(&mut beginning, room);
        *arguments = serde_json::json!({ "cut": beginning }).to_string();
        if room == 0 || tokens(arguments) <= limit {
            return true;
        }
    }
}

/// Shortens the longest texts and leaves out the oldest pictures.
pub(super) fn shorten(messages: &mut [Message], budget: usize) -> bool {
    let question = messages.iter().rposition(|message| message.role == "user");
    // In a small window no single text takes more than half.
    let most = |limit: usize| limit.min(budget / 2);
    let mut changed = false;
    for (i, message) in messages.iter_mut().enumerate() {
        let limit = match message.role.as_str() {
            "tool" => most(MAX_TOOL_RESULT),
            "user" if question == Some(i) => continue,
            "user" => most(MAX_OLD_QUESTION),
            "assistant" => usize::MAX,
            _ => continue,
        };
        let limit = match &message.content {
            Some(Content::Parts(_)) => limit.min(most(MAX_PART)),
            _ => limit,
        };
        for text in texts(message) {
            changed |= cut(text, limit);
        }
        for call in message.tool_calls.iter_mut().flatten() {
            changed |= cut_arguments(&mut call.function.arguments, most(MAX_ARGUMENTS));
        }
    }
    changed |= leave_out_pictures(messages, "tool", MAX_TOOL_PICTURES);
    changed |= leave_out_pictures(messages, "user", MAX_USER_PICTURES);
    changed
}

/// Shortens what may not be dropped, as far as it must be: tool results first, the user's words last.
pub(super) fn squeeze(messages: &mut [Message], budget: usize) -> bool {
    let mut over = total(messages, tokens).saturating_sub(budget);
    let mut changed = false;
    for role in ["tool", "user"] {
        for text in messages.iter_mut().filter(|message| message.role == role).flat_map(texts) {
            let length = tokens(text);
            if over > 0 && cut(text, length.saturating_sub(over).max(MIN_TEXT)) {
                over = over.saturating_sub(length.saturating_sub(tokens(text)));
                changed = true;
            }
        }
    }
    changed
}

/// Keeps the newest `most` pictures of a role; the place of an older one is marked.
fn leave_out_pictures(messages: &mut [Message], role: &str, most: usize) -> bool {
    let parts = messages.iter_mut().rev().filter(|message| message.role == role).flat_map(|message| {
        let parts = match &mut message.content {
            Some(Content::Parts(parts)) => parts.as_mut_slice(),
            _ => &mut [],
        };
        parts.iter_mut().rev()
    });
    let mut changed = false;
    for picture in parts.filter(|part| is_picture(part)).skip(most) {
        let text = Some("[an earlier picture was left out]".to_owned());
        *picture = Part { kind: "text".into(), text, ..Part::default() };
        changed = true;
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_cut_text_is_a_beginning(text in "(\\PC|[日é\\n]){0,300}", limit in 0usize..200) {
            let mut short = text.clone();
            if cut(&mut short, limit) {
                prop_assert!(text.starts_with(short.strip_suffix(CUT).unwrap()));
                prop_assert!(tokens(&short) <= limit.max(tokens(CUT)));
                prop_assert!(!cut(&mut short.clone(), limit.max(tokens(CUT))));
            } else {
                prop_assert_eq!(short, text);
            }
        }
    }
}
