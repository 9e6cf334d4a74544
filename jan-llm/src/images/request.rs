//! Checks a caller's request for images and computes the members that are sent to the provider.

use jan_core::{Error, JsonObject, Result};

use super::settings::ImageSettings;

/// The most characters of a prompt; OpenAI's limit.
const MAX_PROMPT: usize = 32_000;
/// The most pixels of a side.
const MAX_SIDE: u32 = 8192;
/// The most partial images in a stream; OpenAI's limit.
const MAX_PARTIAL: u32 = 3;
/// Members that this server handles itself; they are not sent to the provider.
const NOT_SENT: [&str; 7] =
    ["provider_id", "conversation_id", "store", "image", "images", "mask", "response_format"];

/// A request whose members were checked.
pub(super) struct CheckedRequest {
    /// The caller's body.
    pub(super) body: JsonObject,
    /// The members for the provider.
    pub(super) members: JsonObject,
    pub(super) is_edit: bool,
    /// Whether the caller asked for a stream of events.
    pub(super) streams: bool,
    pub(super) prompt: String,
    pub(super) model: Option<String>,
    pub(super) provider: Option<String>,
    /// The conversation that gets an item with the images.
    pub(super) conversation: Option<String>,
    /// Whether images are returned as links, and not as base64.
    pub(super) links: bool,
}

impl CheckedRequest {
    pub(super) fn read(body: JsonObject, settings: &ImageSettings, is_edit: bool) -> Result<Self> {
        let prompt = prompt(&body)?;
        let links = match body.get::<String>("response_format")?.as_deref() {
            None => settings.links,
            Some("url") => true,
            Some("b64_json") => false,
            Some(_) => {
                return Err(Error::invalid("response_format", "`response_format` is `url` or `b64_json`."));
            }
        };
        check_range(&body, "n", 1, settings.max_n)?;
        check_range(&body, "partial_images", 0, MAX_PARTIAL)?;
        let streams = body.get("stream")?.unwrap_or(false);
        let size = size(&body, is_edit)?;
        let stores = body.get("store")?.unwrap_or(false);
        let conversation: Option<String> = body.get("conversation_id")?;
        let mut members = body.clone();
        for name in NOT_SENT {
            members.remove(name);
        }
        let defaults = [
            ("model", &settings.model),
            ("size", &settings.size),
            ("quality", &settings.quality),
            ("style", &settings.style),
        ];
        for (name, value) in defaults {
            if let Some(value) = value.as_ref().filter(|_| members.raw(name).is_none()) {
                members.set(name, value)?;
            }
        }
        if size.as_deref() == Some("original") {
            // Without a size, the provider keeps the size of the image.
            members.remove("size");
        }
        let model: Option<String> = members.get("model")?;
        if takes_format(model.as_deref()) {
            members.set("response_format", "b64_json")?;
        }
        Ok(Self {
            members,
            is_edit,
            streams,
            prompt,
            model,
            provider: body.get("provider_id")?,
            conversation: conversation.filter(|_| stores),
            links,
            body,
        })
    }
}

fn prompt(body: &JsonObject) -> Result<String> {
    let prompt: Option<String> = body.get("prompt")?;
    let Some(prompt) = prompt.filter(|prompt| !prompt.trim().is_empty()) else {
        return Err(Error::missing("prompt"));
    };
    if prompt.chars().count() > MAX_PROMPT {
        let message = format!("`prompt` must not be longer than {MAX_PROMPT} characters.");
        return Err(Error::invalid("prompt", message).with_code("string_above_max_length"));
    }
    Ok(prompt)
}

fn check_range(body: &JsonObject, name: &str, least: u32, most: u32) -> Result<()> {
    match body.get::<u32>(name)? {
        Some(number) if !(least..=most).contains(&number) => {
            Err(Error::invalid(name, format!("`{name}` must be between {least} and {most}.")))
        }
        _ => Ok(()),
    }
}

fn size(body: &JsonObject, is_edit: bool) -> Result<Option<String>> {
    let Some(size) = body.get::<String>("size")? else { return Ok(None) };
    let side = |text: &str| text.parse().is_ok_and(|side: u32| (1..=MAX_SIDE).contains(&side));
    let is_size = size == "auto"
        || (is_edit && size == "original")
        || size.split_once('x').is_some_and(|(width, height)| side(width) && side(height));
    if is_size {
        return Ok(Some(size));
    }
    let message = format!("`size` must look like `1024x1024`, each side at most {MAX_SIDE}, or be `auto`.");
    Err(Error::invalid("size", message))
}

/// Whether a model accepts `response_format`. OpenAI's newer models always return base64 and refuse the parameter.
fn takes_format(model: Option<&str>) -> bool {
    !model.is_some_and(|model| model.starts_with("gpt-image") || model.starts_with("chatgpt-image"))
}
