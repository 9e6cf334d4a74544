//! The configuration as text: the effective values, and the commented sample with every key.

use std::fmt::Write;

use jan_core::{Error, Result};
use toml::{Table, Value};

use super::Config;

/// Every key with its default and a comment; a line `#key = …` is a key without a default.
pub const SAMPLE: &str = include_str!("../../../jan.sample.toml");

impl Config {
    /// The effective values as TOML, with secrets hidden. Keys without a value are omitted.
    ///
    /// # Errors
    /// When a path is not UTF-8.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string_pretty(self).map_err(Error::internal)
    }

    /// The effective values with every key: a key without a value is a comment.
    ///
    /// # Errors
    /// As [`Config::to_toml`].
    pub fn with_every_key(&self) -> Result<String> {
        let mut values = Table::try_from(self).map_err(Error::internal)?;
        let mut keys = every_key()?;
        // Each configured upstream gets a section with the keys of the sample's upstream.
        if let (Some(Value::Table(described)), Some(Value::Table(known))) =
            (values.get_mut("providers"), keys.get_mut("providers"))
        {
            let example = known.values().next().cloned();
            *known = described.keys().filter_map(|name| Some((name.clone(), example.clone()?))).collect();
        }
        let mut text = String::new();
        section(&mut text, "", &values, &keys);
        if self.providers.is_empty() {
            text.push_str("\n# [providers.NAME] is not set\n");
        }
        Ok(text)
    }
}

/// The sample with every key set.
fn every_key() -> Result<Table> {
    let line = |line: &str| {
        let set = line
            .strip_prefix('#')
            .filter(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '['));
        format!("{}\n", set.unwrap_or(line))
    };
    SAMPLE.lines().map(line).collect::<String>().parse().map_err(Error::internal)
}

/// Writes a section: first its own keys, then its subsections.
fn section(text: &mut String, path: &str, values: &Table, keys: &Table) {
    let mut names: Vec<&String> = values.keys().chain(keys.keys()).collect();
    names.sort();
    names.dedup();
    let is_section = |name: &str| {
        let is_table = |table: &Table| table.get(name).is_some_and(Value::is_table);
        // The keys of `headers` and `models` are free names, so these count as values.
        (is_table(values) || is_table(keys)) && !["headers", "models"].contains(&name)
    };
    for name in names.iter().filter(|name| !is_section(name)) {
        // Writing to a string cannot fail.
        let _ = match values.get(name.as_str()) {
            Some(value) => writeln!(text, "{} = {value}", quoted(name)),
            None => writeln!(text, "# {name} is not set"),
        };
    }
    let empty = Table::new();
    for name in names.iter().filter(|name| is_section(name)) {
        let inner = |table: &'_ Table| table.get(name.as_str()).and_then(Value::as_table).cloned();
        let path = if path.is_empty() { quoted(name) } else { format!("{path}.{}", quoted(name)) };
        let values = inner(values).unwrap_or_else(|| empty.clone());
        // A section that has only subsections needs no heading.
        if path != "providers" {
            let _ = writeln!(text, "\n[{path}]");
        }
        section(text, &path, &values, &inner(keys).unwrap_or_else(|| empty.clone()));
    }
}

/// A name as a TOML key, quoted if necessary: names of providers may be any text.
fn quoted(name: &str) -> String {
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if plain { name.to_owned() } else { Value::String(name.to_owned()).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Overrides, load};

    fn loaded(text: &str) -> Result<Config> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("jan.toml");
        std::fs::write(&file, text).unwrap();
        load(&Vec::new(), &Overrides { file: Some(file), values: Vec::new() })
    }

    #[test]
    fn the_sample_contains_the_defaults() {
        assert_eq!(loaded(SAMPLE).unwrap().to_toml().unwrap(), Config::default().to_toml().unwrap());
        // No key with a default is commented out, so that this test fails when a default changes.
        let (sample, defaults): (Table, _) =
            (SAMPLE.parse().unwrap(), Table::try_from(Config::default()).unwrap());
        let missing = missing("", &defaults, &sample);
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn every_key_is_in_the_sample_and_loads() {
        let every = every_key().unwrap();
        loaded(&every.to_string()).unwrap();
        let mut keys = Table::new();
        known(&mut Vec::new(), &mut keys);
        let missing = missing("", &keys, &every);
        assert!(missing.is_empty(), "missing in jan.sample.toml: {missing:?}");
    }

    #[test]
    fn every_key_is_printed_and_the_printed_text_loads() {
        let text = Config::default().with_every_key().unwrap();
        for part in [
            "# public_url is not set",
            "# url is not set",
            "[media.s3]",
            "requests = true",
            "[providers.NAME]",
        ] {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
        assert_eq!(loaded(&text).unwrap().to_toml().unwrap(), Config::default().to_toml().unwrap());
        let set = "[providers.\"a.b\"]\nurl = \"http://h/v1\"\napi_key = \"sk-hush\"\nheaders = { X-Team = \"hush\" }\n";
        let text = loaded(set).unwrap().with_every_key().unwrap();
        assert!(
            text.contains("[providers.\"a.b\"]\napi_key = \"********\"") && !text.contains("hush"),
            "{text}"
        );
        loaded(&text).unwrap();
    }

    /// The paths of the keys of `all` that are missing in `some`.
    fn missing(path: &str, all: &Table, some: &Table) -> Vec<String> {
        let paths = all.iter().flat_map(|(name, value)| {
            let path = format!("{path}.{name}");
            match (value, some.get(name)) {
                (Value::Table(all), Some(Value::Table(some))) => missing(&path, all, some),
                (Value::Table(all), None) if all.is_empty() => Vec::new(),
                (_, None) => vec![path],
                (_, Some(_)) => Vec::new(),
            }
        });
        paths.collect()
    }

    /// Finds all keys of the types: the error for an unknown key lists the known ones.
    fn known(path: &mut Vec<String>, keys: &mut Table) {
        const NONE: &str = "no-such-key";
        let mut whole = Value::Boolean(true);
        for name in path.iter().map(String::as_str).chain([NONE]).collect::<Vec<_>>().iter().rev() {
            whole = Value::Table(Table::from_iter([((*name).to_owned(), whole)]));
        }
        let message = match loaded(&whole.to_string()) {
            // A plain value, or a section with free names.
            Ok(_) => return,
            Err(error) => error.to_string(),
        };
        if !message.contains(&format!("unknown field `{NONE}`")) {
            return;
        }
        let (_, expected) = message.split_once("expected").unwrap();
        for name in expected.split('`').skip(1).step_by(2) {
            let mut inner = Table::new();
            path.push(name.to_owned());
            if name == "providers" {
                path.push("upstream".to_owned());
                let mut upstream = Table::new();
                known(path, &mut upstream);
                inner.insert("upstream".to_owned(), Value::Table(upstream));
                path.pop();
            } else {
                known(path, &mut inner);
            }
            path.pop();
            let value = if inner.is_empty() { Value::Boolean(true) } else { Value::Table(inner) };
            keys.insert(name.to_owned(), value);
        }
    }
}
