//! What becomes of the pictures that were made: kept, told in the form that was asked for, remembered.

use std::collections::HashMap;

use jan_core::media::{NewMedia, Want};
use jan_core::{Clock, Error, ErrorKind, JsonObject, Result, SystemClock, UserId};
use serde_json::{Value, json};

use super::Images;
use super::ask::Ask;
use super::pictures::decoded;
use crate::conversations::NewItem;

/// One request's answer.
pub(super) struct Answer {
    pub(super) images: Images,
    pub(super) owner: UserId,
    pub(super) ask: Ask,
}

impl Answer {
    /// A whole reply with its pictures kept.
    pub(super) async fn whole(&self, mut reply: JsonObject) -> Result<JsonObject> {
        let mut made: Vec<JsonObject> = reply.get("data").map_err(garbage)?.unwrap_or_default();
        if made.is_empty() || !made.iter().all(shows_a_picture) {
            return Err(no_picture());
        }
        if reply.get::<u64>("created").ok().flatten().is_none() {
            reply.set("created", &SystemClock.unix_seconds())?;
        }
        let mut ids = Vec::with_capacity(made.len());
        for picture in &made {
            ids.push(self.kept(picture).await?);
        }
        self.tell(&mut made, &ids).await?;
        self.remember(&ids.into_iter().flatten().collect::<Vec<_>>(), made.first()).await?;
        reply.set("data", &made)?;
        Ok(reply)
    }

    /// An event; one that carries a whole picture has it kept.
    pub(super) async fn event(&self, mut event: JsonObject) -> Result<JsonObject> {
        let kind: Option<String> = event.get("type").map_err(garbage)?;
        if !kind.is_some_and(|kind| kind.ends_with(".completed")) {
            return Ok(event);
        }
        if !shows_a_picture(&event) {
            return Err(no_picture());
        }
        let id = self.kept(&event).await?;
        self.tell(std::slice::from_mut(&mut event), std::slice::from_ref(&id)).await?;
        self.remember(id.as_slice(), Some(&event)).await?;
        Ok(event)
    }

    /// Keeps the picture that an object carries, and says its id; none where it stays with its upstream.
    async fn kept(&self, picture: &JsonObject) -> Result<Option<String>> {
        let member = |name: &str| picture.get::<String>(name).map_err(garbage);
        if let Some(data) = member("b64_json")? {
            let bytes = decoded(&data, "b64_json").map_err(garbage)?;
            return self.images.kept_bytes(&self.owner, bytes, None).await.map(Some).map_err(garbage);
        }
        let Some(url) = member("url")? else { return Ok(None) };
        match self.images.sink.keep_from(&self.owner, url, NewMedia::default()).await {
            Ok(kept) => Ok(Some(kept.id)),
            Err(error) => {
                // It was made and paid for: the caller gets it where the upstream left it.
                tracing::warn!(error = %jan_core::causes::Causes(&error), "a picture stays with its upstream");
                Ok(None)
            }
        }
    }

    /// Tells the pictures that were kept as it was asked for; what has to be looked up is looked up in one call.
    async fn tell(&self, pictures: &mut [JsonObject], ids: &[Option<String>]) -> Result<()> {
        let links = self.ask.links;
        let both = || pictures.iter().zip(ids).filter_map(|(picture, id)| Some((picture, id.as_ref()?)));
        let mut sought: Vec<String> = both()
            .filter(|(picture, _)| links || picture.raw("b64_json").is_none())
            .map(|(_, id)| id.clone())
            .collect();
        sought.sort_unstable();
        sought.dedup();
        let found = match sought.is_empty() {
            true => HashMap::new(),
            false => {
                let want = if links { Want::Link } else { Want::DataUrl };
                self.images.resolver.resolve(&self.owner, &sought, want).await?
            }
        };
        for (picture, id) in pictures.iter_mut().zip(ids) {
            let Some(id) = id else { continue };
            picture.set("id", id)?;
            let Some(url) = found.get(id).map(|found| &found.url) else { continue };
            if links {
                picture.remove("b64_json");
                picture.set("url", url)?;
            } else if picture.remove("url") {
                picture.set("b64_json", url.split_once(',').map_or("", |(_, data)| data))?;
            }
        }
        Ok(())
    }

    /// Adds an item to the conversation that is to remember the pictures.
    async fn remember(&self, ids: &[String], first: Option<&JsonObject>) -> Result<()> {
        let Some(conversation) = self.ask.conversation.as_ref().filter(|_| !ids.is_empty()) else {
            return Ok(());
        };
        let revised: Option<String> = first.and_then(|first| first.get("revised_prompt").ok().flatten());
        let content: Vec<Value> =
            ids.iter().map(|id| json!({"type": "image", "image": {"file_id": id}})).collect();
        let item = NewItem::new(if self.ask.is_edit { "image_edit_call" } else { "image_generation" })
            .with("status", "completed")
            .with("prompt", self.ask.prompt.as_str())
            .with("revised_prompt", revised)
            .with("model", self.ask.model.clone())
            .with("content", content);
        self.images.conversations.add_items(&self.owner, conversation, None, vec![item]).await.map(drop)
    }
}

/// Whether an object carries a picture, or says where one is.
fn shows_a_picture(object: &JsonObject) -> bool {
    ["b64_json", "url"].iter().any(|name| object.raw(name).is_some_and(|value| value.as_ref() != b"\"\""))
}

fn no_picture() -> Error {
    Error::upstream("The upstream made no picture.").with_code("upstream_garbage")
}

/// What is wrong with a picture that the upstream made is the upstream's fault, and not our caller's.
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
