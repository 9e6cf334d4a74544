//! Documentation of image generation.

use jan_core::image::{ImageEvent, ImageReply};
use jan_llm::images::{ImageEdit, NewImage};

use super::Doc;
use crate::openapi::document::named;

const TAG: &str = "Images";

pub(crate) static GENERATE: Doc = Doc::new(
    "createImage",
    TAG,
    "Make pictures of a prompt",
    "Every picture is kept as your media: `id` is its name here, `url` a link that ends, or `b64_json` the picture itself. \
     With `stream` and `partial_images` it is told as events while it is made, where the upstream does so. With \
     `conversation_id` and `store` the conversation gets an item that names them. Members that are not listed go to the \
     upstream as they are. 400 where pictures are not made, 404 for a provider or conversation that is not there, 502 \
     after three tries.",
)
.body(named::<NewImage>)
.example(r#"{"prompt": "A red fox in the snow"}"#)
.json_or_events(200, named::<ImageReply>, named::<ImageEvent>);

pub(crate) static EDIT: Doc = Doc::new(
    "editImage",
    TAG,
    "Change pictures",
    "As JSON, where `image` (one or several) is a `jan_` id, a URL, base64, or an object with one of them; or as OpenAI's form \
     with files. Otherwise as for making them.",
)
.body(named::<ImageEdit>)
.example(r#"{"prompt": "Make it blue", "image": "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="}"#)
.json_or_events(200, named::<ImageReply>, named::<ImageEvent>);

pub(crate) static VARIATIONS: Doc =
    Doc::new("createImageVariation", TAG, "Not offered", "Always 501: edit the picture with a prompt.");
