//! Replaces links to our own media in the body of a request by media ids, before any other code reads the body. All
//! later code then stores, compares and forwards ids. Only members that name media are changed; a link in a message's
//! text stays text.

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::name::{OwnHosts, PREFIX};
use crate::JsonObject;

/// Members that may contain members of [`NAMES`]: messages, items, the parts of their content.
const HOLDERS: &[&str] = &["content", "file", "items", "messages", "output"];
/// Members whose value names media by a link or an id, directly or in an object.
const NAMES: &[&str] =
    &["file_data", "file_id", "file_url", "image", "image_url", "images", "mask", "media_id", "url"];
/// The largest depth at which media is named: a message, its content, a part, its image, the image's URL.
const MAX_DEPTH: usize = 9;

impl OwnHosts {
    /// The JSON body with media ids in place of links to media on these hosts. A body without such links is returned
    /// byte for byte, and so is every member without them. Text that is not JSON is returned unchanged; its reader
    /// refuses it.
    pub fn ids_for_links(&self, body: Bytes) -> Bytes {
        if !mentions_media(&body) {
            return body;
        }
        match serde_json::from_slice(&body) {
            Ok(raw) => self
                .replaced(raw, false, 0)
                .map_or(body, |new| Bytes::from(String::from(Box::<str>::from(new)))),
            Err(_) => body,
        }
    }

    /// The value with its links replaced; `None` if it has none. `named` says that a text at this place names media.
    fn replaced(&self, value: &RawValue, named: bool, depth: usize) -> Option<Box<RawValue>> {
        let json = value.get();
        if depth > MAX_DEPTH || !mentions_media(json.as_bytes()) {
            return None;
        }
        match json.as_bytes().first()? {
            b'"' if named => {
                let text: String = serde_json::from_str(json).ok()?;
                let id = self.id_of(&text)?;
                if id == text { None } else { raw(id) }
            }
            b'[' => {
                let mut items: Vec<Box<RawValue>> = serde_json::from_str(json).ok()?;
                let mut changed = false;
                for item in &mut items {
                    if let Some(new) = self.replaced(item, named, depth + 1) {
                        (*item, changed) = (new, true);
                    }
                }
                if changed { raw(&items) } else { None }
            }
            b'{' => {
                let mut object = JsonObject::parse(Bytes::copy_from_slice(json.as_bytes())).ok()?;
                let mut changed = Vec::new();
                for (key, value) in object.members() {
                    let named = NAMES.contains(&key);
                    if !named && !HOLDERS.contains(&key) {
                        continue;
                    }
                    let Ok(value) = serde_json::from_slice(value) else { continue };
                    if let Some(new) = self.replaced(value, named, depth + 1) {
                        changed.push((key.to_owned(), new));
                    }
                }
                if changed.is_empty() {
                    return None;
                }
                for (key, new) in &changed {
                    object.set(key, new).ok()?;
                }
                raw(&object)
            }
            _ => None,
        }
    }
}

fn raw<T: Serialize + ?Sized>(value: &T) -> Option<Box<RawValue>> {
    to_raw_value(value).ok()
}

/// Whether a body may name media: whether the prefix of media ids occurs in it.
pub fn mentions_media(json: &[u8]) -> bool {
    memchr::memmem::find(json, PREFIX.as_bytes()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: &str = "jan_01hqr8v9k2x3f4g5h6j7k8m9n0";

    fn with_ids(body: &str) -> String {
        let hosts = OwnHosts::new().with("https://jan.example");
        String::from_utf8(hosts.ids_for_links(body.replace('$', ID).into_bytes().into()).to_vec()).unwrap()
    }

    #[test]
    fn links_become_ids_where_media_is_named_and_everything_else_stays() {
        let link = "https://jan.example/api/media/$?exp=1&sig=a";
        let parts = [
            (
                format!(r#"{{ "type":"image_url","image_url":{{"url":"{link}", "detail":"low"}} }}"#),
                r#""url":"$""#,
            ),
            (format!(r#"{{"type":"image_url","image_url":"{link}"}}"#), r#""image_url":"$""#),
            (
                format!(r#"{{"type":"input_image","image_url":"{}"}}"#, link.replace('/', "\\/")),
                r#""image_url":"$""#,
            ),
            (r#"{"type":"image","image":{"url":"data:image/png;$"}}"#.into(), r#""url":"$""#),
            (r#"{"type":"input_file","file_url":"/v1/files/$/content"}"#.into(), r#""file_url":"$""#),
            (format!(r#"{{"type":"file","file":{{"file_data":"{link}"}}}}"#), r#""file_data":"$""#),
        ];
        for (part, named) in parts {
            for body in [
                format!(r#"{{"n":1.50, "messages":[{{"role":"user","content":[7,{part}]}}], "x": [ 1 ]}}"#),
                format!(r#"{{"items":[{{"type":"message","content":[{part}]}}]}}"#),
                format!(r#"{{"content":[{part}]}}"#),
            ] {
                let new = with_ids(&body);
                assert!(new.contains(&named.replace('$', ID)) && !new.contains("sig="), "{new}");
                assert_eq!(new.contains("1.50"), body.contains("1.50"));
                assert_eq!(new.contains("[ 1 ]"), body.contains("[ 1 ]"));
            }
        }
        for body in [r#"{"image":"$l"}"#, r#"{"images":["x", {"url":"$l"}], "mask": {"image_url":"$l"}}"#] {
            assert!(!with_ids(&body.replace("$l", link)).contains("https:"), "{body}");
        }
        for same in [
            r#"{"messages":[{"content":"https://jan.example/api/media/$"}]}"#,
            r#"{"messages":[{"content":[{"type":"text","text":"https://jan.example/api/media/$"}]}]}"#,
            r#"{"messages":[{"content":[{"image_url":{"url":"$"}}]}]}"#,
            r#"{"messages":[{"content":[{"image_url":{"url":"https://other.example/api/media/$"}}]}]}"#,
            r#"{"metadata":{"url":"/api/media/$"}}"#,
            r#"{"messages":[{"tool_calls":[{"url":"/api/media/$"}]}]}"#,
            "no JSON $",
        ] {
            assert_eq!(with_ids(same), same.replace('$', ID));
        }
    }

    #[test]
    fn depth_is_bounded() {
        let deep = format!("{}\"/api/media/{ID}\"{}", "[".repeat(100_000), "]".repeat(100_000));
        let body = format!(r#"{{"content":{deep}}}"#);
        assert_eq!(with_ids(&body), body);
    }

    proptest! {
        #[test]
        fn nothing_panics(body in "[\\[{\":,}\\]a-z/]{0,40}(jan_[0-9a-hjkmnp-tv-z]{26})?[\\[{\":,}\\]]{0,9}") {
            let _ = with_ids(&body);
        }
    }
}
