//! Builds events out of a whole reply: for a caller that asked for a stream of an upstream that does not stream.

use jan_core::{JsonObject, Result};

/// The members of a whole reply that are repeated in each event.
const COMMON: [&str; 5] = ["background", "output_format", "quality", "size", "usage"];

/// One `completed` event of OpenAI's form for each image of a whole reply.
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
            // The usage counts all images together, so only the last event has it.
            let value =
                if name == "usage" && place < last { None } else { whole.get::<serde_json::Value>(name)? };
            if let Some(value) = value {
                event.set(name, &value)?;
            }
        }
        Ok(event)
    };
    pictures.into_iter().enumerate().map(event).collect()
}
