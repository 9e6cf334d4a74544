//! Whether two messages are the same one. Clients seldom send a talk again to the letter: they trim texts, take thinking
//! out of answers, write text as a string or as parts, and name a picture by another link. What counts is who speaks, the
//! text without that, the media, the calls, and the call that a result answers.

use std::hash::{DefaultHasher, Hash, Hasher};

use jan_core::chat::{Content, Message, Part};
use jan_core::media::{PREFIX, is_media_id};
use serde_json::Value;

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaker {
    /// `system` and `developer`: instructions, which are no part of the talk.
    Operator,
    User,
    Assistant,
    Tool,
}

impl Speaker {
    pub(super) fn of(role: &str) -> Self {
        match role {
            "system" | "developer" => Self::Operator,
            "assistant" => Self::Assistant,
            "tool" => Self::Tool,
            _ => Self::User,
        }
    }
}

/// What makes a message the one that it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) speaker: Speaker,
    text: String,
    media: Vec<String>,
    /// The ids of the calls that it makes.
    pub(super) calls: Vec<String>,
    /// The call that it answers.
    pub(super) answers: Option<String>,
}

impl Identity {
    pub(super) fn of(message: &Message) -> Self {
        let speaker = Speaker::of(&message.role);
        let mut text = message.text();
        let parts = match &message.content {
            Some(Content::Parts(parts)) => parts.as_slice(),
            _ => &[],
        };
        for refusal in parts.iter().map(|part| &part.rest).chain([&message.rest]) {
            text.push_str(refusal.get("refusal").and_then(Value::as_str).unwrap_or_default());
        }
        if text.contains('\r') {
            text = text.replace("\r\n", "\n");
        }
        if speaker == Speaker::Assistant {
            text = without_thinking(&text);
        }
        let spoken = message.rest.get("audio").and_then(|audio| audio.get("id")?.as_str());
        let others = parts.iter().filter(|part| !matches!(part.kind.as_str(), "text" | "refusal"));
        let mut media: Vec<String> = others.map(media).chain(spoken.map(str::to_owned)).collect();
        // A page may show the picture first or the question first.
        media.sort_unstable();
        let calls = message.tool_calls.iter().flatten().map(|call| call.id.clone()).collect();
        let answers = (speaker == Speaker::Tool).then(|| message.tool_call_id.clone().unwrap_or_default());
        Self { speaker, text: text.trim().to_owned(), media, calls, answers }
    }

    /// Whether something is said, beside calls.
    pub(super) fn speaks(&self) -> bool {
        !self.text.is_empty() || !self.media.is_empty()
    }

    /// Whether two messages are the same. Results are by the call that they answer; answers that make calls by these
    /// where both name them, since a client may show only what was said.
    pub(super) fn is(&self, other: &Self) -> bool {
        if self.speaker != other.speaker {
            return false;
        }
        match self.speaker {
            Speaker::Tool => self.answers == other.answers,
            Speaker::Assistant if !self.calls.is_empty() && !other.calls.is_empty() => {
                self.calls == other.calls
            }
            Speaker::Assistant => self.speaks() == other.speaks() && self.says(other),
            _ => self.says(other),
        }
    }

    fn says(&self, other: &Self) -> bool {
        self.text == other.text && self.media == other.media
    }
}

/// What a part that is no text shows: our own media by its id, whatever the link to it looks like, other links as they
/// are, everything else by its content.
fn media(part: &Part) -> String {
    let members = ["image_url", "image", "file_id", "file_url", "file_data"];
    let inner =
        ["file", "input_audio", "video_url", "audio_url"].iter().filter_map(|member| part.rest.get(*member));
    let named = members.iter().filter_map(|member| part.rest.get(*member));
    let url = |value: &Value| {
        let url = value.as_str().or_else(|| {
            ["url", "file_id", "file_data", "data"].iter().find_map(|member| value.get(*member)?.as_str())
        });
        url.filter(|url| !url.is_empty()).map(short)
    };
    named.chain(inner).find_map(url).unwrap_or_else(|| {
        let value = serde_json::to_string(&part.rest).unwrap_or_default();
        format!("{} {}", part.kind, short(&value))
    })
}

/// The id of our own media in a link, or the link; long texts (data URLs) by their hash.
fn short(url: &str) -> String {
    const LONG: usize = 2048;
    if url.len() > LONG {
        let mut hasher = DefaultHasher::new();
        url.hash(&mut hasher);
        return format!("{:016x} {}", hasher.finish(), url.len());
    }
    media_id_in(url).unwrap_or(url).to_owned()
}

/// The first id of media in a text.
fn media_id_in(text: &str) -> Option<&str> {
    const ID: usize = PREFIX.len() + 26;
    let mut ids = text.match_indices(PREFIX).filter_map(|(at, _)| text.get(at..at + ID));
    ids.find(|id| is_media_id(id))
}

/// The tags that models put around what they think.
const TAGS: [&str; 4] = ["think", "thinking", "thought", "reasoning"];

/// An answer without what the model thought aloud. A beginning without its end was cut off, an end without its beginning
/// was begun by the template.
fn without_thinking(text: &str) -> String {
    let mut text = text.to_owned();
    if !text.contains('<') {
        return text;
    }
    for tag in TAGS {
        let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
        while let Some(from) = text.find(&open) {
            let rest = text.get(from..).unwrap_or_default();
            let until = rest.find(&close).map_or(text.len(), |at| from + at + close.len());
            text.replace_range(from..until, "");
        }
        if let Some(at) = text.rfind(&close) {
            text.replace_range(..at + close.len(), "");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn same(a: Value, b: Value) -> bool {
        let of = |value: Value| Identity::of(&serde_json::from_value::<Message>(value).unwrap());
        let (a, b) = (of(a), of(b));
        assert_eq!(a.is(&b), b.is(&a));
        a.is(&b)
    }

    const ID: &str = "jan_01hqr8v9k2x3f4g5h6j7k8m9n0";

    #[test]
    fn small_changes_make_no_other_message() {
        let user = |content: Value| json!({"role": "user", "content": content});
        let assistant = |content: &str| json!({"role": "assistant", "content": content});
        for (a, b) in [
            (user(json!(" a b\n")), user(json!("a b"))),
            (user(json!("a\r\nb")), user(json!("a\nb"))),
            (user(json!("a")), user(json!([{"type": "text", "text": " a "}]))),
            (user(json!("a")), json!({"role": "user", "name": "Ann", "content": "a"})),
            (assistant("<think>\nhm\n</think>\n\nHello. "), assistant("Hello.")),
            (assistant("hm</think>Hello."), assistant("Hello.")),
            (assistant("Hello.<thinking>and"), assistant("Hello.")),
            (
                json!({"role": "assistant", "content": null, "refusal": "No."}),
                json!({"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}),
            ),
            (
                json!({"role": "tool", "tool_call_id": "c", "content": "1"}),
                json!({"role": "tool", "tool_call_id": "c", "content": "one"}),
            ),
        ] {
            assert!(same(a.clone(), b.clone()), "{a} {b}");
        }
        for (a, b) in [
            (user(json!("a b")), user(json!("ab"))),
            (user(json!("<think>a</think>b")), user(json!("b"))),
            (user(json!("a")), assistant("a")),
            (assistant("Hello."), assistant("Hello!")),
            (
                json!({"role": "tool", "tool_call_id": "c", "content": "1"}),
                json!({"role": "tool", "tool_call_id": "d", "content": "1"}),
            ),
            (
                json!({"role": "assistant", "content": null, "audio": {"id": "audio_1"}}),
                json!({"role": "assistant", "content": null, "audio": {"id": "audio_2"}}),
            ),
        ] {
            assert!(!same(a.clone(), b.clone()), "{a} {b}");
        }
    }

    #[test]
    fn a_picture_is_the_same_whatever_its_link() {
        let picture = |url: &str| {
            json!({"role": "user", "content": [{"type": "text", "text": "?"},
                                              {"type": "image_url", "image_url": {"url": url}}]})
        };
        let spellings = [
            ID.to_owned(),
            format!("data:image/png;{ID}"),
            format!("https://jan.example/api/media/{ID}?exp=1&sig=x"),
            format!("http://127.0.0.1:8000/ai/api/media/{ID}"),
        ];
        for spelling in &spellings {
            assert!(same(picture(ID), picture(spelling)), "{spelling}");
        }
        let first = json!({"role": "user", "content": [{"type": "image", "image": {"url": ID}}, {"type": "text", "text": "?"}]});
        assert!(same(picture(ID), first));
        let other = "jan_01hqr8v9k2x3f4g5h6j7k8m9n1";
        assert!(!same(picture(ID), picture(other)));
        assert!(!same(picture("https://a.example/1.png"), picture("https://a.example/2.png")));
        let data = |end: char| format!("data:image/png;base64,{}{end}", "A".repeat(5000));
        assert!(
            same(picture(&data('A')), picture(&data('A'))) && !same(picture(&data('A')), picture(&data('B')))
        );
    }

    #[test]
    fn a_call_is_the_same_by_its_id() {
        let calls = |text: Value, id: &str| {
            json!({"role": "assistant", "content": text, "tool_calls": [
                {"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}}]})
        };
        assert!(same(calls(Value::Null, "c"), calls(json!("Let me look."), "c")));
        assert!(!same(calls(json!("Let me look."), "c"), calls(json!("Let me look."), "d")));
        assert!(same(
            calls(json!("Let me look."), "c"),
            json!({"role": "assistant", "content": "Let me look."})
        ));
        assert!(!same(calls(Value::Null, "c"), json!({"role": "assistant", "content": "Let me look."})));
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "(\\PC|</?think>|jan_é?){0,12}") {
            let of = |role: &str| Identity::of(&Message::new(role, text.clone()));
            prop_assert!(of("assistant").is(&of("assistant")));
            let _ = short(&text);
        }
    }
}
