//! Errors of the configuration library as sentences: the key, its value, where it was read, and what is accepted.

use config::ConfigError;

/// The sentence for an error of the library.
pub(super) fn sentence(error: &ConfigError) -> String {
    match error {
        ConfigError::Type { origin, unexpected, expected, key } => {
            let key = key.as_deref().unwrap_or("the whole file");
            format!("`{key}` is {unexpected}{}; it takes {}", place(origin.as_deref()), accepted(expected))
        }
        ConfigError::At { error, origin, key } => {
            let message = sentence(error);
            let place = place(origin.as_deref());
            match key.as_deref() {
                // The message for an unknown key contains the key already.
                Some(key) if !message.contains(&format!("`{key}`")) => format!("`{key}`{place}: {message}"),
                _ => message,
            }
        }
        ConfigError::NotFound(key) => format!("`{key}` is missing"),
        ConfigError::Message(message) => {
            // An error that a value's own `Deserialize` returned.
            match message.strip_prefix("invalid type: ").and_then(|rest| rest.split_once(", expected ")) {
                Some((found, expected)) => format!("it is {found}; it takes {}", accepted(expected)),
                None => message.clone(),
            }
        }
        other => other.to_string(),
    }
}

fn place(origin: Option<&str>) -> String {
    origin.map(|origin| format!(" in {origin}")).unwrap_or_default()
}

/// The library's names of types in plain words.
fn accepted(expected: &str) -> String {
    let number = |most: &str| format!("a whole number from 0{most}");
    match expected {
        "a boolean" => "true or false".to_owned(),
        "an unsigned 16 bit integer" => number(" to 65535"),
        "an unsigned 32 bit integer" => number(" to 4294967295"),
        _ if expected.contains("integer") => number(""),
        "an array" | "a sequence" => "a list, such as [\"a\", \"b\"]".to_owned(),
        "a map" => "a section of keys".to_owned(),
        _ if expected.starts_with("struct ") => "a section of keys".to_owned(),
        other => other.to_owned(),
    }
}
