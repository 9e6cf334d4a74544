//! Cleans secrets from files and variables: a line end that an editor or `echo` added is removed, and a secret that no
//! header can carry is refused. Errors name the key and never contain the secret.

use jan_core::secret::ExposeSecret;
use jan_core::{Error, Result, Secret};

use super::Config;

/// Trims all secrets of the configuration.
///
/// # Errors
/// [`jan_core::ErrorKind::Invalid`] naming the key of a secret that a header cannot carry.
pub(super) fn trim(config: &mut Config) -> Result<()> {
    for (name, provider) in &mut config.providers {
        if let Some(key) = &mut provider.api_key {
            trim_for_header(key, || format!("providers.{name}.api_key"))?;
        }
        for (header, value) in &mut provider.headers {
            trim_for_header(value, || format!("providers.{name}.headers.{header}"))?;
        }
    }
    for key in &mut config.auth.api_keys {
        trim_for_header(key, || "auth.api_keys".to_owned())?;
    }
    let others = [
        &mut config.database.url,
        &mut config.media.link_key,
        &mut config.media.s3.secret_access_key,
        &mut config.pull.http_proxy,
        &mut config.pull.https_proxy,
    ];
    others.into_iter().flatten().for_each(trim_secret);
    Ok(())
}

fn trim_for_header(secret: &mut Secret, name: impl Fn() -> String) -> Result<()> {
    trim_secret(secret);
    if secret.expose_secret().chars().any(|c| c.is_control()) {
        let name = name();
        let message = format!(
            "The configuration is wrong: `{name}` has a line break or another control character inside, which no header can carry."
        );
        return Err(Error::invalid(name, message));
    }
    Ok(())
}

fn trim_secret(secret: &mut Secret) {
    let text = secret.expose_secret();
    let short = text.trim();
    if short.len() < text.len() {
        *secret = Secret::from(short.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Overrides, load};

    #[test]
    fn line_ends_are_removed_from_secrets() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("jan.toml");
        let text = "[providers.x]\nurl = \"http://h/v1\"\napi_key = \"sk-a\\r\\n\"\nheaders = { X-Key = \" k\\n\" }\n";
        std::fs::write(&file, text).unwrap();
        let variables = vec![
            ("JAN_UPSTREAM_API_KEY".to_owned(), "sk-b\n".to_owned()),
            ("JAN_UPSTREAM_URL".to_owned(), "http://h/v1\n".to_owned()),
        ];
        let config = load(&variables, &Overrides { file: Some(file), values: Vec::new() }).unwrap();
        let key = |name: &str| config.providers[name].api_key.as_ref().unwrap().expose_secret().to_owned();
        assert_eq!((key("x"), key("upstream")), ("sk-a".to_owned(), "sk-b".to_owned()));
        assert_eq!(config.providers["x"].headers.values().next().unwrap().expose_secret(), "k");
        assert_eq!(config.providers["upstream"].url, "http://h/v1");
    }
}
