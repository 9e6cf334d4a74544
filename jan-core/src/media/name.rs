//! How media is named in requests: by its id, or by its id in the clothes of a data URL (`data:image/png;jan_…`), for
//! clients that want to say what it is.

/// What the ids of media begin with.
pub const PREFIX: &str = "jan_";
/// How many characters follow.
const ULID: usize = 26;

/// Whether this is an id of media: `jan_` and a ULID in small letters.
pub fn is_media_id(text: &str) -> bool {
    let ulid = |rest: &str| rest.len() == ULID && rest.bytes().all(is_letter);
    text.strip_prefix(PREFIX).is_some_and(ulid)
}

/// The id in `jan_…` or `data:<mime>;jan_…`, if the whole text is one of these.
pub fn media_id_of(text: &str) -> Option<&str> {
    let id = match text.strip_prefix("data:") {
        None => text,
        // A real data URL can be megabytes long: its comma is not looked for, only its end is looked at.
        Some(rest) => {
            let at = rest.len().checked_sub(PREFIX.len() + ULID)?;
            let (mime, id) = rest.split_at_checked(at)?;
            let mime = mime.strip_suffix(';')?;
            if mime.len() > 255 || mime.contains(',') {
                return None;
            }
            id
        }
    };
    is_media_id(id).then_some(id)
}

/// Crockford's alphabet: no i, l, o, u.
fn is_letter(byte: u8) -> bool {
    byte.is_ascii_digit() || (byte.is_ascii_lowercase() && !matches!(byte, b'i' | b'l' | b'o' | b'u'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ids_are_known_bare_and_in_clothes() {
        let id = crate::id::ulid(PREFIX, 1_700_000_000_000);
        assert!(is_media_id(&id), "{id}");
        for text in [id.clone(), format!("data:image/png;{id}"), format!("data:;{id}")] {
            assert_eq!(media_id_of(&text), Some(id.as_str()), "{text}");
        }
        let others =
            [id.to_uppercase(), format!("{id}0"), format!(" {id}"), format!("data:{id}"), id[1..].to_owned()];
        for text in others.iter().map(String::as_str).chain(["", "jan_", "data:", "data:,a;b", "jan_é"]) {
            assert_eq!(media_id_of(text), None, "{text}");
        }
        assert_eq!(media_id_of(&format!("data:text/plain,a;{id}")), None, "a data URL with text in it");
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "(data:)?.{0,60}(;jan_[0-9a-z]{20,30})?") {
            let _ = media_id_of(&text);
        }
    }
}
