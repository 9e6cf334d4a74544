//! The API in words: what each route says of itself, the shapes that it takes and gives, and the OpenAPI document of it all.

pub(crate) mod doc;
mod document;
pub(crate) mod entries;
mod schemas;
#[cfg(feature = "swagger")]
pub(crate) mod swagger;

pub(crate) use document::document;
