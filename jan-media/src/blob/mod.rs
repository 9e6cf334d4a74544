//! The stores of bytes: in memory, or through `object_store` in a folder or a cloud.

#[cfg(feature = "clouds")]
mod cloud;
#[cfg(feature = "folder")]
mod folder;
mod memory;
#[cfg(feature = "objects")]
mod object;
#[cfg(feature = "clouds")]
mod sign;
#[cfg(feature = "objects")]
mod upload;

#[cfg(feature = "azure")]
pub use cloud::Azure;
#[cfg(feature = "gcs")]
pub use cloud::Gcs;
#[cfg(feature = "s3")]
pub use cloud::S3;
pub use memory::MemoryBlobs;
#[cfg(feature = "objects")]
pub use object::ObjectBlobs;

use jan_core::{Error, Result};

/// The longest name of a blob, in bytes.
const MAX_KEY: usize = 64;

fn checked(key: &str) -> Result<&str> {
    if key.is_empty() || key.len() > MAX_KEY {
        return Err(Error::invalid("key", format!("The name of a blob has 1 to {MAX_KEY} bytes.")));
    }
    Ok(key)
}

fn missing() -> Error {
    Error::not_found("There are no such bytes.")
}
