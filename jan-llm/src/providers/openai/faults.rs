//! Errors of the connection to an upstream, and the upstream's address for the log.

use std::fmt;

use jan_core::{Error, ErrorKind};

/// The address of a request, for the log.
pub(super) struct Endpoint<'a> {
    /// Scheme, host and port, without user name and password.
    pub(super) server: &'a str,
    pub(super) base: &'a str,
    pub(super) path: &'a str,
}

impl Endpoint<'_> {
    /// Whether every OpenAI-compatible upstream has this path; the others are optional.
    pub(super) fn is_mandatory(&self) -> bool {
        self.path == "/chat/completions"
    }

    /// The error with the address added to its cause. The caller's message does not change.
    pub(super) fn with_address(&self, error: Error) -> Error {
        let mut causes = Vec::new();
        let mut next = std::error::Error::source(&error);
        while let Some(cause) = next {
            let text = cause.to_string();
            // Some errors repeat the text of their own cause.
            if !causes.last().is_some_and(|before: &String| before.ends_with(&text)) {
                causes.push(text);
            }
            next = cause.source();
        }
        let causes = if causes.is_empty() { error.message().to_owned() } else { causes.join(": ") };
        error.because(format!("{self}: {causes}"))
    }
}

impl fmt::Display for Endpoint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.server, self.base, self.path)
    }
}

pub(super) fn cut(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::upstream("The model's answer broke off.").with_code("upstream_cut").because(cause)
}

pub(super) fn too_large(limit: usize) -> Error {
    Error::upstream(format!("The upstream's answer is over {limit} bytes.")).with_code("upstream_too_large")
}

pub(super) fn too_slow() -> Error {
    Error::new(ErrorKind::UpstreamTimeout, "The upstream did not answer in time.")
}
