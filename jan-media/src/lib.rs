//! Pictures and files: stored once, named by a `jan_` id, handed out again.

pub mod blob;

pub use blob::MemoryBlobs;
#[cfg(feature = "objects")]
pub use blob::ObjectBlobs;
pub use jan_core::media::{BlobSigner, BlobStore};
