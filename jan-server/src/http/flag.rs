//! Switches that come as text, in a query or a form: what cannot be read is refused and never taken as off.

use jan_core::{Error, Result};

/// Whether the switch `name` is on. Absent or empty, it is off. `True` is what Python's clients make of a switch.
///
/// # Errors
/// [`jan_core::ErrorKind::Invalid`] naming the switch.
pub(crate) fn flag(name: &str, text: Option<&str>) -> Result<bool> {
    match text.map(|text| text.trim().to_ascii_lowercase()).as_deref() {
        None | Some("" | "false" | "0") => Ok(false),
        Some("true" | "1") => Ok(true),
        Some(_) => Err(Error::invalid(name, format!("`{name}` must be `true` or `false`."))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_refused_by_name() {
        for (text, on) in [(None, false), (Some(""), false), (Some("0"), false), (Some("False"), false)] {
            assert_eq!(flag("public", text).unwrap(), on, "{text:?}");
        }
        assert!(flag("public", Some("true")).unwrap() && flag("public", Some("1")).unwrap());
        for bad in ["maybe", "yes", "on", "2", "true,", "null"] {
            assert_eq!(flag("public", Some(bad)).unwrap_err().param(), Some("public"), "{bad}");
        }
    }
}
