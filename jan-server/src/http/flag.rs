//! Boolean values in a query or a form. A value that cannot be read is refused, and never taken as `false`.

use jan_core::{Error, Result};

/// The boolean value of `name`. Absent or empty is `false`. Letter case is ignored, because Python clients send `True`.
///
/// # Errors
/// [`jan_core::ErrorKind::Invalid`] naming the value.
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
    fn a_value_that_is_not_boolean_is_refused() {
        for (text, on) in [(None, false), (Some(""), false), (Some("0"), false), (Some("False"), false)] {
            assert_eq!(flag("public", text).unwrap(), on, "{text:?}");
        }
        assert!(flag("public", Some("true")).unwrap() && flag("public", Some("1")).unwrap());
        for bad in ["maybe", "yes", "on", "2", "true,", "null"] {
            assert_eq!(flag("public", Some(bad)).unwrap_err().param(), Some("public"), "{bad}");
        }
    }
}
