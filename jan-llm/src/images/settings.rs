//! The operator's settings for images.

/// Defaults for members that a request does not set, and the limit of images in one request.
#[derive(Debug, Clone)]
pub struct ImageSettings {
    /// The default model; `None`: the provider's own default.
    pub model: Option<String>,
    /// The default size: `1024x1024`, `auto`, …
    pub size: Option<String>,
    /// The default quality: `standard`, `high`, …
    pub quality: Option<String>,
    /// The default style: `natural` or `vivid`.
    pub style: Option<String>,
    /// Whether images are returned as links and not as base64; default: true.
    pub links: bool,
    /// The most images in one request; default: 4.
    pub max_n: u32,
}

impl Default for ImageSettings {
    fn default() -> Self {
        Self { model: None, size: None, quality: None, style: None, links: true, max_n: 4 }
    }
}
