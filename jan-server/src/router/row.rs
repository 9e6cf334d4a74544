//! One route: its method and path, its access and limits, its handler and documentation.

use std::num::NonZeroU64;

use futures_util::future::BoxFuture;
use http::Method;

use crate::gateway::admit::{Access, Rule};
use crate::gateway::rate::LimitGroup;
use crate::http::body_limit::BodyLimit;
use crate::http::reply::Reply;
#[cfg(feature = "openapi")]
use crate::openapi::doc::Doc;
use crate::routes::call::Call;
use crate::services::Services;

/// The most bytes in a body besides a file: other fields of a form, or a JSON object.
const BESIDES_FILE: usize = 512 * 1024;

/// The function that answers a request.
pub(crate) type Handler = fn(Call) -> BoxFuture<'static, Reply>;

/// The service of the original Jan Server that a route belongs to. Its routes also answer under its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    /// The gateway itself: no prefix.
    Gateway,
    /// `/llm`.
    Llm,
    /// `/media`.
    Media,
}

/// The effect of sending a request again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// It runs again.
    Runs,
    /// It creates something. With an `Idempotency-Key` the stored reply is sent, and nothing is created twice.
    Replays,
}

/// The size limit of a route's bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    /// The configured limit of JSON bodies.
    Json,
    /// The size of the largest file, in base64, and [`BESIDES_FILE`].
    File,
}

/// One route.
pub(crate) struct Row {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) service: Service,
    pub(crate) access: Access,
    pub(crate) limit: LimitGroup,
    pub(crate) repeat: Repeat,
    pub(crate) size: Size,
    pub(crate) handler: Handler,
    #[cfg(feature = "openapi")]
    pub(crate) doc: &'static Doc,
}

impl Service {
    fn prefix(self) -> Option<&'static str> {
        match self {
            Self::Gateway => None,
            Self::Llm => Some("/llm"),
            Self::Media => Some("/media"),
        }
    }
}

impl Row {
    /// The same row for a request that creates something: see [`Repeat::Replays`].
    pub(super) const fn replays(mut self) -> Self {
        self.repeat = Repeat::Replays;
        self
    }

    /// The same row for a body that is a file or contains one.
    pub(super) const fn file(mut self) -> Self {
        self.size = Size::File;
        self
    }

    /// What this route requires of its callers. Under the prefix of the LLM API the limit counts by caller, not by
    /// address.
    pub(crate) fn rule(&self, prefixed: bool) -> Rule {
        let limit = if prefixed && self.limit == LimitGroup::V1 { LimitGroup::Llm } else { self.limit };
        Rule { access: self.access, limit }
    }

    /// The limits of this route's body.
    pub(crate) fn body_limit(&self, services: &Services) -> BodyLimit {
        let (json, time) = (services.settings.body_limit, services.settings.body_timeout);
        let rate = NonZeroU64::new(services.settings.body_rate);
        match self.size {
            Size::Json => BodyLimit { bytes: json, code: "body_too_large", time, rate },
            Size::File => {
                let file = usize::try_from(services.media.settings().max_bytes).unwrap_or(usize::MAX);
                let bytes = (file / 3).saturating_mul(4).saturating_add(BESIDES_FILE);
                BodyLimit { bytes, code: "max_size_exceeded", time, rate }
            }
        }
    }

    /// A path of this route without the prefix of its service, so that the same request is recognised with and without
    /// it.
    pub(crate) fn without_prefix<'a>(&self, path: &'a str) -> &'a str {
        self.service.prefix().and_then(|prefix| path.strip_prefix(prefix)).unwrap_or(path)
    }

    /// The paths of this route, and whether each has the prefix.
    pub(crate) fn paths(&self) -> impl Iterator<Item = (String, bool)> {
        let prefixed = self.service.prefix().map(|prefix| (format!("{prefix}{}", self.path), true));
        std::iter::once((self.path.to_owned(), false)).chain(prefixed)
    }
}
