//! One call of a model: the request, its caller, and a report. The call passes through layers (providers that wrap a
//! provider). Layers read the caller from it and write what they find out, such as token usage, into its report.

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
    /// The request.
    pub request: R,
    /// The caller.
    pub caller: Caller,
    /// Present when the messages include the history of a conversation, and not only what the caller sent.
    pub history: Option<Arc<History>>,
    /// The report that layers write to.
    pub report: CallReport,
}

impl<R> ModelCall<R> {
    /// A call by `caller` whose messages were all sent by the caller.
    pub fn new(request: R, caller: impl Into<Caller>) -> Self {
        Self { request, caller: caller.into(), history: None, report: CallReport::default() }
    }
}

/// The caller of a model, the conversation and request that the call belongs to, and its deadline.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The authenticated user.
    pub principal: Arc<Principal>,
    /// The id of the conversation that the call belongs to.
    pub conversation: Option<String>,
    /// The id of that conversation's project.
    pub project: Option<String>,
    /// The id of the request that caused the call, for logs.
    pub request_id: Option<String>,
    /// The time by which the answer must be complete. A layer with a timer enforces it; providers need not.
    pub deadline: Option<Instant>,
}

impl Caller {
    /// A caller outside of any conversation and request, without a deadline.
    pub fn new(principal: Arc<Principal>) -> Self {
        Self { principal, conversation: None, project: None, request_id: None, deadline: None }
    }

    /// The user whose data the call may read and who is charged for it.
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

/// Marks a request whose messages include a conversation's history. Such a request may be shortened to fit the model's
/// context, oldest messages first. A request that holds only what its caller sent is passed on unchanged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// Ids of media that only the history names. That media may have been deleted since; media that new messages name
    /// must exist.
    pub media: HashSet<String>,
}

/// The report of one call. Layers write it and the caller reads it; clones share one report.
#[derive(Debug, Clone, Default)]
pub struct CallReport(Arc<Reported>);

#[derive(Debug, Default)]
struct Reported {
    usage: OnceLock<Usage>,
    trimmed: AtomicBool,
}

impl CallReport {
    /// The tokens used, once the model has reported them (for a stream: after its end).
    pub fn usage(&self) -> Option<&Usage> {
        self.0.usage.get()
    }

    /// Reports the tokens used. Only the first report counts.
    pub fn set_usage(&self, usage: Usage) {
        self.0.usage.get_or_init(|| usage);
    }

    /// Whether messages were omitted or shortened to fit the model's context. The value is final when the provider's
    /// future has returned.
    pub fn trimmed(&self) -> bool {
        self.0.trimmed.load(Ordering::Relaxed)
    }

    /// Reports that messages were omitted or shortened.
    pub fn set_trimmed(&self) {
        self.0.trimmed.store(true, Ordering::Relaxed);
    }
}
