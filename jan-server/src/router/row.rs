//! One route: what is asked for, who may, how often and how much, and who answers.

use std::num::NonZeroU64;

use futures_util::future::BoxFuture;
use http::Method;

use crate::gateway::admit::{Access, Rule};
use crate::gateway::rate::LimitGroup;
use crate::http::body_limit::BodyLimit;
use crate::http::reply::Reply;
#[cfg(feature = "openapi")]
use crate::openapi::doc::Doc;
use crate::rooms::Rooms;
use crate::routes::call::Call;

/// What may stand around a file in a body: a form's other fields, a JSON object.
const AROUND_FILES: usize = 512 * 1024;

/// What answers a request.
pub(crate) type Handler = fn(Call) -> BoxFuture<'static, Reply>;

/// The service of the original that a route belongs to. At the gateway its routes also answer under its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    /// The gateway itself: no prefix.
    Gateway,
    /// `/llm`.
    Llm,
    /// `/media`.
    Media,
}

/// What becomes of a request that is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// It is acted on again.
    Runs,
    /// It makes something. With an `Idempotency-Key` it is answered as it was, and nothing is made twice.
    Replays,
}

/// How large bodies may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    /// As configured for JSON.
    Json,
    /// As large as a file, in base64 if need be, and what stands around it.
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
    /// The same row for a request that makes something: see [`Repeat::Replays`].
    pub(super) const fn replays(mut self) -> Self {
        self.repeat = Repeat::Replays;
        self
    }

    /// The same row for a body that is a file, or has one in it.
    pub(super) const fn file(mut self) -> Self {
        self.size = Size::File;
        self
    }

    /// What this row asks of its callers. Under the prefix of the LLM API the limit is the caller's and not the address's.
    pub(crate) fn rule(&self, prefixed: bool) -> Rule {
        let limit = if prefixed && self.limit == LimitGroup::V1 { LimitGroup::Llm } else { self.limit };
        Rule { access: self.access, limit }
    }

    /// The largest body that this row takes.
    pub(crate) fn body_limit(&self, rooms: &Rooms) -> BodyLimit {
        let (json, time) = (rooms.settings.body_limit, rooms.settings.body_timeout);
        let rate = NonZeroU64::new(rooms.settings.body_rate);
        match self.size {
            Size::Json => BodyLimit { bytes: json, code: "body_too_large", time, rate },
            Size::File => {
                let file = usize::try_from(rooms.media.settings().max_bytes).unwrap_or(usize::MAX);
                let bytes = (file / 3).saturating_mul(4).saturating_add(AROUND_FILES);
                BodyLimit { bytes, code: "max_size_exceeded", time, rate }
            }
        }
    }

    /// A path that this row answers, without the prefix of its service: the same request under either.
    pub(crate) fn without_prefix<'a>(&self, path: &'a str) -> &'a str {
        self.service.prefix().and_then(|prefix| path.strip_prefix(prefix)).unwrap_or(path)
    }

    /// Every path that this row answers.
    pub(crate) fn paths(&self) -> impl Iterator<Item = (String, bool)> {
        let prefixed = self.service.prefix().map(|prefix| (format!("{prefix}{}", self.path), true));
        std::iter::once((self.path.to_owned(), false)).chain(prefixed)
    }
}
