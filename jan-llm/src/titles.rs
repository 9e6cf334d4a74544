//! Generates titles for conversations: with a small model if one is configured, otherwise from the user's first
//! message.

use jan_core::ChatRequest;
use jan_core::chat::Message;

/// The title of a conversation without a title.
pub const DEFAULT_TITLE: &str = "New Conversation";

/// The longest title, in characters.
pub const MAX_TITLE: usize = 256;

/// How many messages are sent to the model for a title, and how many characters of each.
const EXCERPT: (usize, usize) = (6, 600);

const INSTRUCTION: &str = "Write a title for the conversation below: at most eight words, in the conversation's own \
                           language, without quotation marks. Answer with the title alone.";

/// Whether to generate a title after an answer, when the conversation has `user_messages` messages of the user: after
/// the first, if there is no title yet, and after every fifth. Never when the title is locked.
pub fn is_due(user_messages: usize, title: &str, locked: bool) -> bool {
    match user_messages {
        0 => false,
        _ if locked => false,
        1 => matches!(title.trim(), "" | DEFAULT_TITLE),
        count => count.is_multiple_of(5),
    }
}

/// A title without a model: the user's first message without links, e-mail addresses and special characters, or
/// [`DEFAULT_TITLE`] when no words remain.
pub fn plain(text: &str) -> String {
    let mut title = String::new();
    for word in text.split_whitespace().map(plain_word) {
        if !title.is_empty() && !word.is_empty() {
            title.push(' ');
        }
        title.push_str(&word);
        if title.chars().nth(MAX_TITLE).is_some() {
            break;
        }
    }
    let title = shorten(title.split_whitespace());
    if title.is_empty() { DEFAULT_TITLE.to_owned() } else { title }
}

/// The request to `model` for a title of the conversation; the newest of `messages` is the last.
pub fn request(model: &str, messages: &[Message]) -> ChatRequest {
    let (count, length) = EXCERPT;
    let mut excerpts: Vec<_> =
        messages.iter().rev().filter_map(|message| quote(message, length)).take(count).collect();
    excerpts.reverse();
    ChatRequest::new(model)
        .system(INSTRUCTION)
        .user(excerpts.join("\n\n"))
        .with("max_tokens", &64)
        .with("temperature", &0.2)
}

/// The title in a model's answer, without reasoning, quotation marks, heading marks and further lines; `None` when
/// nothing remains.
pub fn clean(answer: &str) -> Option<String> {
    let answer = without_reasoning(answer);
    let line = answer.lines().map(without_decoration).find(|line| !line.is_empty())?;
    Some(shorten(line.split_whitespace())).filter(|title| !title.is_empty())
}

/// The excerpt of a message for the title request; `None` unless it is a text of user or assistant.
fn quote(message: &Message, length: usize) -> Option<String> {
    let speaker = match message.role.as_str() {
        "user" => "User",
        "assistant" => "Assistant",
        _ => return None,
    };
    let text: String = message.text().trim().chars().take(length).collect();
    (!text.is_empty()).then(|| format!("{speaker}: {text}"))
}

/// A word without links and e-mail addresses. Punctuation inside a word stays (`don't`, `3.5`); other punctuation
/// becomes a space.
fn plain_word(word: &str) -> String {
    let mut text = String::new();
    let mut rest = word;
    // Languages without spaces between words write a link directly beside a word. A link consists of ASCII characters,
    // so each run of ASCII characters is checked separately.
    while let Some(first) = rest.chars().next() {
        let ascii = first.is_ascii();
        let end = rest.find(|c: char| c.is_ascii() != ascii).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        text.push_str(if is_link(run) { " " } else { run });
        rest = after;
    }
    let mut plain = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let inside = plain.ends_with(char::is_alphanumeric)
            && chars.peek().is_some_and(|next| next.is_alphanumeric())
            && matches!(c, '\'' | '’' | '-' | '.' | ',' | '_');
        let joins = matches!(c, '\u{200c}' | '\u{200d}') && plain.ends_with(|last| last != ' ');
        plain.push(if inside || joins || !is_special(c) { c } else { ' ' });
    }
    plain.trim().to_owned()
}

/// Whether a run of ASCII characters contains a URL or an e-mail address.
fn is_link(run: &str) -> bool {
    let open = run.trim_start_matches(|c: char| c.is_ascii_punctuation());
    let host = open.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("www."));
    let address = || {
        run.split_once('@').is_some_and(|(name, host)| {
            name.ends_with(|c: char| c.is_ascii_alphanumeric() || "._%+-".contains(c))
                && host.split_once('.').is_some_and(|(domain, top)| {
                    !domain.is_empty() && top.starts_with(|c: char| c.is_ascii_alphanumeric())
                })
        })
    };
    host || run.contains("://") || address()
}

/// Whether a character is punctuation, a symbol, a pictograph or a control character. Letters of all scripts and their
/// combining marks are not.
fn is_special(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_alphanumeric();
    }
    c.is_control()
        || matches!(c, '\u{80}'..='\u{bf}' if !c.is_alphanumeric())
        || matches!(c, '×' | '÷' | '\u{feff}' | '\u{fffc}' | '\u{fffd}')
        || matches!(c, '\u{2000}'..='\u{2bff}' | '\u{3000}'..='\u{3004}' | '\u{3008}'..='\u{3020}')
        || matches!(c, '\u{fe00}'..='\u{fe6f}' | '\u{ff01}'..='\u{ff0f}' | '\u{ff1a}'..='\u{ff20}')
        || matches!(c, '\u{1f000}'..='\u{1faff}' | '\u{e0000}'..='\u{e0fff}')
}

/// The words joined by single spaces, cut to the maximum length of a title.
fn shorten<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let title = words.collect::<Vec<_>>().join(" ");
    if title.chars().nth(MAX_TITLE).is_none() {
        return title;
    }
    let cut: String = title.chars().take(MAX_TITLE - 3).collect();
    format!("{}...", cut.trim_end())
}

/// The answer without `<think>…</think>`. An unclosed `<think>` removes the rest of the answer. A `</think>` without a
/// beginning removes everything before it, because some chat templates write the opening tag into the prompt.
fn without_reasoning(answer: &str) -> String {
    const OPEN: &str = "<think>";
    const CLOSE: &str = "</think>";
    let mut text = String::new();
    let mut rest = match (answer.find(OPEN), answer.split_once(CLOSE)) {
        (Some(open), Some((before, after))) if open > before.len() => after,
        (None, Some((_, after))) => after,
        _ => answer,
    };
    while let Some((before, thought)) = rest.split_once(OPEN) {
        text.push_str(before);
        rest = thought.split_once(CLOSE).map_or("", |(_, after)| after);
    }
    text + rest
}

/// A line without the decoration that models add to a title: `# "Title: …".`
fn without_decoration(line: &str) -> &str {
    let is_decoration = |c: char| c.is_whitespace() || c.is_control() || "\"'`*_“”„‘’«»「」『』".contains(c);
    let line = line.trim().trim_start_matches('#').trim_matches(is_decoration);
    let line = match (line.get(..6), line.get(6..)) {
        (Some(label), Some(title)) if label.eq_ignore_ascii_case("title:") => {
            title.trim_matches(is_decoration)
        }
        _ => line,
    };
    line.strip_suffix('.').filter(|line| !line.ends_with('.')).unwrap_or(line).trim_end_matches(is_decoration)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_title_is_generated_after_the_first_and_every_fifth_message() {
        let due: Vec<_> = (0..12).filter(|count| is_due(*count, DEFAULT_TITLE, false)).collect();
        assert_eq!(due, [1, 5, 10]);
        assert!(is_due(1, "", false) && !is_due(1, "Mine", false) && is_due(5, "Mine", false));
        assert!(!is_due(1, "", true) && !is_due(5, "", true));
    }

    #[test]
    fn a_title_is_made_of_the_first_message() {
        for (text, title) in [
            ("What's the weather in Paris?", "What's the weather in Paris"),
            ("  see https://a.b/c?d=e and <www.x.y>,  now!! ", "see and now"),
            ("mail me@example.com (or me.too+x@example.co.uk) please", "mail or please"),
            ("GPT-4.1 vs. Qwen 3.5 🚀 — **which**?", "GPT-4.1 vs Qwen 3.5 which"),
            ("请看https://example.com谢谢！", "请看 谢谢"),
            ("नमस्ते दुनिया", "नमस्ते दुनिया"),
            ("Grüße, naïve café…", "Grüße naïve café"),
            ("a @mention and 5 @ 3", "a mention and 5 3"),
            ("cats and/or dogs(both)", "cats and or dogs both"),
            ("می‌خواهم", "می‌خواهم"),
            ("👨‍👩‍👧", DEFAULT_TITLE),
            ("https://example.com", DEFAULT_TITLE),
            ("?!", DEFAULT_TITLE),
            ("", DEFAULT_TITLE),
        ] {
            assert_eq!(plain(text), title, "{text}");
        }
    }

    #[test]
    fn a_long_title_is_cut_between_characters() {
        let title = plain(&"é".repeat(300));
        assert_eq!(title, "é".repeat(253) + "...");
        assert_eq!(plain(&"é".repeat(256)), "é".repeat(256));
    }

    #[test]
    fn reasoning_and_decoration_are_removed_from_a_models_answer() {
        for (answer, title) in [
            ("\"Weather in Paris\"", "Weather in Paris"),
            (
                "<think>Hm.\n\"No\"</think>\n\n**Title: Weather  in Paris.**\nShort enough?",
                "Weather in Paris",
            ),
            ("they want a title</think># “Paris”", "Paris"),
            ("To be continued...", "To be continued..."),
            ("What's new in C#", "What's new in C#"),
        ] {
            assert_eq!(clean(answer).as_deref(), Some(title), "{answer}");
        }
        for answer in ["", " \n ", "\"\"", "<think>endless", "Title:"] {
            assert_eq!(clean(answer), None, "{answer}");
        }
    }

    #[test]
    fn the_request_for_a_title_is_short() {
        let long = "word ".repeat(10_000);
        let messages: Vec<_> = ["system", "user", "assistant", "tool"]
            .iter()
            .cycle()
            .take(40)
            .map(|role| Message::new(*role, &long))
            .collect();
        let request = request("small", &messages);
        assert_eq!((request.get("max_tokens").unwrap(), request.model()), (Some(64), "small"));
        assert_eq!(request.get("temperature").unwrap(), Some(0.2));
        let sent = request.messages().unwrap();
        assert_eq!(sent.len(), 2);
        assert!(sent[1].text().len() < 4000 && sent[1].text().starts_with("User: word"));
        assert!(!sent[1].text().contains("System"));
    }

    proptest! {
        #[test]
        fn any_text_gives_a_title(text in "(\\PC|[ .@:/<>a-z]){0,400}") {
            let title = plain(&text);
            prop_assert!(!title.is_empty() && title.chars().count() <= MAX_TITLE);
            prop_assert!(!title.contains("://"));
            if let Some(title) = clean(&text) {
                prop_assert!(!title.is_empty() && title.chars().count() <= MAX_TITLE);
                prop_assert!(!title.contains(['\n', '\r']));
            }
        }
    }
}
