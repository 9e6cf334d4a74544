//! Pictures and files: stored once, named by a `jan_` id, handed out again. A library: no server, no route; what it needs
//! of the world (bytes, records, time, a client) it is given.
//!
//! ```text
//!   ingest ──> inspect (count, hash, kind, dimensions) ──> BlobStore      bytes first,
//!      │                                                       │
//!      └────> ledger: a claim before, a blob after ────────────┘
//!      └────> row: the owner's record of kind `media`                     row last
//! ```
//!
//! | module | holds |
//! |---|---|
//! | `media`, `settings` | [`Media`], the room's handle; [`MediaSettings`] |
//! | [`blob`] | the stores of bytes: memory, a folder, S3, other clouds |
//! | `ingest`, `files`, `data_url`, `remote` | the ways in; [`Fetch`], the seam to who fetches |
//! | `inspect`, `kind`, `dimensions`, `utf8` | what bytes are, seen while they pass |
//! | `location` | where a picture was taken, taken out of it |
//! | `ledger`, `row` | who needs which bytes; media as it is written down |
//! | `links`, `resolve`, [`placeholders`] | the ways out: temporary links, ids for model providers, ids in payloads |
//! | `request`, `shape` | what the API is asked with, and how it shows media |
//! | `uploads` | uploads that are announced first |
//! | `remove`, `sweep` | the way out for good |
//! | `archive` | from one server to another |

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
pub use media::{Found, Media, Opened};
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
