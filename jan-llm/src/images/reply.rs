//! Handles the images that a provider returned: stores them as media, returns them in the requested form, and adds an
//! item to the conversation.

use std::collections::HashMap;

use jan_core::media::{NewMedia, Want};
use jan_core::{Clock, Error, ErrorKind, JsonObject, Result, SystemClock, UserId};
use serde_json::{Value, json};

use super::Images;
use super::request::CheckedRequest;
use super::sources::decoded;
use crate::conversations::NewItem;

/// Turns a provider's reply into the reply for the caller.
pub(super) struct ReplyBuilder {
    pub(super) images: Images,
    pub(super) owner: UserId,
    pub(super) request: CheckedRequest,
}

impl ReplyBuilder {
    /// Handles a whole reply.
    pub(super) async fn whole(&self, mut reply: JsonObject) -> Result<JsonObject> {
        let mut pictures: Vec<JsonObject> = reply.get("data").map_err(garbage)?.unwrap_or_default();
        if pictures.is_empty() || !pictures.iter().all(has_picture) {
            return Err(no_picture());
        }
        if reply.get::<u64>("created").ok().flatten().is_none() {
            reply.set("created", &SystemClock.unix_seconds())?;
        }
        let mut ids = Vec::with_capacity(pictures.len());
        for picture in &pictures {
            ids.push(self.store(picture).await?);
        }
        self.set_form(&mut pictures, &ids).await?;
        self.add_item(&ids.into_iter().flatten().collect::<Vec<_>>(), pictures.first()).await?;
        reply.set("data", &pictures)?;
        Ok(reply)
    }

    /// Handles an event. Only events with a complete image are changed.
    pub(super) async fn event(&self, mut event: JsonObject) -> Result<JsonObject> {
        let kind: Option<String> = event.get("type").map_err(garbage)?;
        if !kind.is_some_and(|kind| kind.ends_with(".completed")) {
            return Ok(event);
        }
        if !has_picture(&event) {
            return Err(no_picture());
        }
        let id = self.store(&event).await?;
        self.set_form(std::slice::from_mut(&mut event), std::slice::from_ref(&id)).await?;
        self.add_item(id.as_slice(), Some(&event)).await?;
        Ok(event)
    }

    /// Stores the image of an object and returns its media id. Returns `None` when the image could not be fetched from
    /// its URL: it then stays at the upstream.
    async fn store(&self, picture: &JsonObject) -> Result<Option<String>> {
        let member = |name: &str| picture.get::<String>(name).map_err(garbage);
        if let Some(data) = member("b64_json")? {
            let bytes = decoded(&data, "b64_json").map_err(garbage)?;
            return self.images.store_bytes(&self.owner, bytes, None).await.map(Some).map_err(garbage);
        }
        let Some(url) = member("url")? else { return Ok(None) };
        match self.images.sink.keep_from(&self.owner, url, NewMedia::default()).await {
            Ok(media) => Ok(Some(media.id)),
            Err(error) => {
                // The image was generated and paid for, so the caller gets the upstream's URL instead of an error.
                tracing::warn!(error = %jan_core::causes::Causes(&error), "a picture stays with its upstream");
                Ok(None)
            }
        }
    }

    /// Gives each stored image its id and the form that the caller asked for, link or base64. Links and bytes that the
    /// upstream did not send are resolved in one call.
    async fn set_form(&self, pictures: &mut [JsonObject], ids: &[Option<String>]) -> Result<()> {
        let links = self.request.links;
        let stored = || pictures.iter().zip(ids).filter_map(|(picture, id)| Some((picture, id.as_ref()?)));
        let mut unresolved: Vec<String> = stored()
            .filter(|(picture, _)| links || picture.raw("b64_json").is_none())
            .map(|(_, id)| id.clone())
            .collect();
        unresolved.sort_unstable();
        unresolved.dedup();
        let resolved = match unresolved.is_empty() {
            true => HashMap::new(),
            false => {
                let want = if links { Want::Link } else { Want::DataUrl };
                self.images.resolver.resolve(&self.owner, &unresolved, want).await?
            }
        };
        for (picture, id) in pictures.iter_mut().zip(ids) {
            let Some(id) = id else { continue };
            picture.set("id", id)?;
            let Some(url) = resolved.get(id).map(|media| &media.url) else { continue };
            if links {
                picture.remove("b64_json");
                picture.set("url", url)?;
            } else if picture.remove("url") {
                picture.set("b64_json", url.split_once(',').map_or("", |(_, data)| data))?;
            }
        }
        Ok(())
    }

    /// Adds an item with the images to the conversation of the request, if it names one.
    async fn add_item(&self, ids: &[String], first: Option<&JsonObject>) -> Result<()> {
        let Some(conversation) = self.request.conversation.as_ref().filter(|_| !ids.is_empty()) else {
            return Ok(());
        };
        let revised: Option<String> = first.and_then(|first| first.get("revised_prompt").ok().flatten());
        let content: Vec<Value> =
            ids.iter().map(|id| json!({"type": "image", "image": {"file_id": id}})).collect();
        let item = NewItem::new(if self.request.is_edit { "image_edit_call" } else { "image_generation" })
            .with("status", "completed")
            .with("prompt", self.request.prompt.as_str())
            .with("revised_prompt", revised)
            .with("model", self.request.model.clone())
            .with("content", content);
        self.images.conversations.add_items(&self.owner, conversation, None, vec![item]).await.map(drop)
    }
}

/// Whether an object holds an image or its URL.
fn has_picture(object: &JsonObject) -> bool {
    ["b64_json", "url"].iter().any(|name| object.raw(name).is_some_and(|value| value.as_ref() != b"\"\""))
}

fn no_picture() -> Error {
    Error::upstream("The upstream made no picture.").with_code("upstream_garbage")
}

/// Reports an unreadable image as a failure of the upstream that sent it, not as an error in the caller's request.
fn garbage(error: Error) -> Error {
    match error.kind() {
        ErrorKind::Invalid
        | ErrorKind::TooLarge
        | ErrorKind::UnsupportedMediaType
        | ErrorKind::Unprocessable => Error::upstream("The upstream's picture cannot be read.")
            .with_code("upstream_garbage")
            .because(error),
        _ => error,
    }
}
