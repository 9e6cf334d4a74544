//! Parses `data:` URLs strictly: a malformed one is refused and never repaired.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use jan_core::{Error, ErrorKind, Result};
use percent_encoding::percent_decode_str;

/// The content of a data URL.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DataUrl {
    pub(crate) mime: String,
    pub(crate) bytes: Bytes,
}

/// Parses `data:<mime>[;parameters][;base64],<data>`. At most `max` bytes are returned, and a larger content is
/// refused before decoding where its size can be computed.
///
/// # Errors
/// [`ErrorKind::Invalid`] naming `data_url`; [`ErrorKind::TooLarge`].
pub(crate) fn parse(url: &str, max: u64) -> Result<DataUrl> {
    let rest = match url.split_at_checked(5) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("data:") => rest,
        _ => return Err(invalid("it does not begin with `data:`")),
    };
    let (head, data) = rest.split_once(',').ok_or_else(|| invalid("it has no comma"))?;
    let (head, is_base64) = match head.rsplit_once(';') {
        Some((head, last)) if last.trim().eq_ignore_ascii_case("base64") => (head, true),
        _ => (head, false),
    };
    let mime = head.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let mime = match mime.split_once('/') {
        // The default of RFC 2397.
        None if mime.is_empty() => "text/plain".to_owned(),
        Some((main, sub)) if is_token(main) && is_token(sub) => mime,
        _ => return Err(invalid("its type is none")),
    };
    // The smallest possible content: percent-encoding uses at most three characters for a byte, and base64 four
    // characters for three bytes.
    let least = if is_base64 { (data.len() / 4 * 3).saturating_sub(2) } else { data.len() / 3 };
    if least as u64 > max {
        return Err(too_large(max));
    }
    let bytes = if is_base64 { decode_base64(data)? } else { decode_percent(data)? };
    if bytes.len() as u64 > max {
        return Err(too_large(max));
    }
    Ok(DataUrl { mime, bytes: bytes.into() })
}

pub(crate) fn too_large(max: u64) -> Error {
    Error::new(ErrorKind::TooLarge, format!("A file may have at most {max} bytes."))
        .with_code("max_size_exceeded")
}

fn decode_base64(data: &str) -> Result<Vec<u8>> {
    STANDARD.decode(data).map_err(|error| invalid("it is not base64").because(error))
}

fn decode_percent(data: &str) -> Result<Vec<u8>> {
    let well_formed = data.split('%').skip(1).all(|escape| {
        escape.as_bytes().first_chunk::<2>().is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    if !well_formed {
        return Err(invalid("a `%` in it is followed by no two digits"));
    }
    if data.bytes().any(|byte| !byte.is_ascii_graphic()) {
        return Err(invalid("it holds a character that must be written with `%`"));
    }
    Ok(percent_decode_str(data).collect())
}

fn is_token(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
    !text.is_empty() && text.len() < 128 && text.bytes().all(allowed)
}

fn invalid(why: &str) -> Error {
    Error::invalid("data_url", format!("The data URL is not valid: {why}.")).with_code("invalid_data_url")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_forms_are_read() {
        for (url, mime, bytes) in [
            ("data:image/png;base64,aGk=", "image/png", "hi"),
            ("DATA:Image/PNG;BASE64,aGk=", "image/png", "hi"),
            ("data:text/plain;charset=utf-8;base64,aGk=", "text/plain", "hi"),
            ("data:text/plain,a%20b%2C,c", "text/plain", "a b,,c"),
            ("data:,", "text/plain", ""),
            ("data:;base64,", "text/plain", ""),
        ] {
            assert_eq!(parse(url, 9).unwrap(), DataUrl { mime: mime.into(), bytes: bytes.into() }, "{url}");
        }
    }

    #[test]
    fn a_malformed_url_is_refused() {
        let malformed = [
            "",
            "data",
            "data:",
            "http://x/,",
            "data:image/png;base64",
            "data:image,x",
            "data:im age/png,x",
            "data:/,x",
            "data:a/b;base64,aGk",
            "data:a/b;base64,a-_=",
            "data:a/b;base64,aG k=",
            "data:a/b;base64,aGk=x",
            "data:a/b,%",
            "data:a/b,%2",
            "data:a/b,%zz",
            "data:a/b,é",
            "data:a/b,a b",
            "é",
        ];
        for url in malformed {
            let error = parse(url, 99).unwrap_err();
            assert_eq!((error.kind(), error.param()), (ErrorKind::Invalid, Some("data_url")), "{url}");
        }
    }

    #[test]
    fn the_limit_is_exact_and_comes_before_decoding() {
        let url = |n: usize| format!("data:a/b;base64,{}", STANDARD.encode(vec![0; n]));
        for n in 0..20 {
            assert_eq!(parse(&url(n), 9).is_ok(), n <= 9, "{n}");
        }
        let error = parse(&format!("data:a/b;base64,{}", "!".repeat(1000)), 9).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge, "it was not even looked at");
        assert_eq!(parse("data:,0123456789", 9).unwrap_err().kind(), ErrorKind::TooLarge);
    }

    proptest! {
        #[test]
        fn nothing_panics_and_nothing_grows(url in "(data:)?[a-z/]{0,8}(;base64)?,?\\PC{0,80}", max in 0..40u64) {
            if let Ok(read) = parse(&url, max) {
                prop_assert!(read.bytes.len() as u64 <= max && read.bytes.len() <= url.len());
            }
        }

        #[test]
        fn what_is_written_is_read(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let base64 = format!("data:a/b;base64,{}", STANDARD.encode(&bytes));
            let percent: String = bytes.iter().map(|byte| format!("%{byte:02x}")).collect();
            for url in [base64, format!("data:a/b,{percent}")] {
                prop_assert_eq!(&parse(&url, 80).unwrap().bytes[..], &bytes[..]);
            }
        }
    }
}
