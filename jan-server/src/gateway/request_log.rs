//! One log line a request, written when its reply is over: what was asked, what became of it, how long it took, what it
//! cost. Never a body, a query, a header or a credential.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use jan_core::{CallReport, Principal};

use crate::http::body::BodyObserver;
use crate::http::request_id::RequestId;

/// The target under which the line of each request is logged, for filters of a log.
pub const TARGET: &str = "jan_server::request";
/// Of a model's name no more characters are logged: it is a text of the caller's.
const LONGEST_NAME: usize = 128;

/// What a handler learns of a request, for its log line.
#[derive(Debug, Default)]
pub(crate) struct Noted {
    model: OnceLock<String>,
    report: OnceLock<CallReport>,
}

impl Noted {
    /// Which model was asked for.
    pub(crate) fn model(&self, name: &str) {
        if !name.is_empty() {
            self.model.get_or_init(|| name.chars().take(LONGEST_NAME).collect());
        }
    }

    /// Where the used tokens will stand when the model has reported them.
    pub(crate) fn report(&self, report: &CallReport) {
        self.report.get_or_init(|| report.clone());
    }
}

/// The line of one request. It is written when this is dropped: after the last byte of a stream, or when the client left.
pub(crate) struct RequestLog {
    started: Instant,
    method: Method,
    request_id: RequestId,
    pub(super) route: &'static str,
    pub(super) who: Option<Arc<Principal>>,
    noted: Arc<Noted>,
    status: Option<StatusCode>,
    first_byte: Option<Duration>,
    whole: bool,
}

impl RequestLog {
    /// Of a request that has just come; nothing, when nobody would read the line.
    pub(crate) fn start(method: &Method, request_id: &RequestId, noted: &Arc<Noted>) -> Option<Self> {
        tracing::enabled!(target: TARGET, tracing::Level::INFO).then(|| Self {
            started: Instant::now(),
            method: method.clone(),
            request_id: request_id.clone(),
            route: "none",
            who: None,
            noted: noted.clone(),
            status: None,
            first_byte: None,
            whole: false,
        })
    }

    /// The reply's head is made.
    pub(crate) fn answered(&mut self, status: StatusCode) {
        self.status = Some(status);
    }
}

impl BodyObserver for RequestLog {
    fn piece(&mut self) {
        if self.first_byte.is_none() {
            self.first_byte = Some(self.started.elapsed());
        }
    }

    fn end(&mut self) {
        self.whole = true;
    }
}

impl Drop for RequestLog {
    fn drop(&mut self) {
        let usage = self.noted.report.get().and_then(CallReport::usage);
        // A reply without a body is whole when nobody reads it.
        let left = (!self.whole && self.method != Method::HEAD).then_some(true);
        tracing::info!(
            target: TARGET,
            method = self.method.as_str(),
            route = self.route,
            status = self.status.map(|status| status.as_u16()),
            duration_ms = millis(self.started.elapsed()),
            first_byte_ms = self.first_byte.map(millis),
            model = self.noted.model.get().map(String::as_str),
            prompt_tokens = usage.map(|usage| usage.prompt_tokens),
            completion_tokens = usage.map(|usage| usage.completion_tokens),
            user = self.who.as_ref().map(|who| who.user.as_str()),
            client_left = left,
            request_id = self.request_id.as_str(),
            "request"
        );
    }
}

fn millis(time: Duration) -> f64 {
    // Three places: no request is so long that a float would lose them.
    time.as_micros() as f64 / 1000.0
}
