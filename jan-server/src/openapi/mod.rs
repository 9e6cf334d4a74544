//! The OpenAPI document: an entry for each route, and the document made of them. Its schemas are derived from the types
//! that are read and sent.

pub(crate) mod doc;
mod document;
pub(crate) mod entries;
#[cfg(feature = "swagger")]
pub(crate) mod swagger;

pub(crate) use document::document;
