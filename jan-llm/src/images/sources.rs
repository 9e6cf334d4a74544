//! The source images of an edit: named by id, by URL or in base64, or uploaded beside the body. They are first stored
//! as media, which checks them, and then read in one call.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use jan_core::image::Picture;
use jan_core::media::{NewMedia, Resolved, Want, media_id_of};
use jan_core::{Error, Result, UserId};
use serde::Deserialize;

use super::Images;
use super::request::CheckedRequest;

/// The most source images of an edit; OpenAI's limit.
const MAX_PICTURES: usize = 16;

/// An image as a body names it: a text (id, URL or base64), or an object with one of these members.
#[derive(Deserialize)]
#[serde(untagged)]
enum ImageRef {
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
    Many(Vec<ImageRef>),
    One(ImageRef),
}

impl Images {
    /// The source images of an edit, and its mask.
    pub(super) async fn edit_sources(
        &self,
        owner: &UserId,
        request: &CheckedRequest,
        uploaded: Vec<Picture>,
        mask: Option<Picture>,
    ) -> Result<(Vec<Picture>, Option<Picture>)> {
        let mut named = Vec::new();
        for member in ["image", "images"] {
            match request.body.get(member)? {
                Some(OneOrMany::Many(many)) => named.extend(many.into_iter().map(|one| (member, one))),
                Some(OneOrMany::One(one)) => named.push((member, one)),
                None => {}
            }
        }
        let count = named.len() + uploaded.len();
        if count == 0 {
            return Err(Error::missing("image"));
        }
        if count > MAX_PICTURES {
            return Err(Error::invalid("image", format!("At most {MAX_PICTURES} pictures make another.")));
        }
        let mut ids = Vec::with_capacity(count + 1);
        for picture in uploaded {
            ids.push(self.store(owner, picture).await.map_err(|error| error.with_param("image"))?);
        }
        for (member, named) in named {
            ids.push(self.named_id(owner, named, member).await?);
        }
        match (mask, request.body.get("mask")?) {
            (Some(mask), _) => {
                ids.push(self.store(owner, mask).await.map_err(|error| error.with_param("mask"))?)
            }
            (None, Some(mask)) => ids.push(self.named_id(owner, mask, "mask").await?),
            (None, None) => {}
        }
        let resolved = self.resolver.resolve(owner, &ids, Want::DataUrl).await;
        let mut resolved = resolved.map_err(|error| error.with_param("image"))?;
        let mut pictures = Vec::with_capacity(ids.len());
        for id in &ids {
            // An image that is named more than once was resolved once, so it is copied.
            let found = match ids.iter().filter(|other| *other == id).count() {
                1 => resolved.remove(id),
                _ => resolved.get(id).cloned(),
            };
            pictures.push(picture(found.ok_or_else(|| Error::internal("a picture was not resolved"))?)?);
        }
        let mask = if pictures.len() > count { pictures.pop() } else { None };
        Ok((pictures, mask))
    }

    /// The media id of an image that the body names; an image that is no media yet is stored.
    async fn named_id(&self, owner: &UserId, named: ImageRef, param: &str) -> Result<String> {
        let text = match named {
            ImageRef::Text(text) => text,
            ImageRef::Object { id: Some(id), .. } => id,
            ImageRef::Object { url: Some(url), .. } => url,
            ImageRef::Object { b64_json: Some(data), .. } => data,
            ImageRef::Object { .. } => {
                let message = format!("`{param}` needs an `id`, a `url` or `b64_json`.");
                return Err(Error::invalid(param, message).with_code("missing_parameter"));
            }
        };
        if let Some(id) = media_id_of(&text) {
            return Ok(id.to_owned());
        }
        let stored = if ["http:", "https:", "data:"].iter().any(|scheme| text.starts_with(scheme)) {
            self.sink.keep_from(owner, text, NewMedia::default()).await.map(|stored| stored.id)
        } else {
            self.store_bytes(owner, decoded(&text, param)?, None).await
        };
        stored.map_err(|error| error.with_param(param))
    }

    async fn store(&self, owner: &UserId, picture: Picture) -> Result<String> {
        self.store_bytes(owner, picture.bytes, picture.filename).await
    }

    /// Stores an image and returns its media id.
    pub(super) async fn store_bytes(
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

/// Decodes the base64 of a caller or an upstream.
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
