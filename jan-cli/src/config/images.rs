//! The configuration of image generation.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::span;

/// Image generation.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Images {
    /// Generates images through the upstreams of `providers`.
    pub enabled: bool,
    /// The upstream for requests that name none. Default: the first by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The model for requests that name none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The size for requests that state none: `1024x1024` or `auto`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// The quality for requests that state none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<String>,
    /// The style for requests that state none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub style: Option<String>,
    /// How images are returned to requests that do not state it: `url` or `b64_json`.
    pub response_format: PictureForm,
    /// The most images that one request generates.
    pub max_n: u32,
    /// How long the upstream may take to reply.
    #[serde(with = "span")]
    pub timeout: Duration,
}

impl Default for Images {
    fn default() -> Self {
        let defaults = jan_llm::images::ImageSettings::default();
        Self {
            enabled: false,
            provider: None,
            model: None,
            size: None,
            quality: None,
            style: None,
            response_format: PictureForm::default(),
            max_n: defaults.max_n,
            timeout: Duration::from_secs(120),
        }
    }
}

/// How generated images are returned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", try_from = "String")]
pub enum PictureForm {
    /// As links.
    #[default]
    Url,
    /// In base64.
    B64Json,
}
