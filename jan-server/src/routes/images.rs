//! `/v1/images`: pictures made of words, or of other pictures.

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

/// Makes pictures of a prompt.
pub(crate) async fn generate(mut call: Call) -> Reply {
    let new = NewImage::from(call.object().await?);
    let reply = call.rooms.images.generate(call.owner(), new).await?;
    told(&call, reply)
}

/// Changes pictures: those of a form, or those that a JSON body names.
pub(crate) async fn edit(mut call: Call) -> Reply {
    let kind = call.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let edit = if kind.trim_start().to_ascii_lowercase().starts_with("multipart/form-data") {
        let body = call.stream();
        edit_of(FormFiles::of(&call.headers, body).await?)?
    } else {
        NewImage::from(call.object_with_ids().await?).into()
    };
    let reply = call.rooms.images.edit(call.owner(), edit).await?;
    told(&call, reply)
}

/// As the original has it: no upstream that people use has it any more.
pub(crate) async fn variations(_: Call) -> Reply {
    let message = "Variations are not offered: edit the picture with a prompt (`POST /v1/images/edits`).";
    Err(Error::new(ErrorKind::NotImplemented, message))
}

fn told(call: &Call, reply: ImageReply) -> Reply {
    match reply {
        ImageReply::Whole(mut whole) => {
            let pictures: Vec<JsonObject> = whole.get("data")?.unwrap_or_default();
            let home = call.home();
            let pictures = pictures.into_iter().map(|picture| followed(&home, picture));
            whole.set("data", &pictures.collect::<Result<Vec<_>>>()?)?;
            Ok(raw_json(whole.to_bytes()))
        }
        ImageReply::Events(events) => {
            let home = call.home();
            let events = events.map(move |event| followed(&home, event?)).boxed();
            Ok(event_stream(Events::named(events, call.error_form())))
        }
    }
}

/// A picture whose link a client can follow.
fn followed(home: &str, mut picture: JsonObject) -> Result<JsonObject> {
    // What an upstream wrote there that is no text is not ours.
    if let Some(link) = picture.get("url").ok().flatten() {
        picture.set("url", &absolute(home, link))?;
    }
    Ok(picture)
}

/// A form as OpenAI's clients send it: every field is text there, and means what it means in JSON.
fn edit_of(form: FormFiles) -> Result<ImageEdit> {
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
    for (name, text) in form.fields.all() {
        edit.new = with_field(edit.new, name.trim_end_matches("[]"), &text)?;
    }
    Ok(edit)
}

/// Numbers and switches are no text in JSON. An empty one says nothing.
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
