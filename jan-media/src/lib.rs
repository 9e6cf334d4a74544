//! Pictures and files: stored once, named by a `jan_` id, handed out again.
//!
//! Not built yet. Here will live `Media` (the room's handle: a [`BlobStore`], an index and limits), the ways in (by
//! URL, data URL, upload), the ways out (bytes, temporary links), the sweeper, and the stores: memory, a folder, S3.

pub use jan_core::media::{BlobSigner, BlobStore};
