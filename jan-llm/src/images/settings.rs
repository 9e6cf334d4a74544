//! What an operator says of pictures.

/// What is said of pictures where a caller says nothing, and how many may be asked for at once.
#[derive(Debug, Clone)]
pub struct ImageSettings {
    /// The model.
    pub model: Option<String>,
    /// `1024x1024`, or `auto`.
    pub size: Option<String>,
    /// `standard`, `high`, …
    pub quality: Option<String>,
    /// `natural`, `vivid`.
    pub style: Option<String>,
    /// Whether pictures are told as links, and not as base64.
    pub links: bool,
    /// The most pictures that one request makes: 4.
    pub max_n: u32,
}

impl Default for ImageSettings {
    fn default() -> Self {
        Self { model: None, size: None, quality: None, style: None, links: true, max_n: 4 }
    }
}
