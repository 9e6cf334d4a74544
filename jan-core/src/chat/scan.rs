//! What can be seen in JSON without parsing it. A string that stands inside another is escaped there (`\"error\"`), so a
//! key with its quotes is found only where JSON itself has it.

use std::sync::LazyLock;

use memchr::memmem::Finder;

/// Something to look for. Made once: preparing a search costs more than a search.
pub(super) type Key = LazyLock<Finder<'static>>;

pub(super) static CHOICES: Key = LazyLock::new(|| Finder::new(b"\"choices\""));
pub(super) static DATA: Key = LazyLock::new(|| Finder::new(b"\"data\""));
pub(super) static PICTURE: Key = LazyLock::new(|| Finder::new(b"\"b64_json\""));
/// Without the second quote: `errors`, `error_message` and the like are looked at too.
pub(super) static ERROR: Key = LazyLock::new(|| Finder::new(b"\"error"));
pub(super) static FINISH_REASON: Key = LazyLock::new(|| Finder::new(b"\"finish_reason\""));
pub(super) static USAGE: Key = LazyLock::new(|| Finder::new(b"\"usage\""));

/// Whether `key` stands somewhere in it.
pub(super) fn holds(json: &[u8], key: &'static Key) -> bool {
    places(json, key).next().is_some()
}

/// Where `key` stands, but for what a backslash before its quote makes part of a text.
fn places<'a>(json: &'a [u8], key: &'static Key) -> impl Iterator<Item = usize> + 'a {
    let escaped = |at: usize| at.checked_sub(1).and_then(|before| json.get(before)) == Some(&b'\\');
    key.find_iter(json).filter(move |at| !escaped(*at))
}

/// For every member of this name, wherever it stands: what follows its colon.
fn values<'a>(json: &'a [u8], key: &'static Key) -> impl Iterator<Item = &'a [u8]> {
    places(json, key).filter_map(move |at| {
        let after = json.get(at + key.needle().len()..)?.trim_ascii_start();
        Some(after.strip_prefix(b":")?.trim_ascii_start())
    })
}

/// Whether a list of choices stands in it that is not empty.
pub(super) fn has_choices(json: &[u8]) -> bool {
    let filled = |value: &[u8]| {
        value.strip_prefix(b"[").is_some_and(|list| !list.trim_ascii_start().starts_with(b"]"))
    };
    values(json, &CHOICES).any(filled)
}

/// Whether a reason to finish stands in it that says something. Whoever acts on it parses.
pub(super) fn may_finish(json: &[u8]) -> bool {
    values(json, &FINISH_REASON).any(|value| !value.starts_with(b"null") && !value.starts_with(b"\"\""))
}

/// Whether a usage stands in it that is not `null`. Whoever acts on it parses.
pub(super) fn may_report_usage(json: &[u8]) -> bool {
    values(json, &USAGE).any(|value| !value.starts_with(b"null"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_text_says_is_not_taken_for_a_member() {
        let chunk = |text: &str| format!(r#"{{"choices" : [ {{"delta":{{"content":{text:?}}}}}]}}"#);
        for text in ["\"error\": {}", "\"finish_reason\":\"stop\"", "\"choices\":[]", "\"usage\":{}"] {
            let chunk = chunk(text);
            let json = chunk.as_bytes();
            assert!(has_choices(json), "{chunk}");
            assert!(!holds(json, &ERROR) && !may_finish(json) && !may_report_usage(json), "{chunk}");
        }
    }

    #[test]
    fn empty_choices_are_none_whatever_stands_around_them() {
        for json in [r#"{"choices":[]}"#, r#"{"choices" :[ ] }"#, r#"{"choices":null}"#, "{}", "choices"] {
            assert!(!has_choices(json.as_bytes()), "{json}");
        }
    }
}
