//! Builds a whole reply out of events: for a caller that asked for a whole reply of an upstream that streams.

use futures_util::TryStreamExt;
use jan_core::{BoxStream, Error, JsonObject, Result};

/// Collects the pictures of the `completed` events. The provider bounds the size of all events together.
pub(super) async fn whole_of(mut events: BoxStream<Result<JsonObject>>) -> Result<JsonObject> {
    let (mut pictures, mut reply) = (Vec::new(), JsonObject::new());
    while let Some(mut event) = events.try_next().await? {
        let kind: Option<String> = event.get("type").ok().flatten();
        if !kind.is_some_and(|kind| kind.ends_with(".completed")) {
            continue;
        }
        event.remove("type");
        for (name, as_name) in [("usage", "usage"), ("created_at", "created")] {
            if let Some(value) = event.get::<serde_json::Value>(name)? {
                reply.set(as_name, &value)?;
                event.remove(name);
            }
        }
        pictures.push(event);
    }
    if pictures.is_empty() {
        return Err(Error::upstream("The upstream made no picture.").with_code("upstream_garbage"));
    }
    reply.set("data", &pictures)?;
    Ok(reply)
}
