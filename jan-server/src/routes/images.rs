//! `/v1/images`: images generated from a prompt, or edited with one.

use futures_util::StreamExt;
use http::header::CONTENT_TYPE;
use jan_core::image::{ImageReply, Picture};
use jan_core::{Error, ErrorKind, JsonObject, Result};
use jan_llm::images::{ImageEdit, NewImage};

use super::call::Call;
use super::links::absolute;
use crate::http::flag::flag;
use crate::http::form_files::FormFiles;
use crate::http::reply::{Reply, event_stream, raw_json};
use crate::http::sse::Events;

/// Generates images from a prompt.
pub(crate) async fn generate(mut call: Call) -> Reply {
    let new = NewImage::from(call.object().await?);
    let reply = call.services.images.generate(call.owner(), new).await?;
    image_reply(&call, reply)
}

/// Edits images: those in a form, or those that a JSON body names.
pub(crate) async fn edit(mut call: Call) -> Reply {
    let kind = call.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let edit = if kind.trim_start().to_ascii_lowercase().starts_with("multipart/form-data") {
        let body = call.stream();
        edit_from_form(FormFiles::of(&call.headers, body).await?)?
    } else {
        NewImage::from(call.object_with_ids().await?).into()
    };
    let reply = call.services.images.edit(call.owner(), edit).await?;
    image_reply(&call, reply)
}

/// Refuses variations, as the original does: upstreams do not offer them any more.
pub(crate) async fn variations(_: Call) -> Reply {
    let message = "Variations are not offered: edit the picture with a prompt (`POST /v1/images/edits`).";
    Err(Error::new(ErrorKind::NotImplemented, message))
}

fn image_reply(call: &Call, reply: ImageReply) -> Reply {
    match reply {
        ImageReply::Whole(mut whole) => {
            let pictures: Vec<JsonObject> = whole.get("data")?.unwrap_or_default();
            let base_url = call.base_url();
            let pictures = pictures.into_iter().map(|picture| with_absolute_link(&base_url, picture));
            whole.set("data", &pictures.collect::<Result<Vec<_>>>()?)?;
            Ok(raw_json(whole.to_bytes()))
        }
        ImageReply::Events(events) => {
            let base_url = call.base_url();
            let events = events.map(move |event| with_absolute_link(&base_url, event?)).boxed();
            Ok(event_stream(Events::named(events, call.error_form())))
        }
    }
}

/// An image whose link is absolute, so that the client can follow it.
fn with_absolute_link(base_url: &str, mut picture: JsonObject) -> Result<JsonObject> {
    // A value that is not a string was written by the upstream and is not a link of ours.
    if let Some(link) = picture.get("url").ok().flatten() {
        picture.set("url", &absolute(base_url, link))?;
    }
    Ok(picture)
}

/// Reads a form as OpenAI's clients send it: every field is text there, and means the same as the member in JSON.
fn edit_from_form(form: FormFiles) -> Result<ImageEdit> {
    let mut edit = ImageEdit::default();
    for file in form.files {
        let picture = Picture {
            mime: file.content_type.unwrap_or_default(),
            filename: file.filename,
            bytes: file.bytes,
        };
        match file.field.as_str() {
            "mask" => edit.mask = Some(picture),
            "image" | "image[]" | "images" | "images[]" => edit.pictures.push(picture),
            other => {
                let message = format!("The form has a file `{other}`; it takes `image` and `mask`.");
                return Err(Error::invalid(other, message));
            }
        }
    }
    for (name, text) in form.fields.take_all() {
        edit.new = with_field(edit.new, name.trim_end_matches("[]"), &text)?;
    }
    Ok(edit)
}

/// Sets a member from a form field: numbers and booleans are not text in JSON. An empty number is ignored.
fn with_field(new: NewImage, name: &str, text: &str) -> Result<NewImage> {
    match name {
        "n" | "partial_images" if text.trim().is_empty() => Ok(new),
        "n" | "partial_images" => {
            let number: u32 = text.trim().parse().map_err(|error| {
                Error::invalid(name, format!("`{name}` must be a whole number.")).because(error)
            })?;
            Ok(new.with(name, &number))
        }
        "stream" | "store" => Ok(new.with(name, &flag(name, Some(text))?)),
        _ => Ok(new.with(name, text)),
    }
}
