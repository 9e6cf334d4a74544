//! Lenient deserialisers for replies that deviate from the specification: `null` in place of an omitted member, a
//! number as a float or as text, arguments as an object. Chunks and answers are forwarded as bytes; that must not fail
//! only because this server also reads them.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::Usage;

/// Parses JSON. If strict parsing fails, it is parsed again with two relaxations: of two members with the same name
/// the last one counts, and an unpaired surrogate (an emoji that was cut in two) becomes U+FFFD.
pub(super) fn parse<T: DeserializeOwned>(json: &[u8]) -> serde_json::Result<T> {
    serde_json::from_slice(json).or_else(|error| {
        let value: Value = serde_json::from_slice(&without_unpaired_surrogates(json)).map_err(|_| error)?;
        serde_json::from_value(value)
    })
}

/// The value, or the type's default for `null`.
pub(super) fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A list. `null` is read as an empty list, and `null` entries are dropped.
pub(super) fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let entries: Option<Vec<Option<T>>> = Option::deserialize(deserializer)?;
    Ok(entries.into_iter().flatten().flatten().collect())
}

/// As [`list`], but `null` is read as `None`.
pub(super) fn some_list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Vec<T>>, D::Error> {
    let entries: Option<Vec<Option<T>>> = Option::deserialize(deserializer)?;
    Ok(entries.map(|entries| entries.into_iter().flatten().collect()))
}

/// A whole number. A float is truncated, a text is parsed as a number, and anything else is 0.
pub(super) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    Ok(whole(&Value::deserialize(deserializer)?).unwrap_or_default())
}

/// As [`number`], for an index.
pub(super) fn index<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    Ok(some_index(deserializer)?.unwrap_or_default())
}

/// As [`index`], but anything that is not a number is `None`.
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

/// A name or an id: a text, or the digits of a number. Anything else is read as an empty text.
pub(super) fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    })
}

/// As [`name`], but an empty text is read as `None`.
pub(super) fn some_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Some(name(deserializer)?).filter(|name| !name.is_empty()))
}

/// A text: a string, or the joined text parts of a list of parts. Anything else is `None`.
pub(super) fn content<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => Some(text),
        Value::Array(parts) => Some(parts.iter().filter_map(|part| part.get("text")?.as_str()).collect()),
        _ => None,
    })
}

/// The JSON text of arguments. A string is taken as it is; another value is written as JSON.
pub(super) fn arguments<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(some_arguments(deserializer)?.unwrap_or_default())
}

/// As [`arguments`], but `null` is read as `None`.
pub(super) fn some_arguments<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    })
}

/// Usage; a value that cannot be read is `None`.
pub(super) fn usage<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Usage>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(Some(value).filter(Value::is_object).and_then(|value| serde_json::from_value(value).ok()))
}

/// The same JSON with U+FFFD in place of every escape that is an unpaired surrogate.
fn without_unpaired_surrogates(json: &[u8]) -> Vec<u8> {
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
    fn an_unpaired_surrogate_is_replaced_and_a_pair_stays() {
        let read = |text: &str| parse::<Value>(text.as_bytes()).unwrap();
        assert_eq!(read(r#"{"a":"x\ud83dy"}"#), json!({"a": "x\u{fffd}y"}));
        assert_eq!(read(r#"{"a":"\ude00\ud83d\ude00\\ud83d"}"#), json!({"a": "\u{fffd}😀\\ud83d"}));
        assert!(parse::<Value>(br#"{"a":"\ud83d"#).is_err());
    }
}
