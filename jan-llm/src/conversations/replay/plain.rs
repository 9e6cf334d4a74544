//! Most items are messages of plain text. They become messages of a request without being parsed: the text is the same JSON in
//! both.

use std::fmt;

use bytes::Bytes;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::OWN;

/// The message of an item that holds plain text and nothing else that a model is told: its role and its JSON. `None` for any
/// other item, which is read member by member, and for one whose names are written with escapes.
pub(super) fn plain(body: &Bytes) -> Option<(&'static str, Bytes)> {
    let PlainItem { role, texts } = serde_json::from_slice(body).ok()?;
    let length: usize = texts.iter().map(|text| text.len()).sum();
    let mut json = Vec::with_capacity(length + 40);
    json.extend_from_slice(br#"{"role":""#);
    json.extend_from_slice(role.as_bytes());
    json.extend_from_slice(br#"","content":""#);
    for text in texts {
        // Without its quotes: the texts of several blocks are one text.
        json.extend_from_slice(text.strip_prefix('"')?.strip_suffix('"')?.as_bytes());
    }
    json.extend_from_slice(br#""}"#);
    Some((role, json.into()))
}

/// An item that is a message of plain text.
struct PlainItem<'a> {
    role: &'static str,
    /// The texts of its blocks, as JSON.
    texts: Vec<&'a str>,
}

/// A block of text.
struct PlainBlock<'a>(&'a str);

fn role_of(role: &str) -> Option<&'static str> {
    ["user", "assistant", "system", "developer"].into_iter().find(|known| *known == role)
}

impl<'de: 'a, 'a> Deserialize<'de> for PlainItem<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = PlainItem<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a message of plain text")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
                let other = || serde::de::Error::custom("no plain text");
                let (mut is_message, mut role, mut texts) = (false, None, None);
                while let Some(name) = members.next_key::<&'de str>()? {
                    match name {
                        "type" => is_message = members.next_value::<&'de str>()? == "message",
                        "role" => role = role_of(members.next_value::<&'de str>()?),
                        "content" => texts = Some(members.next_value::<Vec<PlainBlock<'de>>>()?),
                        "status" => {
                            let status = members.next_value::<Option<&'de str>>()?;
                            if matches!(status, Some("incomplete" | "failed" | "cancelled")) {
                                return Err(other());
                            }
                        }
                        "tool_calls" | "tool_call_id" | "name" => {
                            if members.next_value::<Option<IgnoredAny>>()?.is_some() {
                                return Err(other());
                            }
                        }
                        own if OWN.contains(&own) => drop(members.next_value::<IgnoredAny>()?),
                        // The client's own member, which the model is told.
                        _ => return Err(other()),
                    }
                }
                match (is_message, role, texts) {
                    (true, Some(role), Some(texts)) => {
                        Ok(PlainItem { role, texts: texts.into_iter().map(|block| block.0).collect() })
                    }
                    _ => Err(other()),
                }
            }
        }

        deserializer.deserialize_map(Members)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for PlainBlock<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Block<'a> {
            #[serde(rename = "type")]
            kind: &'a str,
            #[serde(borrow)]
            text: &'a RawValue,
        }
        let block = Block::deserialize(deserializer)?;
        let text = block.text.get();
        if !matches!(block.kind, "input_text" | "output_text" | "summary_text") || !text.starts_with('"') {
            return Err(serde::de::Error::custom("no block of text"));
        }
        Ok(Self(text))
    }
}
