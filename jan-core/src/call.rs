//! One request to a model, and on whose behalf it is made. It passes through layers (providers around a provider) on its
//! way: what they need to know of the caller comes with it, and what they find out goes back by it.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use crate::chat::Usage;
use crate::{ChatRequest, Principal, UserId};

/// A request to a model, with its caller. `R` is a [`ChatRequest`], a [`crate::CompletionRequest`] or a
/// [`crate::model::EmbeddingRequest`].
///
/// ```
/// use jan_core::{ChatRequest, ModelCall, Principal};
///
/// let call = ModelCall::new(ChatRequest::new("jan-v1-4b").user("Hello!"), Principal::open("me"));
/// assert_eq!(call.caller.owner().as_str(), "me");
/// ```
#[derive(Debug, Clone)]
pub struct ModelCall<R = ChatRequest> {
    /// What is asked.
    pub request: R,
    /// Who asks.
    pub caller: Caller,
    /// Given when the request's messages hold the history of a conversation, and not only what its caller sent.
    pub history: Option<Arc<History>>,
    /// What layers report of the call.
    pub report: CallReport,
}

impl<R> ModelCall<R> {
    /// A call by `caller`, whose messages are all the caller's own.
    pub fn new(request: R, caller: impl Into<Caller>) -> Self {
        Self { request, caller: caller.into(), history: None, report: CallReport::default() }
    }
}

/// On whose behalf a model is called, from where, and by when it must have answered.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who asks.
    pub principal: Arc<Principal>,
    /// The conversation that the call belongs to.
    pub conversation: Option<String>,
    /// The project of that conversation.
    pub project: Option<String>,
    /// The id of the request that caused the call, for logs.
    pub request_id: Option<String>,
    /// When the answer must be whole. Enforced by a layer that has a timer, not by each provider.
    pub deadline: Option<Instant>,
}

impl Caller {
    /// A caller outside of any conversation and request.
    pub fn new(principal: Arc<Principal>) -> Self {
        Self { principal, conversation: None, project: None, request_id: None, deadline: None }
    }

    /// Whose things may be read and are paid for.
    pub fn owner(&self) -> &UserId {
        &self.principal.user
    }
}

impl From<Principal> for Caller {
    fn from(principal: Principal) -> Self {
        Self::new(Arc::new(principal))
    }
}

impl From<&Principal> for Caller {
    fn from(principal: &Principal) -> Self {
        Self::new(Arc::new(principal.clone()))
    }
}

impl From<Arc<Principal>> for Caller {
    fn from(principal: Arc<Principal>) -> Self {
        Self::new(principal)
    }
}

/// What is true of messages that come from a conversation's history. Such a request may be shortened to fit the model's
/// context, the oldest messages first; one that holds only what its caller sent is passed on as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// Ids of media that only the history names. Each may have been deleted since; what new messages name must exist.
    pub media: HashSet<String>,
}

/// What the layers report of one call, for whoever made it. Clones share one report.
#[derive(Debug, Clone, Default)]
pub struct CallReport(Arc<Reported>);

#[derive(Debug, Default)]
struct Reported {
    usage: OnceLock<Usage>,
    trimmed: AtomicBool,
}

impl CallReport {
    /// The tokens used, once the model has reported them; of a stream that is at its end.
    pub fn usage(&self) -> Option<&Usage> {
        self.0.usage.get()
    }

    /// Reports the tokens used. The first report counts.
    pub fn set_usage(&self, usage: Usage) {
        self.0.usage.get_or_init(|| usage);
    }

    /// Whether messages were left out or shortened to fit the model's context. Known when the provider has returned.
    pub fn trimmed(&self) -> bool {
        self.0.trimmed.load(Ordering::Relaxed)
    }

    /// Reports that messages were left out or shortened.
    pub fn set_trimmed(&self) {
        self.0.trimmed.store(true, Ordering::Relaxed);
    }
}
