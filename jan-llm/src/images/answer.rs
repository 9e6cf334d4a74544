//! What becomes of the pictures that were made: kept, told in the form that was asked for, remembered.

use jan_core::media::{NewMedia, Want};
use jan_core::{Error, JsonObject, Result, UserId};
use serde_json::{Value, json};

use super::Images;
use super::ask::Ask;
use super::pictures::decoded;

/// One request's answer.
pub(super) struct Answer {
    pub(super) images: Images,
    pub(super) owner: UserId,
    pub(super) ask: Ask,
}

impl Answer {
    /// A whole reply with its pictures kept.
    pub(super) async fn whole(&self, mut reply: JsonObject) -> Result<JsonObject> {
        let garbage = |error: Error| {
            Error::upstream("The upstream's pictures cannot be read.").code("upstream_garbage").because(error)
        };
        let made: Vec<JsonObject> = reply.get("data").map_err(garbage)?.unwrap_or_default();
        let (mut data, mut kept) = (Vec::with_capacity(made.len()), Vec::new());
        for picture in made {
            let (picture, id) = self.picture(picture).await?;
            data.push(picture);
            kept.extend(id);
        }
        self.remember(&kept, data.first()).await?;
        reply.set("data", &data)?;
        Ok(reply)
    }

    /// An event; one that carries a whole picture has it kept.
    pub(super) async fn event(&self, event: JsonObject) -> Result<JsonObject> {
        let kind: Option<String> = event.get("type")?;
        if !kind.is_some_and(|kind| kind.ends_with(".completed")) {
            return Ok(event);
        }
        let (event, id) = self.picture(event).await?;
        self.remember(id.as_slice(), Some(&event)).await?;
        Ok(event)
    }

    /// Keeps the picture that an object carries, and tells it as it was asked for.
    async fn picture(&self, mut told: JsonObject) -> Result<(JsonObject, Option<String>)> {
        let id = match (told.get::<String>("b64_json")?, told.get::<String>("url")?) {
            (Some(data), _) => {
                let bytes = decoded(&data, "b64_json").map_err(|error| {
                    Error::upstream("The upstream's picture is not base64.").because(error)
                })?;
                self.images.kept_bytes(&self.owner, bytes, None).await?
            }
            (None, Some(url)) => {
                match self.images.sink.keep_from(&self.owner, url, NewMedia::default()).await {
                    Ok(kept) => kept.id,
                    Err(error) => {
                        // It was made and paid for: the caller gets it where the upstream left it.
                        tracing::warn!(%error, "a picture stays with its upstream");
                        return Ok((told, None));
                    }
                }
            }
            (None, None) => return Ok((told, None)),
        };
        told.set("id", &id)?;
        let want = if self.ask.links { Want::Link } else { Want::DataUrl };
        if self.ask.links || told.raw("b64_json").is_none() {
            let ids = [id.clone()];
            let found = self.images.resolver.resolve(&self.owner, &ids, want).await?.remove(&id);
            let url = found.map(|found| found.url).unwrap_or_default();
            if self.ask.links {
                told.remove("b64_json");
                told.set("url", &url)?;
            } else {
                told.remove("url");
                told.set("b64_json", url.split_once(',').map_or("", |(_, data)| data))?;
            }
        }
        Ok((told, Some(id)))
    }

    /// Adds an item to the conversation that is to remember the pictures.
    async fn remember(&self, ids: &[String], first: Option<&JsonObject>) -> Result<()> {
        let Some(conversation) = self.ask.conversation.as_ref().filter(|_| !ids.is_empty()) else {
            return Ok(());
        };
        let revised: Option<String> = first.and_then(|first| first.get("revised_prompt").ok().flatten());
        let content: Vec<Value> =
            ids.iter().map(|id| json!({"type": "image", "image": {"file_id": id}})).collect();
        let item = json!({
            "type": if self.ask.is_edit { "image_edit_call" } else { "image_generation" },
            "status": "completed",
            "prompt": self.ask.prompt,
            "revised_prompt": revised,
            "model": self.ask.model,
            "content": content,
        });
        let mut body = JsonObject::new();
        body.set("items", &[item])?;
        self.images.conversations.add_items(&self.owner, conversation, None, &body).await.map(drop)
    }
}
