//! Events for somebody who asked for a stream, of an upstream that answered all at once.

use jan_core::{JsonObject, Result};

/// What is said of all pictures together, and in each event of one.
const COMMON: [&str; 5] = ["background", "output_format", "quality", "size", "usage"];

/// The event that completes each picture of a whole reply, in OpenAI's words.
pub(super) fn completed(whole: &JsonObject, is_edit: bool) -> Result<Vec<JsonObject>> {
    let kind = if is_edit { "image_edit.completed" } else { "image_generation.completed" };
    let pictures: Vec<JsonObject> = whole.get("data")?.unwrap_or_default();
    let last = pictures.len().saturating_sub(1);
    let event = |(place, picture): (usize, JsonObject)| {
        let mut event = picture;
        event.set("type", kind)?;
        if let Some(created) = whole.get::<u64>("created")? {
            event.set("created_at", &created)?;
        }
        for name in COMMON {
            // What was used was used once.
            let said =
                if name == "usage" && place < last { None } else { whole.get::<serde_json::Value>(name)? };
            if let Some(value) = said {
                event.set(name, &value)?;
            }
        }
        Ok(event)
    };
    pictures.into_iter().enumerate().map(event).collect()
}
