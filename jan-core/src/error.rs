//! The one error type of the workspace. An [`Error`] has three separate parts: the kind of situation ([`ErrorKind`]);
//! what the caller may read (`message`, `code`, `param`); and the cause (`source`), which only the log gets. They are
//! separate fields so that a cause cannot reach a caller by accident. Only the HTTP layer of the server turns a kind
//! into a status code.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

type Cause = Box<dyn std::error::Error + Send + Sync + 'static>;

/// What kind of situation an [`Error`] reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request is wrong; `param` names the field.
    Invalid,
    /// There is no credential, or it is not valid.
    Unauthenticated,
    /// The caller's quota is used up.
    QuotaExceeded,
    /// The caller is known and may not do this.
    Forbidden,
    /// What the request names does not exist, or it belongs to another user.
    NotFound,
    /// The route exists, but not with this method.
    MethodNotAllowed,
    /// Our own time limit ran out while the caller was sending or waiting.
    Timeout,
    /// The request contradicts the present state.
    Conflict,
    /// It existed and was deleted on purpose.
    Gone,
    /// The body or a part of it is over a limit.
    TooLarge,
    /// The type of the body is not accepted.
    UnsupportedMediaType,
    /// Well formed, but it cannot be processed (a decompression bomb, for example).
    Unprocessable,
    /// The requested range lies outside of the resource.
    OutOfRange,
    /// Too many requests; `retry_after` says when to try again.
    RateLimited,
    /// A fault of this program.
    Internal,
    /// A known feature that is deliberately not offered.
    NotImplemented,
    /// A service that we call failed, or its answer cannot be understood.
    Upstream,
    /// This cannot be served now: no provider, shutting down, or overloaded.
    Unavailable,
    /// A service that we call did not answer in time.
    UpstreamTimeout,
}

impl ErrorKind {
    /// The machine-readable code used when an error does not set a narrower one.
    pub fn default_code(self) -> &'static str {
        match self {
            Self::Invalid => "invalid_parameter",
            Self::Unauthenticated => "unauthenticated",
            Self::QuotaExceeded => "quota_exceeded",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::Timeout => "timeout",
            Self::Conflict => "conflict",
            Self::Gone => "gone",
            Self::TooLarge => "too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::Unprocessable => "unprocessable",
            Self::OutOfRange => "out_of_range",
            Self::RateLimited => "rate_limit_exceeded",
            Self::Internal => "internal_error",
            Self::NotImplemented => "not_implemented",
            Self::Upstream => "upstream_error",
            Self::Unavailable => "unavailable",
            Self::UpstreamTimeout => "upstream_timeout",
        }
    }
}

/// An error with a message for the caller and a cause for the log; see the module.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    code: Cow<'static, str>,
    message: Cow<'static, str>,
    param: Option<String>,
    retry_after: Option<Duration>,
    source: Option<Cause>,
}

impl Error {
    /// An error of `kind` with a message for the caller.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind,
            code: Cow::Borrowed(kind.default_code()),
            message: message.into(),
            param: None,
            retry_after: None,
            source: None,
        }))
    }

    /// The field `param` of the request is wrong.
    pub fn invalid(param: impl Into<String>, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Invalid, message).with_param(param)
    }

    /// The request lacks the required field `param`.
    ///
    /// ```
    /// let error = jan_core::Error::missing("name");
    /// assert_eq!((error.code(), error.message()), ("missing_parameter", "`name` is required."));
    /// ```
    pub fn missing(param: impl Into<String>) -> Self {
        let param = param.into();
        let message = format!("`{param}` is required.");
        Self::invalid(param, message).with_code("missing_parameter")
    }

    /// What the request names does not exist for this caller.
    pub fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// No valid credential.
    pub fn unauthenticated(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Unauthenticated, message)
    }

    /// A service that we call failed.
    pub fn upstream(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Upstream, message)
    }

    /// This cannot be served now.
    pub fn unavailable(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Unavailable, message)
    }

    /// A fault of this program. The caller gets a general message; the log gets `cause`.
    pub fn internal(cause: impl Into<Cause>) -> Self {
        Self::new(ErrorKind::Internal, "The server had an internal error. Try again later.").because(cause)
    }

    /// Sets the machine-readable code.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<Cow<'static, str>>) -> Self {
        self.0.code = code.into();
        self
    }

    /// Sets the field of the request that is wrong.
    #[must_use]
    pub fn with_param(mut self, param: impl Into<String>) -> Self {
        self.0.param = Some(param.into());
        self
    }

    /// Sets the time after which a retry may succeed.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// Sets the cause, for the log only; [`std::error::Error::source`] returns it. Any error or text is accepted.
    ///
    /// ```
    /// use jan_core::{Error, Result};
    ///
    /// fn settings(text: &str) -> Result<serde_json::Value> {
    ///     serde_json::from_str(text)
    ///         .map_err(|error| Error::invalid("settings", "The settings are not JSON.").with_source(error))
    /// }
    ///
    /// let error = settings("{").unwrap_err();
    /// assert_eq!(error.to_string(), "The settings are not JSON.");
    /// assert!(std::error::Error::source(&error).is_some_and(|cause| cause.to_string().contains("EOF")));
    /// ```
    #[must_use]
    #[doc(alias = "source")]
    pub fn with_source(mut self, cause: impl Into<Cause>) -> Self {
        self.0.source = Some(cause.into());
        self
    }

    /// The same as [`Error::with_source`], under a shorter name: `Error::upstream(…).because(error)`.
    #[must_use]
    pub fn because(self, cause: impl Into<Cause>) -> Self {
        self.with_source(cause)
    }

    /// The kind of situation.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The machine-readable code, for example `context_length_exceeded`.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// The message for the caller.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The field that is wrong, if the error is about one field.
    pub fn param(&self) -> Option<&str> {
        self.0.param.as_deref()
    }

    /// After how long a retry may succeed, if that is known.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Error");
        out.field("kind", &self.0.kind).field("code", &self.0.code).field("message", &self.0.message);
        if let Some(param) = &self.0.param {
            out.field("param", param);
        }
        if let Some(source) = &self.0.source {
            out.field("source", source);
        }
        out.finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|cause| cause as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_never_reaches_the_message() {
        let error = Error::internal("password=hunter2");
        assert!(!error.to_string().contains("hunter2"));
        assert!(format!("{error:?}").contains("hunter2"));
    }

    #[test]
    fn an_invalid_field_is_named() {
        let error = Error::invalid("messages", "must not be empty");
        assert_eq!((error.kind(), error.param()), (ErrorKind::Invalid, Some("messages")));
        assert_eq!(error.code(), "invalid_parameter");
    }
}
