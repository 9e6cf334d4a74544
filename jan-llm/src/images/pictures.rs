//! The pictures that are to be changed: by id, by URL, in base64 or beside the body. All of them are kept first, which
//! checks them, and read in one call.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use jan_core::image::Picture;
use jan_core::media::{NewMedia, Resolved, Want, media_id_of};
use jan_core::{Error, Result, UserId};
use serde::Deserialize;

use super::Images;
use super::ask::Ask;

/// The most pictures in one edit, as OpenAI has it.
const MAX_PICTURES: usize = 16;

/// A picture as a body names it: a text, or an object with one of these.
#[derive(Deserialize)]
#[serde(untagged)]
enum Named {
    Text(String),
    Object {
        #[serde(alias = "file_id")]
        id: Option<String>,
        #[serde(alias = "image_url")]
        url: Option<String>,
        b64_json: Option<String>,
    },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    Many(Vec<Named>),
    One(Named),
}

impl Images {
    /// The pictures of an edit, and its mask.
    pub(super) async fn gathered(
        &self,
        owner: &UserId,
        ask: &Ask,
        beside: Vec<Picture>,
        mask: Option<Picture>,
    ) -> Result<(Vec<Picture>, Option<Picture>)> {
        let mut named = Vec::new();
        for member in ["image", "images"] {
            match ask.body.get(member)? {
                Some(OneOrMany::Many(many)) => named.extend(many.into_iter().map(|one| (member, one))),
                Some(OneOrMany::One(one)) => named.push((member, one)),
                None => {}
            }
        }
        let count = named.len() + beside.len();
        if count == 0 {
            return Err(Error::missing("image"));
        }
        if count > MAX_PICTURES {
            return Err(Error::invalid("image", format!("At most {MAX_PICTURES} pictures make another.")));
        }
        let mut ids = Vec::with_capacity(count + 1);
        for picture in beside {
            ids.push(self.kept(owner, picture).await.map_err(|error| error.with_param("image"))?);
        }
        for (member, named) in named {
            ids.push(self.known(owner, named, member).await?);
        }
        match (mask, ask.body.get("mask")?) {
            (Some(mask), _) => {
                ids.push(self.kept(owner, mask).await.map_err(|error| error.with_param("mask"))?)
            }
            (None, Some(mask)) => ids.push(self.known(owner, mask, "mask").await?),
            (None, None) => {}
        }
        let resolved = self.resolver.resolve(owner, &ids, Want::DataUrl).await;
        let mut resolved = resolved.map_err(|error| error.with_param("image"))?;
        let mut pictures = Vec::with_capacity(ids.len());
        for id in &ids {
            // The same picture twice is read once.
            let found = match ids.iter().filter(|other| *other == id).count() {
                1 => resolved.remove(id),
                _ => resolved.get(id).cloned(),
            };
            pictures.push(picture(found.ok_or_else(|| Error::internal("a picture was not resolved"))?)?);
        }
        let mask = if pictures.len() > count { pictures.pop() } else { None };
        Ok((pictures, mask))
    }

    /// The id of a picture that the body names.
    async fn known(&self, owner: &UserId, named: Named, param: &str) -> Result<String> {
        let text = match named {
            Named::Text(text) => text,
            Named::Object { id: Some(id), .. } => id,
            Named::Object { url: Some(url), .. } => url,
            Named::Object { b64_json: Some(data), .. } => data,
            Named::Object { .. } => {
                let message = format!("`{param}` needs an `id`, a `url` or `b64_json`.");
                return Err(Error::invalid(param, message).with_code("missing_parameter"));
            }
        };
        if let Some(id) = media_id_of(&text) {
            return Ok(id.to_owned());
        }
        let kept = if ["http:", "https:", "data:"].iter().any(|scheme| text.starts_with(scheme)) {
            self.sink.keep_from(owner, text, NewMedia::default()).await.map(|kept| kept.id)
        } else {
            self.kept_bytes(owner, decoded(&text, param)?, None).await
        };
        kept.map_err(|error| error.with_param(param))
    }

    async fn kept(&self, owner: &UserId, picture: Picture) -> Result<String> {
        self.kept_bytes(owner, picture.bytes, picture.filename).await
    }

    /// Keeps a picture and says its id.
    pub(super) async fn kept_bytes(
        &self,
        owner: &UserId,
        bytes: Bytes,
        filename: Option<String>,
    ) -> Result<String> {
        let bytes = stream::once(async { Ok(bytes) }).boxed();
        let new = NewMedia { filename, ..NewMedia::default() };
        Ok(self.sink.keep(owner, bytes, new).await?.id)
    }
}

/// Base64 as callers and upstreams write it.
pub(super) fn decoded(text: &str, param: &str) -> Result<Bytes> {
    let bytes = STANDARD.decode(text.trim_ascii());
    bytes.map(Bytes::from).map_err(|error| {
        let message = format!("`{param}` is neither an id, a URL nor base64: {error}.");
        Error::invalid(param, message).with_code("invalid_base64")
    })
}

fn picture(resolved: Resolved) -> Result<Picture> {
    let data = resolved.url.split_once(',').map_or("", |(_, data)| data);
    let bytes = STANDARD.decode(data).map_err(Error::internal)?.into();
    Ok(Picture { mime: resolved.mime, filename: resolved.filename, bytes })
}
