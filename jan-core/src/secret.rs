//! Values that must never be printed: keys of upstreams, signing keys, API keys.

pub use secrecy::ExposeSecret;

/// A string that shows itself as redacted in `Debug` and is wiped when dropped. Read it with
/// [`ExposeSecret::expose_secret`] where it is used, and nowhere else.
pub type Secret = secrecy::SecretString;
