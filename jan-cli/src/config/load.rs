//! Merges the layers of the configuration. An error names the invalid key or value, where it was read, and what is
//! accepted.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use config::builder::DefaultState;
use config::{ConfigBuilder, File, FileFormat};
use jan_core::{Error, Result};

use super::env::{ALIASES, Environment};
use super::error_text::sentence;
use super::{Config, MediaBackend, MediaForm, secrets};
use jan_server::cors_origin as origin;

/// The file that is read from the working directory if it exists.
const FILE: &str = "jan.toml";
/// The start of variables that set a value by its path.
pub(super) const PATH_PREFIX: &str = "JAN__";

/// Values of the command line; they override all other layers.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// A configuration file other than `jan.toml`.
    pub file: Option<PathBuf>,
    /// Values by their path, for example `("limits.body", "16MiB")`.
    pub values: Vec<(String, String)>,
}

/// Reads the configuration from all its layers.
///
/// # Errors
/// [`jan_core::ErrorKind::Invalid`] with a sentence that names the invalid key or value and what is accepted.
pub fn load(environment: &dyn Environment, overrides: &Overrides) -> Result<Config> {
    let variables = environment.vars();
    let mut builder = config::Config::builder();
    let named = overrides.file.clone().or_else(|| variable(&variables, "JAN_CONFIG").map(PathBuf::from));
    let file = named.as_deref().unwrap_or(Path::new(FILE));
    if readable(file, named.is_some())? {
        builder = builder.add_source(File::from(file).format(FileFormat::Toml));
    }
    builder = add_environment(builder, &variables)?;
    for (path, value) in &overrides.values {
        let wrong = |e| wrong(&format!("`--set {path}` cannot be set: {e}"));
        builder = builder.set_override(path, scalar(path, value)).map_err(wrong)?;
    }
    let merged = builder.build().map_err(|e| wrong(&sentence(&e)))?;
    let mut config: Config = merged.try_deserialize().map_err(|e| wrong(&sentence(&e)))?;
    secrets::trim(&mut config)?;
    check(&config)?;
    Ok(config)
}

/// Whether there is a file to read. A file that exists and cannot be read is an error, because it may restrict access.
fn readable(file: &Path, named: bool) -> Result<bool> {
    match std::fs::read_to_string(file) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound && !named => Ok(false),
        Err(error) => Err(wrong(&format!("the file {} cannot be read: {error}", file.display()))),
    }
}

fn variable<'a>(variables: &'a [(String, String)], name: &str) -> Option<&'a str> {
    variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// Adds the environment variables; the project's own names override those of the original.
fn add_environment(
    mut builder: ConfigBuilder<DefaultState>,
    variables: &[(String, String)],
) -> Result<ConfigBuilder<DefaultState>> {
    // Later calls override earlier ones, so the first names of the table are set last.
    for alias in ALIASES.iter().rev() {
        let Some(text) = variable(variables, alias.name) else { continue };
        // A line end that `echo` added to the file of a secret is not part of the value.
        let text = text.trim_end_matches(['\r', '\n']);
        // An empty variable counts as unset: shells and compose files leave such variables.
        if text.is_empty() {
            continue;
        }
        let value = alias
            .form
            .value(text)
            .map_err(|accepted| wrong(&format!("{}={text} is not valid: it takes {accepted}", alias.name)))?;
        let failed = |e| wrong(&format!("{} cannot be set: {e}", alias.name));
        builder = builder.set_override(alias.path, value).map_err(failed)?;
    }
    for (name, value) in variables {
        if let Some(path) = name.strip_prefix(PATH_PREFIX) {
            let path = path.to_ascii_lowercase().replace("__", ".");
            let value = value.trim_end_matches(['\r', '\n']);
            let failed = |e| wrong(&format!("{name} cannot be set: {e}"));
            builder = builder.set_override(&path, scalar(&path, value)).map_err(failed)?;
        }
    }
    Ok(builder)
}

/// Splits the text of a list. All other values are parsed from text by their own types.
fn scalar(path: &str, text: &str) -> config::Value {
    if matches!(
        path,
        "auth.api_keys" | "auth.hosts" | "cors.origins" | "fetch.allow" | "fetch.ports" | "media.types"
    ) {
        return text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().into();
    }
    text.into()
}

/// Checks that the types cannot make.
fn check(config: &Config) -> Result<()> {
    for (name, provider) in &config.providers {
        if !provider.url.starts_with("http://") && !provider.url.starts_with("https://") {
            let message = format!(
                "`providers.{name}.url` must look like http://localhost:11434/v1, not `{}`",
                provider.url
            );
            return Err(wrong(&message));
        }
        let nowhere = config.public_url.is_none() && config.media.public_url.is_none();
        if provider.media == MediaForm::Link && config.media.backend != MediaBackend::S3 && nowhere {
            let message =
                format!("`providers.{name}.media` is `link`, and links lead nowhere without `public_url`");
            return Err(wrong(&message));
        }
    }
    for (name, url) in [("public_url", &config.public_url), ("media.public_url", &config.media.public_url)] {
        let Some(url) = url else { continue };
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(wrong(&format!("`{name}` must look like https://chat.example, not `{url}`")));
        }
    }
    for listed in config.cors.origins.iter().filter(|listed| *listed != "*") {
        origin(listed).map_err(|error| wrong(error.message().trim_end_matches('.')))?;
    }
    if config.limits.connections == 0 {
        return Err(wrong("`limits.connections` must be at least 1"));
    }
    config.log.filter().map_err(|message| wrong(&message))?;
    Ok(())
}

fn wrong(what: &str) -> Error {
    Error::invalid("configuration", format!("The configuration is wrong: {what}."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::AuthMode;
    use jan_core::Secret;
    use jan_core::secret::ExposeSecret;

    fn load_with(variables: &[(&str, &str)], set: &[(&str, &str)]) -> Result<Config> {
        let own = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
        };
        load(&own(variables), &Overrides { file: None, values: own(set) })
    }

    #[test]
    fn short_names_paths_and_flags_override_each_other_in_order() {
        let config = load_with(
            &[
                ("JAN_ADDR", "127.0.0.1:9000"),
                ("JAN_UPSTREAM_URL", "http://localhost:1/v1"),
                ("JAN_UPSTREAM_API_KEY", "sk-upstream"),
                ("JAN_RATE_LIMIT", "off"),
                ("JAN_API_KEYS", "sk_aaaaaaaaaaaaaaaaaaaaa, sk_bbbbbbbbbbbbbbbbbbbbb"),
                ("JAN__LIMITS__DRAIN", "5s"),
                ("JAN__LIMITS__BODY", "1MiB"),
                ("SHUTDOWN_TIMEOUT", "9s"),
                ("JAN__DATABASE__RETENTION", "90d"),
                ("LOG_LEVEL", "warn"),
                ("JAN_LOG", "debug"),
                ("PATH", "/bin"),
            ],
            &[("addr", "127.0.0.1:9001"), ("auth.mode", "open")],
        )
        .unwrap();
        assert_eq!(config.addr.port(), 9001);
        assert_eq!(config.providers["upstream"].url, "http://localhost:1/v1");
        assert_eq!((config.rate_limit.enabled, config.auth.api_keys.len()), (false, 2));
        assert_eq!((config.limits.drain.as_secs(), config.limits.body.as_u64()), (5, 1 << 20));
        assert_eq!(config.database.retention.as_secs(), 90 * 24 * 60 * 60);
        assert_eq!((config.auth.mode, config.log.level.as_str()), (AuthMode::Open, "debug"));
    }

    #[test]
    fn media_is_configured_by_the_variable_names_of_the_original() {
        let variables = [
            ("MEDIA_STORAGE_BACKEND", "s3"),
            ("MEDIA_S3_BUCKET", "jan"),
            ("MEDIA_S3_ENDPOINT", "http://minio:9000"),
            ("MEDIA_S3_SECRET_ACCESS_KEY", "very-secret"),
            ("MEDIA_S3_USE_PATH_STYLE", "false"),
            ("MEDIA_S3_PRESIGN_TTL", "168h"),
            ("MEDIA_MAX_BYTES", "1048576"),
            ("MEDIA_RETENTION_DAYS", "7"),
            ("MEDIA_REMOTE_FETCH_TIMEOUT", "5s"),
            ("MEDIA_PROXY_DOWNLOAD", "false"),
            ("MEDIA_PUBLIC_URL", "http://localhost:8000"),
            ("JAN__MEDIA__TYPES", "image/png, audio/*"),
            ("JAN__FETCH__PORTS", "80,9000"),
        ];
        let config = load_with(&variables, &[]).unwrap();
        let media = &config.media;
        assert_eq!((media.s3.bucket.as_str(), media.s3.path_style, media.proxy), ("jan", false, false));
        assert_eq!((media.link_valid.as_secs(), media.retention.as_secs()), (604_800, 604_800));
        assert_eq!((media.max_bytes.as_u64(), media.fetch_timeout.as_secs()), (1 << 20, 5));
        assert_eq!((media.types.len(), &config.fetch.ports[..]), (2, &[80, 9000][..]));
        assert!(!config.to_toml().unwrap().contains("very-secret"));
        for (name, value) in
            [("MEDIA_STORAGE_BACKEND", "tape"), ("MEDIA_RETENTION_DAYS", "soon"), ("MEDIA_PUBLIC_URL", "x")]
        {
            assert!(load_with(&[(name, value)], &[]).unwrap_err().to_string().contains(value), "{name}");
        }
    }

    #[test]
    fn facts_about_a_model_are_configured_by_its_id() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("jan.toml");
        let text = r#"
            [providers.up]
            url = "http://localhost:1/v1"
            [providers.up.models."Maker/Model-7.1:latest"]
            display_name = "Model 7"
            order = 3
            supports = { images = true, tools = false }
        "#;
        std::fs::write(&file, text).unwrap();
        let load =
            |file: &Path| load(&Vec::new(), &Overrides { file: Some(file.into()), values: Vec::new() });
        let config = load(&file).unwrap();
        let model = &config.providers["up"].models["Maker/Model-7.1:latest"];
        assert_eq!((model.display_name.as_deref(), model.order), (Some("Model 7"), Some(3)));
        assert_eq!((model.supports.images, model.supports.tools), (Some(true), Some(false)));
        std::fs::write(&file, config.to_toml().unwrap()).unwrap();
        assert_eq!(load(&file).unwrap().to_toml().unwrap(), config.to_toml().unwrap());
        std::fs::write(&file, text.replace("images", "imagez")).unwrap();
        let message = load(&file).unwrap_err().to_string();
        assert!(message.contains("imagez") && message.contains("images"), "{message}");
    }

    #[test]
    fn the_proxy_of_one_scheme_overrides_the_proxy_of_all() {
        let variables =
            [("ALL_PROXY", "http://me:very-secret@all:1"), ("HTTPS_PROXY", "http://tls:1"), ("no_proxy", "")];
        let config = load_with(&variables, &[]).unwrap();
        let url = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.expose_secret().to_owned());
        assert_eq!(url(&config.pull.http_proxy).as_deref(), Some("http://me:very-secret@all:1"));
        assert_eq!(url(&config.pull.https_proxy).as_deref(), Some("http://tls:1"));
        assert_eq!(config.pull.no_proxy, None);
        assert!(!config.to_toml().unwrap().contains("very-secret"));
    }

    #[test]
    fn errors_name_the_invalid_value_and_what_is_accepted() {
        for (variables, set, words) in [
            (&[("JAN_RATE_LIMIT", "maybe")][..], &[][..], &["JAN_RATE_LIMIT", "maybe", "off"][..]),
            (&[], &[("limits.body", "16XB")], &["limits.body", "16XB", "16MiB"]),
            (&[], &[("limits.body", "-1")], &["limits.body", "-1", "16MiB"]),
            (&[], &[("media.max_bytes", "much")], &["media.max_bytes", "much", "16MiB"]),
            (&[], &[("limits.drain", "-1s")], &["limits.drain", "-1s", "90s"]),
            (&[], &[("limits.drain", "5")], &["limits.drain", "5", "90s"]),
            (
                &[("JAN__LIMITS__CONNECTIONS", "-1")],
                &[],
                &["limits.connections", "-1", "a whole number from 0"],
            ),
            (
                &[],
                &[("rate_limit.v1_minute", "5000000000")],
                &["rate_limit.v1_minute", "5000000000", "from 0 to 4294967295"],
            ),
            (&[], &[("local.threads", "two")], &["local.threads", "two", "a whole number"]),
            (&[], &[("fetch.ports", "80,70000")], &["fetch.ports", "70000", "65535"]),
            (&[], &[("echo.enabled", "perhaps")], &["echo.enabled", "perhaps", "true or false"]),
            (&[], &[("limits", "3")], &["limits", "3", "section"]),
            (&[], &[("providers.x.api_key", "k")], &["providers.x.url", "missing"]),
            (&[("JAN_LOG", "verbose")], &[], &["log.level", "verbose", "debug"]),
            (
                &[("JAN_UPSTREAM_URL", "http://h/v1"), ("JAN_UPSTREAM_API_KEY", "a\nb")],
                &[],
                &["providers.upstream.api_key"],
            ),
            (&[("JAN_AUTH", "maybe")], &[], &["auth.mode", "maybe", "local", "open"]),
            (&[], &[("limits.bodi", "1")], &["bodi", "body"]),
            (&[], &[("limits.drain", "soon")], &["limits.drain"]),
            (&[], &[("addr", "localhost")], &["addr"]),
            (&[], &[("database.retention", "long")], &["database.retention", "30d"]),
            (&[("JAN_UPSTREAM_URL", "localhost:1")], &[], &["providers.upstream.url", "localhost:1"]),
            (&[("JAN_PUBLIC_URL", "chat.example")], &[], &["public_url", "chat.example"]),
            (&[("JAN_CORS_ORIGINS", "http://a, chat.example")], &[], &["chat.example", "https://"]),
            (&[("CONVERSATION_SHARING_ENABLED", "maybe")], &[], &["CONVERSATION_SHARING_ENABLED", "off"]),
            (&[("JAN_CONFIG", "/does/not/exist.toml")], &[], &["exist.toml"]),
        ] {
            let message = load_with(variables, set).unwrap_err().to_string();
            for word in words {
                assert!(message.contains(word), "{message} does not say {word}");
            }
        }
    }

    #[test]
    fn printed_values_hide_secrets_and_can_be_read_again() {
        let config = load_with(
            &[("JAN_UPSTREAM_URL", "http://localhost:1/v1"), ("JAN_UPSTREAM_API_KEY", "sk-very-secret")],
            &[],
        )
        .unwrap();
        let text = config.to_toml().unwrap();
        assert!(text.contains("retention = \"30d\""), "{text}");
        assert!(text.contains("********") && !text.contains("very-secret"));
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("jan.toml");
        std::fs::write(&file, &text).unwrap();
        let again = load(&Vec::new(), &Overrides { file: Some(file), values: Vec::new() }).unwrap();
        assert_eq!(again.to_toml().unwrap(), text);
    }
}
