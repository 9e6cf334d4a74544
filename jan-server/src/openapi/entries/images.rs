//! Documentation of image generation.

use jan_core::image::{ImageEvent, ImageReply};
use jan_llm::images::{ImageEdit, NewImage};

use super::Doc;
use crate::openapi::document::named;

const TAG: &str = "Images";

pub(crate) static GENERATE: Doc = Doc::new(
    "createImage",
    TAG,
    "Generate images from a prompt",
    "Every image is stored as your media: `id` is its id, `url` a link that expires, or `b64_json` the image itself. With \
     `stream` and `partial_images` the reply is a stream of events, if the upstream supports it. With `conversation_id` \
     and `store` an item that names the images is added to the conversation. Members that are not listed go to the \
     upstream as they are. 400 where image generation is off, 404 for an unknown provider or conversation, 502 after \
     three attempts.",
)
.body(named::<NewImage>)
.example(r#"{"prompt": "A red fox in the snow"}"#)
.json_or_events(200, named::<ImageReply>, named::<ImageEvent>);

pub(crate) static EDIT: Doc = Doc::new(
    "editImage",
    TAG,
    "Edit images",
    "As JSON, where `image` (one or several) is a `jan_` id, a URL, base64, or an object with one of them; or as OpenAI's form \
     with files. Otherwise as for generating them.",
)
.body(named::<ImageEdit>)
.example(r#"{"prompt": "Make it blue", "image": "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="}"#)
.json_or_events(200, named::<ImageReply>, named::<ImageEvent>);

pub(crate) static VARIATIONS: Doc =
    Doc::new("createImageVariation", TAG, "Not offered", "Always 501: edit the image with a prompt.");
