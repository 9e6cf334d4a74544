//! One request and its reply in the gateway: their id and log line, and the facts found during the request that become
//! headers of the reply.

use std::sync::Arc;

use http::header::{ALLOW, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use jan_core::{AuthMethod, Principal};

use super::auth::strip_identity;
use super::cors::Cors;
use super::path::merge_slashes;
use super::rate::Count;
use super::request_log::{LogFields, RequestLog};
use crate::http::body::Body;
use crate::http::request_id::{self, RequestId};

const X_AUTH_METHOD: HeaderName = HeaderName::from_static("x-auth-method");

/// The gateway's state of one request until its reply.
pub(crate) struct Exchange {
    pub(crate) request_id: RequestId,
    /// Fields that the handler adds to the log line.
    pub(crate) log_fields: Arc<LogFields>,
    /// The request's headers, if it has an `Origin`: a browser sent it for a web page, and the reply gets CORS headers.
    browser_headers: Option<HeaderMap>,
    auth_method: Option<AuthMethod>,
    /// The caller's count in the rate limit that was checked last.
    pub(super) count: Option<Count>,
    allow: Option<String>,
    log: Option<RequestLog>,
}

impl Exchange {
    /// Starts with a request's head and cleans it: repeated slashes in the path become one, and headers that could fake
    /// an identity are removed.
    pub(crate) fn start(head: &mut Parts) -> Self {
        let request_id = RequestId::of(&head.headers);
        merge_slashes(&mut head.uri);
        strip_identity(&mut head.headers);
        let log_fields = Arc::<LogFields>::default();
        Self {
            browser_headers: head.headers.contains_key(ORIGIN).then(|| head.headers.clone()),
            log: RequestLog::start(&head.method, &request_id, &log_fields),
            request_id,
            log_fields,
            auth_method: None,
            count: None,
            allow: None,
        }
    }

    /// Sets the route for the log line.
    pub(crate) fn set_route(&mut self, path: &'static str) {
        if let Some(log) = &mut self.log {
            log.route = path;
        }
    }

    /// Sets the `Allow` header: the methods that the path has.
    pub(crate) fn set_allowed_methods(&mut self, methods: String) {
        self.allow = Some(methods);
    }

    /// Sets the authenticated caller.
    pub(super) fn set_principal(&mut self, principal: &Arc<Principal>) {
        self.auth_method = Some(principal.method);
        if let Some(log) = &mut self.log {
            log.principal = Some(principal.clone());
        }
    }

    /// Adds the gateway's headers to the reply, and attaches the log line to its body, so that it is written when the
    /// body has ended.
    pub(crate) fn finish(self, mut response: Response<Body>, cors: &Cors) -> Response<Body> {
        let headers = response.headers_mut();
        headers.reserve(8);
        headers.insert(request_id::HEADER, self.request_id.header());
        if let Some(method) = self.auth_method {
            headers.insert(X_AUTH_METHOD, HeaderValue::from_static(method.as_str()));
        }
        if let Some(count) = self.count {
            count.add_headers(headers);
        }
        if let Some(allow) = self.allow.and_then(|allow| HeaderValue::try_from(allow).ok()) {
            headers.insert(ALLOW, allow);
        }
        if let Some(request) = self.browser_headers {
            cors.add_headers(&request, headers);
        }
        let Some(mut log) = self.log else { return response };
        log.set_status(response.status());
        response.map(|body| body.observed(log))
    }
}
