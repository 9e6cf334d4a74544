//! Builds a server from the configuration: the only place where configured values become parts of a server.

mod folder;
mod images;
mod keys;
mod media;

use std::sync::Arc;

use jan_core::media::Want;
use jan_core::secret::ExposeSecret;
use jan_core::sql::{Durability, file_url};
use jan_core::{Database, Error, ModelProvider, Result, SystemClock};
use jan_llm::prompt::Orchestration;
use jan_llm::turn::TitleSettings;
use jan_llm::{Echo, OpenAi, Router, Upstream};

use crate::config::{self, AuthMode, Config, DurabilityMode, MediaForm};
use jan_server::{AllowAll, ApiKeys, Hosts, LocalIssuer, RateSettings, ServeSettings, Server, Settings};

pub use folder::open as data_folder;
pub use media::media;

/// The database file in the data folder, used unless the configuration names another database.
const DATABASE: &str = "jan.db";

/// The server that the configuration describes.
///
/// # Errors
/// When a part cannot be opened, such as a model file, the data folder or a key; the message names it.
pub async fn server(config: &Config) -> Result<Server> {
    let mut builder = Server::builder().settings(settings(config)).cors_origins(config.cors.origins.clone());
    let database = database(config).await?;
    builder = builder.media(media(config, &database).await?).database(database);
    builder = builder.image_settings(images::image_settings(config));
    for (name, provider) in images::image_providers(config)? {
        builder = builder.images(name, provider);
    }
    if let Some(model) = provider(config).await? {
        builder = builder.model(model);
    }
    if !config.auth.api_keys.is_empty() {
        builder = builder.auth(ApiKeys::new(&config.auth.api_keys)?);
    }
    builder = match config.auth.mode {
        AuthMode::Open => builder.auth(AllowAll::new()).hosts(hosts(config)),
        AuthMode::Local => {
            let key = keys::signing_key(&config.data_dir)?;
            builder.issue_tokens(LocalIssuer::new(&key, Arc::new(SystemClock)))
        }
    };
    if config.rate_limit.enabled {
        builder = builder.rate_limits(rates(config));
    }
    builder.build().await
}

/// The host names of a server that needs no credential.
fn hosts(config: &Config) -> Hosts {
    let hosts = config.auth.hosts.iter().fold(Hosts::local(), Hosts::and);
    let media = config.media.public_url.as_deref().and_then(|url| url.parse::<http::Uri>().ok());
    let hosts = media.iter().filter_map(http::Uri::host).fold(hosts, Hosts::and);
    if config.addr.ip().is_loopback() { hosts } else { hosts.and_addresses() }
}

/// The database that the configuration names.
///
/// # Errors
/// When the database cannot be opened.
pub async fn database(config: &Config) -> Result<Database> {
    let durability = match config.database.durability {
        DurabilityMode::Process => Durability::Process,
        DurabilityMode::Full => Durability::Full,
    };
    match config.database.url.as_ref().map(ExposeSecret::expose_secret) {
        Some(url) => Database::open_with(url, durability).await,
        None => {
            folder::open(&config.data_dir)?;
            Database::open_with(&file_url(config.data_dir.join(DATABASE)), durability).await
        }
    }
}

/// One provider for all models of the configuration; `None` when it has none.
///
/// # Errors
/// When a model file cannot be opened, or an upstream's description is invalid.
pub async fn provider(config: &Config) -> Result<Option<Arc<dyn ModelProvider>>> {
    let mut providers: Vec<(Arc<dyn ModelProvider>, bool)> = Vec::new();
    if let Some(local) = local(config).await? {
        providers.push((local, false));
    }
    if config.echo.enabled {
        providers.push((Arc::new(Echo::default()), false));
    }
    providers.extend(upstreams(config)?.into_iter().map(|(_, provider)| (provider, true)));
    // A single upstream needs no router: it resolves the names of its models itself.
    if let [] | [(_, true)] = providers.as_slice() {
        return Ok(providers.pop().map(|(provider, _)| provider));
    }
    let router = providers.into_iter().fold(Router::new(), |router, (provider, open)| {
        if open { router.add_open(provider) } else { router.add(provider) }
    });
    Ok(Some(Arc::new(router)))
}

/// The configured upstreams and their names.
///
/// # Errors
/// When an upstream's description is invalid.
pub fn upstreams(config: &Config) -> Result<Vec<(String, Arc<dyn ModelProvider>)>> {
    let open = |(name, described): (&String, _)| {
        let provider = OpenAi::new(&upstream(name, described))
            .map_err(|e| Error::invalid(format!("providers.{name}"), e.to_string()))?;
        Ok((name.clone(), Arc::new(provider) as Arc<dyn ModelProvider>))
    };
    config.providers.iter().map(open).collect()
}

/// The settings of an upstream.
fn upstream(name: &str, described: &config::Provider) -> Upstream {
    let mut upstream = Upstream::at(&described.url);
    upstream.name = Some(name.to_owned());
    upstream.models.clone_from(&described.models);
    upstream.api_key.clone_from(&described.api_key);
    upstream.headers.extend(described.headers.iter().map(|(name, value)| (name.clone(), value.clone())));
    upstream.connect_timeout = described.connect_timeout;
    upstream.reply_timeout = described.reply_timeout;
    upstream.idle_timeout = described.idle_timeout;
    upstream.media = match described.media {
        MediaForm::DataUrl => Want::DataUrl,
        MediaForm::Link => Want::Link,
    };
    upstream
}

#[cfg(feature = "local")]
async fn local(config: &Config) -> Result<Option<Arc<dyn ModelProvider>>> {
    use jan_llm::local::{LocalModel, LocalOptions};

    let Some(path) = config.local.model.clone() else { return Ok(None) };
    let options = LocalOptions {
        name: config.local.name.clone(),
        context: config.local.context,
        queue: config.local.queue,
        seed: None,
    };
    // Loading the file takes seconds and would block other work of this thread.
    let model = tokio::task::spawn_blocking(move || LocalModel::open_with(path, options)).await;
    Ok(Some(Arc::new(model.map_err(Error::internal)??)))
}

#[cfg(not(feature = "local"))]
async fn local(config: &Config) -> Result<Option<Arc<dyn ModelProvider>>> {
    match &config.local.model {
        None => Ok(None),
        Some(_) => Err(Error::invalid("local.model", "This build runs no local model (feature `local`).")),
    }
}

/// The limits of the listener, as configured.
pub fn serve_settings(config: &Config) -> ServeSettings {
    let (limits, mut settings) = (&config.limits, ServeSettings::default());
    settings.connections = limits.connections;
    settings.first_byte = limits.first_byte;
    settings.head = limits.head;
    settings.write = limits.write;
    settings.drain = limits.drain;
    settings
}

fn settings(config: &Config) -> Settings {
    let mut settings = Settings::default();
    settings.bare = config.api.bare;
    settings.body_limit = usize::try_from(config.limits.body.as_u64()).unwrap_or(usize::MAX);
    settings.body_timeout = config.limits.body_timeout;
    settings.body_rate = config.limits.body_rate.as_u64();
    settings.docs = config.api.swagger;
    settings.titles = TitleSettings { model: config.titles.model.clone() };
    settings.orchestration = Orchestration {
        enabled: config.prompts.enabled,
        memory: config.prompts.memory,
        tools: config.prompts.tools,
        templates: config.prompts.templates,
    };
    settings.retention = config.database.retention;
    settings.sharing = config.sharing.enabled;
    settings.public_url.clone_from(&config.public_url);
    settings.media_proxy = config.media.proxy;
    settings
}

fn rates(config: &Config) -> RateSettings {
    let (limits, mut rates) = (&config.rate_limit, RateSettings::default());
    rates.global_minute = limits.global_minute;
    rates.global_hour = limits.global_hour;
    rates.v1_minute = limits.v1_minute;
    rates.llm_minute = limits.llm_minute;
    rates.shares_minute = limits.shares_minute;
    rates.shares_hour = limits.shares_hour;
    rates.media_minute = limits.media_minute;
    rates.public_media_minute = limits.public_media_minute;
    rates
}
