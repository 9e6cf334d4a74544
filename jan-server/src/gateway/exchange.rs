//! One request and its reply, as the gateway sees them: the id and the log line that they share, and what is learned on the
//! way in and said in the reply's head.

use std::sync::Arc;

use http::header::{ALLOW, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use jan_core::{AuthMethod, Principal};

use super::auth::strip_identity;
use super::cors::Cors;
use super::path::merge_slashes;
use super::rate::Count;
use super::request_log::{Noted, RequestLog};
use crate::http::body::Body;
use crate::http::request_id::{self, RequestId};

const X_AUTH_METHOD: HeaderName = HeaderName::from_static("x-auth-method");

/// A request that is being answered.
pub(crate) struct Exchange {
    pub(crate) request_id: RequestId,
    /// What the handler says for the log line.
    pub(crate) noted: Arc<Noted>,
    /// The head of the request as it came, where a page of a browser sent it.
    sent_by_page: Option<HeaderMap>,
    auth: Option<AuthMethod>,
    pub(super) count: Option<Count>,
    allow: Option<String>,
    log: Option<RequestLog>,
}

impl Exchange {
    /// Begins with a request's head, and makes that fit to be looked at: its path in one spelling, and no header by which
    /// somebody could pretend to be somebody.
    pub(crate) fn begin(head: &mut Parts) -> Self {
        let request_id = RequestId::of(&head.headers);
        merge_slashes(&mut head.uri);
        strip_identity(&mut head.headers);
        let noted = Arc::<Noted>::default();
        Self {
            sent_by_page: head.headers.contains_key(ORIGIN).then(|| head.headers.clone()),
            log: RequestLog::start(&head.method, &request_id, &noted),
            request_id,
            noted,
            auth: None,
            count: None,
            allow: None,
        }
    }

    /// The route is known.
    pub(crate) fn routed(&mut self, path: &'static str) {
        if let Some(log) = &mut self.log {
            log.route = path;
        }
    }

    /// The path exists, with these methods only.
    pub(crate) fn allow(&mut self, methods: String) {
        self.allow = Some(methods);
    }

    /// It is known who calls.
    pub(super) fn authenticated(&mut self, who: &Arc<Principal>) {
        self.auth = Some(who.method);
        if let Some(log) = &mut self.log {
            log.who = Some(who.clone());
        }
    }

    /// Ends with the reply: adds the headers that every reply has, and has its log line written when its body is over.
    pub(crate) fn end(self, mut response: Response<Body>, cors: &Cors) -> Response<Body> {
        let headers = response.headers_mut();
        headers.reserve(8);
        headers.insert(request_id::HEADER, self.request_id.header());
        if let Some(method) = self.auth {
            headers.insert(X_AUTH_METHOD, HeaderValue::from_static(method.as_str()));
        }
        if let Some(count) = self.count {
            count.mark(headers);
        }
        if let Some(allow) = self.allow.and_then(|allow| HeaderValue::try_from(allow).ok()) {
            headers.insert(ALLOW, allow);
        }
        if let Some(page) = self.sent_by_page {
            cors.mark(&page, headers);
        }
        let Some(mut log) = self.log else { return response };
        log.answered(response.status());
        response.map(|body| body.observed(log))
    }
}
