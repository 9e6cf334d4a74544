//! Searches for keys in JSON text without parsing it. Quotes inside of a JSON string are escaped (`\"error\"`), so a
//! quoted key can be told apart from the same characters in a text.

use std::sync::LazyLock;

use memchr::memmem::Finder;

/// A key to search for. Created once, because preparing a search costs more than searching.
pub(super) type Key = LazyLock<Finder<'static>>;

pub(super) static CHOICES: Key = LazyLock::new(|| Finder::new(b"\"choices\""));
pub(super) static DATA: Key = LazyLock::new(|| Finder::new(b"\"data\""));
pub(super) static PICTURE: Key = LazyLock::new(|| Finder::new(b"\"b64_json\""));
/// Without the closing quote, so that `errors`, `error_message` and the like are found too.
pub(super) static ERROR: Key = LazyLock::new(|| Finder::new(b"\"error"));
pub(super) static FINISH_REASON: Key = LazyLock::new(|| Finder::new(b"\"finish_reason\""));
pub(super) static USAGE: Key = LazyLock::new(|| Finder::new(b"\"usage\""));

/// Whether `key` occurs in the JSON.
pub(super) fn contains(json: &[u8], key: &'static Key) -> bool {
    places(json, key).next().is_some()
}

/// The positions of `key`. A match after a backslash is part of a text and is skipped.
fn places<'a>(json: &'a [u8], key: &'static Key) -> impl Iterator<Item = usize> + 'a {
    let escaped = |at: usize| at.checked_sub(1).and_then(|before| json.get(before)) == Some(&b'\\');
    key.find_iter(json).filter(move |at| !escaped(*at))
}

/// For every member with this name, at any depth: the text after its colon.
fn values<'a>(json: &'a [u8], key: &'static Key) -> impl Iterator<Item = &'a [u8]> {
    places(json, key).filter_map(move |at| {
        let after = json.get(at + key.needle().len()..)?.trim_ascii_start();
        Some(after.strip_prefix(b":")?.trim_ascii_start())
    })
}

/// Whether the JSON has a list of choices that is not empty.
pub(super) fn has_choices(json: &[u8]) -> bool {
    let filled = |value: &[u8]| {
        value.strip_prefix(b"[").is_some_and(|list| !list.trim_ascii_start().starts_with(b"]"))
    };
    values(json, &CHOICES).any(filled)
}

/// Whether the JSON has a finish reason that is not empty. Callers parse the JSON to be sure.
pub(super) fn may_finish(json: &[u8]) -> bool {
    values(json, &FINISH_REASON).any(|value| !value.starts_with(b"null") && !value.starts_with(b"\"\""))
}

/// Whether the JSON has a usage that is not `null`. Callers parse the JSON to be sure.
pub(super) fn may_report_usage(json: &[u8]) -> bool {
    values(json, &USAGE).any(|value| !value.starts_with(b"null"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_inside_of_a_text_is_not_found() {
        let chunk = |text: &str| format!(r#"{{"choices" : [ {{"delta":{{"content":{text:?}}}}}]}}"#);
        for text in ["\"error\": {}", "\"finish_reason\":\"stop\"", "\"choices\":[]", "\"usage\":{}"] {
            let chunk = chunk(text);
            let json = chunk.as_bytes();
            assert!(has_choices(json), "{chunk}");
            assert!(!contains(json, &ERROR) && !may_finish(json) && !may_report_usage(json), "{chunk}");
        }
    }

    #[test]
    fn empty_choices_count_as_none() {
        for json in [r#"{"choices":[]}"#, r#"{"choices" :[ ] }"#, r#"{"choices":null}"#, "{}", "choices"] {
            assert!(!has_choices(json.as_bytes()), "{json}");
        }
    }
}
