//! The limits of what a conversation may hold. Every one that is broken is named.

use jan_core::conversation::{MAIN, Metadata};
use jan_core::{Error, JsonObject, Result};

const MAX_TITLE: usize = 256;
const MAX_REFERRER: usize = 64;
const MAX_PAIRS: usize = 16;
const MAX_KEY: usize = 64;
const MAX_VALUE: usize = 512;
const MAX_BRANCH: usize = 50;
const MAX_DESCRIPTION: usize = 512;

/// A text of at most `most` characters, without NUL (no database keeps it).
fn text(body: &JsonObject, member: &str, most: usize) -> Result<Option<String>> {
    let Some(text) = body.get::<String>(member)? else { return Ok(None) };
    fits(&text, member, most)?;
    Ok(Some(text))
}

fn fits(text: &str, member: &str, most: usize) -> Result<()> {
    if text.chars().count() > most {
        return Err(Error::invalid(member, format!("`{member}` must have at most {most} characters.")));
    }
    if text.contains('\0') {
        return Err(Error::invalid(member, format!("`{member}` must not hold a NUL character.")));
    }
    Ok(())
}

/// A referrer that does not come in a body.
pub(crate) fn referrer_text(text: &str) -> Result<()> {
    fits(text, "referrer", MAX_REFERRER)
}

/// The same, where an empty text means: none.
fn removable(body: &JsonObject, member: &str, most: usize) -> Result<Option<Option<String>>> {
    Ok(text(body, member, most)?.map(|text| Some(text).filter(|text| !text.is_empty())))
}

pub(super) fn title(body: &JsonObject) -> Result<Option<String>> {
    let title = text(body, "title", MAX_TITLE)?;
    Ok(title.map(|title| title.trim().to_owned()).filter(|title| !title.is_empty()))
}

pub(super) fn referrer(body: &JsonObject) -> Result<Option<Option<String>>> {
    removable(body, "referrer", MAX_REFERRER)
}

pub(super) fn project_id(body: &JsonObject) -> Result<Option<Option<String>>> {
    removable(body, "project_id", MAX_REFERRER)
}

pub(super) fn description(body: &JsonObject) -> Result<Option<String>> {
    text(body, "description", MAX_DESCRIPTION)
}

/// A name for a new branch: letters, digits, `-`, `_`, `.`; not MAIN.
pub(super) fn branch_name(body: &JsonObject) -> Result<String> {
    let name = text(body, "name", MAX_BRANCH)?;
    let name = name.ok_or_else(|| Error::missing("name"))?;
    let fine = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ');
    if name.is_empty() || !name.chars().all(fine) {
        return Err(Error::invalid("name", "`name` must be letters, digits, blanks, `-`, `_` and `.`."));
    }
    if name.eq_ignore_ascii_case(MAIN) {
        return Err(Error::invalid("name", "`MAIN` is the name of every conversation's first branch."));
    }
    Ok(name)
}

/// At most 16 pairs; keys of 1 to 64 letters, digits and `_` that do not begin with `_`; values up to 512 characters.
pub(crate) fn metadata(body: &JsonObject) -> Result<Option<Metadata>> {
    let Some(pairs) = body.get::<Metadata>("metadata")? else { return Ok(None) };
    if pairs.len() > MAX_PAIRS {
        return Err(Error::invalid("metadata", format!("`metadata` must have at most {MAX_PAIRS} pairs.")));
    }
    for (key, value) in &pairs {
        let letters = key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
        if key.is_empty() || key.len() > MAX_KEY || key.starts_with('_') || !letters {
            let message = format!(
                "The metadata key `{key}` must be 1 to {MAX_KEY} letters, digits and underscores, and not begin with one."
            );
            return Err(Error::invalid(format!("metadata.{key}"), message));
        }
        if value.chars().count() > MAX_VALUE {
            let message = format!("The metadata value of `{key}` must have at most {MAX_VALUE} characters.");
            return Err(Error::invalid(format!("metadata.{key}"), message));
        }
    }
    Ok(Some(pairs))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn param(check: impl Fn(&JsonObject) -> Option<Error>, body: serde_json::Value) -> String {
        let body = JsonObject::parse(body.to_string().into()).unwrap();
        check(&body).map_or("-".into(), |error| error.get_param().unwrap_or("?").to_owned())
    }

    #[test]
    fn every_broken_limit_is_named() {
        let pairs = |n: usize| json!({"metadata": (0..n).map(|i| (format!("k{i}"), "v")).collect::<std::collections::BTreeMap<_, _>>()});
        assert_eq!(param(|b| title(b).err(), json!({"title": "x".repeat(257)})), "title");
        assert_eq!(param(|b| title(b).err(), json!({"title": "é".repeat(256)})), "-");
        assert_eq!(param(|b| title(b).err(), json!({"title": "a\0b"})), "title");
        assert_eq!(param(|b| referrer(b).err(), json!({"referrer": "x".repeat(65)})), "referrer");
        assert_eq!(param(|b| metadata(b).err(), pairs(16)), "-");
        assert_eq!(param(|b| metadata(b).err(), pairs(17)), "metadata");
        assert_eq!(param(|b| metadata(b).err(), json!({"metadata": {"_a": "b"}})), "metadata._a");
        assert_eq!(param(|b| metadata(b).err(), json!({"metadata": {"a": "b".repeat(513)}})), "metadata.a");
        assert_eq!(param(|b| metadata(b).err(), json!({"metadata": {"a": 1}})), "metadata");
        assert_eq!(param(|b| branch_name(b).err(), json!({"name": "main"})), "name");
        assert_eq!(param(|b| branch_name(b).err(), json!({})), "name");
    }
}
