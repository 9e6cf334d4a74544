//! What the binary is told of making pictures.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::span;

/// Making pictures.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Images {
    /// Makes pictures through the upstreams of `providers`.
    pub enabled: bool,
    /// The upstream that is asked unless a caller names another; the first by name unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The model where a caller names none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The size where a caller names none, `1024x1024` or `auto`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// The quality where a caller names none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<String>,
    /// The style where a caller names none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub style: Option<String>,
    /// How pictures are told where a caller says nothing: `url` or `b64_json`.
    pub response_format: PictureForm,
    /// The most pictures that one request makes.
    pub max_n: u32,
    /// How long an upstream may take.
    #[serde(with = "span")]
    pub timeout: Duration,
}

impl Default for Images {
    fn default() -> Self {
        let room = jan_llm::images::ImageSettings::default();
        Self {
            enabled: false,
            provider: None,
            model: None,
            size: None,
            quality: None,
            style: None,
            response_format: PictureForm::default(),
            max_n: room.max_n,
            timeout: Duration::from_secs(120),
        }
    }
}

/// How pictures are told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", try_from = "String")]
pub enum PictureForm {
    /// As links.
    #[default]
    Url,
    /// In base64.
    B64Json,
}
