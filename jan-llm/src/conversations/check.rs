//! The limits on a conversation's title, metadata and other members. An error names the member that breaks its limit.

use jan_core::conversation::{MAIN, Metadata};
use jan_core::{Error, Result};

const MAX_TITLE: usize = 256;
const MAX_REFERRER: usize = 64;
const MAX_PAIRS: usize = 16;
const MAX_KEY: usize = 64;
const MAX_VALUE: usize = 512;
const MAX_BRANCH: usize = 50;
const MAX_DESCRIPTION: usize = 512;

/// Checks that a text has at most `most` characters and no NUL character (Postgres cannot store it).
fn fits(text: &str, member: &str, most: usize) -> Result<()> {
    if text.chars().count() > most {
        return Err(Error::invalid(member, format!("`{member}` must have at most {most} characters.")));
    }
    if text.contains('\0') {
        return Err(Error::invalid(member, format!("`{member}` must not hold a NUL character.")));
    }
    Ok(())
}

/// Checks the name of the app or page that a conversation comes from.
pub(crate) fn referrer_text(text: &str) -> Result<()> {
    fits(text, "referrer", MAX_REFERRER)
}

/// Checks the length of a text; an empty text becomes `None`.
fn some_text(text: Option<String>, member: &str, most: usize) -> Result<Option<String>> {
    let Some(text) = text else { return Ok(None) };
    fits(&text, member, most)?;
    Ok(Some(text).filter(|text| !text.is_empty()))
}

pub(super) fn title(title: Option<String>) -> Result<Option<String>> {
    let title = some_text(title, "title", MAX_TITLE)?;
    Ok(title.map(|title| title.trim().to_owned()).filter(|title| !title.is_empty()))
}

pub(super) fn referrer(referrer: Option<String>) -> Result<Option<String>> {
    some_text(referrer, "referrer", MAX_REFERRER)
}

pub(super) fn project_id(id: Option<String>) -> Result<Option<String>> {
    some_text(id, "project_id", MAX_REFERRER)
}

pub(super) fn description(description: &str) -> Result<()> {
    fits(description, "description", MAX_DESCRIPTION)
}

/// Checks the name of a new branch: letters, digits, blanks, `-`, `_` and `.`; not MAIN.
pub(super) fn branch_name(name: &str) -> Result<()> {
    fits(name, "name", MAX_BRANCH)?;
    let fine = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ');
    if name.is_empty() || !name.chars().all(fine) {
        return Err(Error::invalid("name", "`name` must be letters, digits, blanks, `-`, `_` and `.`."));
    }
    if name.eq_ignore_ascii_case(MAIN) {
        return Err(Error::invalid("name", "`MAIN` is the name of every conversation's first branch."));
    }
    Ok(())
}

/// Checks metadata: at most 16 pairs; keys of 1 to 64 ASCII letters, digits, `_`, `-` and `.`, not beginning with `_`;
/// values up to 512 characters.
pub(crate) fn metadata(pairs: &Metadata) -> Result<()> {
    if pairs.len() > MAX_PAIRS {
        return Err(Error::invalid("metadata", format!("`metadata` must have at most {MAX_PAIRS} pairs.")));
    }
    for (key, value) in pairs {
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
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn param<T>(checked: Result<T>) -> String {
        checked.err().map_or("-".into(), |error| error.param().unwrap_or("?").to_owned())
    }

    #[test]
    fn an_error_names_the_member_that_breaks_its_limit() {
        let pairs = |n: usize| (0..n).map(|i| (format!("k{i}"), "v".to_owned())).collect::<Metadata>();
        let pair = |key: &str, value: String| Metadata::from([(key.to_owned(), value)]);
        assert_eq!(param(title(Some("x".repeat(257)))), "title");
        assert_eq!(param(title(Some("é".repeat(256)))), "-");
        assert_eq!(param(title(Some("a\0b".into()))), "title");
        assert_eq!(param(referrer(Some("x".repeat(65)))), "referrer");
        assert_eq!(param(metadata(&pairs(16))), "-");
        assert_eq!(param(metadata(&pairs(17))), "metadata");
        assert_eq!(param(metadata(&pair("_a", "b".into()))), "metadata._a");
        assert_eq!(param(metadata(&pair("a", "b".repeat(513)))), "metadata.a");
        assert_eq!(param(branch_name("main")), "name");
        assert_eq!(param(branch_name("")), "name");
    }
}
