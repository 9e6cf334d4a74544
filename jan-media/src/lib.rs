//! Stores images and files for users. Equal bytes are stored once, and every object has a `jan_` id. This is a library
//! without server and routes; the caller passes in what it needs (a store for bytes, a store for records, a clock, an
//! HTTP client).
//!
//! ```text
//!   ingest ──> inspect (count, hash, kind, dimensions) ──> BlobStore      bytes first,
//!      │                                                       │
//!      └────> ledger: claim first, blob record last ───────────┘
//!      └────> row: the owner's record of kind `media`                     row last
//! ```
//!
//! | module | holds |
//! |---|---|
//! | `media`, `settings` | [`Media`], the handle of this crate; [`MediaSettings`] |
//! | [`blob`] | stores of bytes: memory, a folder, S3, other clouds |
//! | `ingest`, `files`, `data_url`, `remote` | the sources of media; [`Fetch`], the trait for downloads |
//! | `inspect`, `kind`, `dimensions`, `utf8` | detect and check content while it is stored |
//! | `location` | removes GPS data from images |
//! | `ledger`, `row` | records of which media uses which bytes, and of media itself |
//! | `links`, `resolve`, [`placeholders`] | temporary links, URLs for model providers, and ids in JSON payloads |
//! | `request`, `shape` | the requests and replies of the media API |
//! | `uploads` | uploads that are announced before their bytes are sent |
//! | `remove`, `sweep` | deletion, on request and after expiry |
//! | `archive` | export and import of an account's media |

// On docs.rs each item says which feature it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod archive;
pub mod blob;
mod data_url;
mod dimensions;
mod files;
mod ingest;
mod inspect;
mod kind;
mod ledger;
mod links;
mod location;
mod media;
pub mod placeholders;
mod remote;
mod remove;
mod request;
mod resolve;
mod row;
mod settings;
mod shape;
mod sweep;
#[cfg(test)]
mod tests;
mod token;
mod uploads;
mod utf8;

pub use archive::KINDS as EXPORT_KINDS;
pub use blob::MemoryBlobs;
#[cfg(feature = "objects")]
pub use blob::ObjectBlobs;
pub use ingest::Source;
pub use jan_core::media::{
    BlobSigner, BlobStore, MediaObject, MediaResolver, MediaSink, MediaUse, NewMedia, Resolved, Want,
};
pub use kind::is_inline;
pub use links::Link;
pub use media::{Media, OpenedMedia, ReadableMedia};
pub use remote::{Fetch, Fetched};
pub use request::{BulkDeleteMedia, CreateMedia, MediaPatch, Resolvable, ResolveMedia};
pub use settings::MediaSettings;
pub use shape::{FileShape, LinkShape, MediaShape, UploadShape};
pub use sweep::Swept;
pub use token::Token;
pub use uploads::{NewUpload, Upload};

// The examples of the crate's page are compiled.
#[cfg(all(doctest, feature = "folder"))]
#[doc = include_str!("../README.md")]
struct ReadMe;
