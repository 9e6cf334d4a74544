//! Values that must never be printed: keys of upstreams, signing keys, API keys.

pub use secrecy::ExposeSecret;

/// A string that `Debug` prints as redacted and that is overwritten in memory when it is dropped. Call
/// [`ExposeSecret::expose_secret`] only where the value is used.
pub type Secret = secrecy::SecretString;
