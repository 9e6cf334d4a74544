//! The summary that a server logs when it starts: where it listens, how callers authenticate, where it stores data, and
//! which models it has.

use std::net::SocketAddr;
use std::path::Path;

use jan_core::secret::ExposeSecret;
use jan_core::{ModelProvider, Result};

use crate::config::{AuthMode, Config};
use crate::open;

/// Logs the summary. Whether the upstreams answer is checked in the background, so that the start does not wait for
/// them.
pub(super) fn log(config: &Config, address: SocketAddr) -> Result<()> {
    let (models, database) = (models(config), database(config));
    let auth = match config.auth.mode {
        AuthMode::Local => "local",
        AuthMode::Open => "open",
    };
    let api_keys = config.auth.api_keys.len();
    tracing::info!(auth, api_keys, %database, models = %models.join(", "), "serving");
    if models.is_empty() {
        tracing::warn!(
            "no model is configured, so no chat can be answered: set JAN_LOCAL_MODEL to a GGUF file or JAN_UPSTREAM_URL to \
             a server that speaks OpenAI's API"
        );
    }
    if config.auth.mode == AuthMode::Open && !address.ip().is_loopback() {
        tracing::warn!(
            %address,
            "authentication is off (`auth.mode = open`) and other machines can reach this address: whoever does may use \
             the models and read and delete everything"
        );
    }
    for (name, upstream) in open::upstreams(config)? {
        let url = config.providers.get(&name).map(|provider| redacted(&provider.url)).unwrap_or_default();
        tokio::spawn(async move { check(&name, &url, &*upstream).await });
    }
    Ok(())
}

async fn check(name: &str, url: &str, upstream: &dyn ModelProvider) {
    // The provider limits the wait for its list to ten seconds, and logs errors itself.
    if let Ok(models) = upstream.models().await {
        tracing::info!(upstream = name, url, models = models.len(), "the upstream answers");
    }
}

/// The names of the models that answer chats.
fn models(config: &Config) -> Vec<String> {
    let stem = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let local = config.local.model.as_deref().map(|path| {
        let name = config.local.name.clone().unwrap_or_else(|| stem(path));
        format!("{name} (local)")
    });
    let echo = config.echo.enabled.then(|| "echo".to_owned());
    let upstreams = config.providers.keys().map(|name| format!("those of {name}"));
    local.into_iter().chain(echo).chain(upstreams).collect()
}

/// Where data is stored, without the password.
fn database(config: &Config) -> String {
    match config.database.url.as_ref().map(ExposeSecret::expose_secret) {
        None => format!("sqlite in {}", config.data_dir.display()),
        Some("memory") => "memory, until the process ends".to_owned(),
        Some(url) => redacted(url),
    }
}

/// A URL without user information and query: both may contain passwords.
fn redacted(url: &str) -> String {
    let url = url.split_once('?').map_or(url, |(url, _)| url);
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (host, path) = rest.split_once('/').map_or((rest, None), |(host, path)| (host, Some(path)));
    // A password may contain an unescaped `/`.
    let rest = if path.is_some_and(|path| path.contains('@')) { rest } else { host };
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    match path {
        Some(path) if !path.contains('@') => format!("{scheme}://{host}/{path}"),
        _ => format!("{scheme}://{host}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_logged() {
        for (url, wanted) in [
            ("postgres://jan:secret@db:5432/jan?sslmode=require", "postgres://db:5432/jan"),
            ("postgres://jan:sec/ret@db/jan", "postgres://db/jan"),
            ("http://localhost:11434/v1", "http://localhost:11434/v1"),
            ("https://u:secret@h", "https://h"),
            ("sqlite:data/jan.db", "sqlite:data/jan.db"),
        ] {
            assert_eq!(redacted(url), wanted);
        }
    }
}
