//! The API in words: what each route says of itself, and the OpenAPI document of it all. The schemas are those of the types
//! that are read and sent.

pub(crate) mod doc;
mod document;
pub(crate) mod entries;
#[cfg(feature = "swagger")]
pub(crate) mod swagger;

pub(crate) use document::document;
