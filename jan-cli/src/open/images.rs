//! Builds image providers from the configuration.

use std::sync::Arc;

use jan_core::{Error, ImageProvider, Result};
use jan_llm::OpenAi;
use jan_llm::images::ImageSettings;

use super::upstream;
use crate::config::{Config, PictureForm};

/// The upstreams that generate images, the default one first. Empty unless image generation is enabled.
///
/// # Errors
/// [`jan_core::ErrorKind::Invalid`] when image generation is enabled without an upstream, or its default upstream does
/// not exist.
pub(super) fn image_providers(config: &Config) -> Result<Vec<(String, Arc<dyn ImageProvider>)>> {
    if !config.images.enabled {
        return Ok(Vec::new());
    }
    let mut providers: Vec<(String, Arc<dyn ImageProvider>)> = Vec::new();
    for (name, described) in &config.providers {
        let mut upstream = upstream(name, described);
        upstream.reply_timeout = config.images.timeout;
        let provider =
            OpenAi::new(&upstream).map_err(|e| Error::invalid(format!("providers.{name}"), e.to_string()))?;
        providers.push((name.clone(), Arc::new(provider)));
    }
    if providers.is_empty() {
        let message = "`images.enabled` needs an upstream that makes pictures: set `providers.NAME.url`.";
        return Err(Error::invalid("images.enabled", message));
    }
    if let Some(first) = &config.images.provider {
        let index = providers.iter().position(|(name, _)| name == first).ok_or_else(|| {
            Error::invalid("images.provider", format!("There is no upstream `{first}` in `providers`."))
        })?;
        providers.swap(0, index);
    }
    Ok(providers)
}

pub(super) fn image_settings(config: &Config) -> ImageSettings {
    let images = &config.images;
    ImageSettings {
        model: images.model.clone(),
        size: images.size.clone(),
        quality: images.quality.clone(),
        style: images.style.clone(),
        links: images.response_format == PictureForm::Url,
        max_n: images.max_n,
    }
}
