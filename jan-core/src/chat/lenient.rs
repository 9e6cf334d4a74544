//! Reads what upstreams send although no specification has it: `null` where a member could be left out, a number as a
//! float or as text, arguments as an object. What passes through as bytes must not fail only because it is also read.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::Usage;

/// Reads JSON. Where the strict reading fails, the last of two members of the same name counts, and half of a surrogate
/// pair (an emoji cut in two) is U+FFFD.
pub(super) fn parse<T: DeserializeOwned>(json: &[u8]) -> serde_json::Result<T> {
    serde_json::from_slice(json).or_else(|error| {
        let value: Value = serde_json::from_slice(&without_half_pairs(json)).map_err(|_| error)?;
        serde_json::from_value(value)
    })
}

/// The type's default where `null` stands.
pub(super) fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A list; `null` is an empty one, and its entries that are `null` are left out.
pub(super) fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let entries: Option<Vec<Option<T>>> = Option::deserialize(deserializer)?;
    Ok(entries.into_iter().flatten().flatten().collect())
}

/// The same, where no list at all is told apart from an empty one.
pub(super) fn some_list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Vec<T>>, D::Error> {
    let entries: Option<Vec<Option<T>>> = Option::deserialize(deserializer)?;
    Ok(entries.map(|entries| entries.into_iter().flatten().collect()))
}

/// A whole number: of a float what stands before the point, of a text the number that it writes; anything else is 0.
pub(super) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    Ok(whole(&Value::deserialize(deserializer)?).unwrap_or_default())
}

/// The same for an index.
pub(super) fn index<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    Ok(some_index(deserializer)?.unwrap_or_default())
}

/// The same, where none at all is told apart from 0.
pub(super) fn some_index<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    Ok(whole(&Value::deserialize(deserializer)?).and_then(|number| u32::try_from(number).ok()))
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of a float saturates")]
fn whole(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64().or_else(|| number.as_f64().map(|float| float as u64)),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A name or an id: a text, or a number's digits; anything else is empty.
pub(super) fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    })
}

/// A name or an id that says something; an empty one names nothing.
pub(super) fn some_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Some(name(deserializer)?).filter(|name| !name.is_empty()))
}

/// A text: a string, or the text parts of a list of parts; anything else is none.
pub(super) fn content<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => Some(text),
        Value::Array(parts) => Some(parts.iter().filter_map(|part| part.get("text")?.as_str()).collect()),
        _ => None,
    })
}

/// The JSON text of arguments: a string as it is, and what an upstream did not write as a string, written.
pub(super) fn arguments<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(some_arguments(deserializer)?.unwrap_or_default())
}

/// The same, where `null` is none.
pub(super) fn some_arguments<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    })
}

/// Usage; what cannot be read as such is none.
pub(super) fn usage<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Usage>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(Some(value).filter(Value::is_object).and_then(|value| serde_json::from_value(value).ok()))
}

/// The same JSON with U+FFFD for every escape that is half of a surrogate pair.
fn without_half_pairs(json: &[u8]) -> Vec<u8> {
    let unit = |at: usize| -> Option<u16> {
        let digits = json.get(at..at + 6)?.strip_prefix(b"\\u")?;
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let (mut out, mut at) = (Vec::with_capacity(json.len()), 0);
    while let Some(byte) = json.get(at) {
        let taken = match (byte, unit(at), unit(at + 6)) {
            (b'\\', Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (b'\\', Some(0xd800..=0xdfff), _) => {
                out.extend_from_slice(b"\\ufffd");
                at += 6;
                continue;
            }
            (b'\\', ..) => 2,
            _ => 1,
        };
        out.extend_from_slice(json.get(at..at + taken).unwrap_or_else(|| json.get(at..).unwrap_or_default()));
        at += taken;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn half_a_pair_is_replaced_and_a_whole_one_stays() {
        let read = |text: &str| parse::<Value>(text.as_bytes()).unwrap();
        assert_eq!(read(r#"{"a":"x\ud83dy"}"#), json!({"a": "x\u{fffd}y"}));
        assert_eq!(read(r#"{"a":"\ude00\ud83d\ude00\\ud83d"}"#), json!({"a": "\u{fffd}😀\\ud83d"}));
        assert!(parse::<Value>(br#"{"a":"\ud83d"#).is_err());
    }
}
