//! One log line for each request, written when its reply has ended: method, route, status, times, tokens. Never a body,
//! a query, a header or a credential.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use jan_core::{CallReport, Principal};

use crate::http::body::BodyObserver;
use crate::http::request_id::RequestId;

/// The log target of these lines, for log filters.
pub const TARGET: &str = "jan_server::request";
/// The most characters of a model's name that are logged: the caller chooses this text.
const MAX_MODEL_NAME: usize = 128;

/// Fields of the log line that only a handler knows. Each is set at most once.
#[derive(Debug, Default)]
pub(crate) struct LogFields {
    model: OnceLock<String>,
    report: OnceLock<CallReport>,
}

impl LogFields {
    /// Sets the name of the requested model.
    pub(crate) fn model(&self, name: &str) {
        if !name.is_empty() {
            self.model.get_or_init(|| name.chars().take(MAX_MODEL_NAME).collect());
        }
    }

    /// Sets the report from which the used tokens are read when the reply has ended.
    pub(crate) fn report(&self, report: &CallReport) {
        self.report.get_or_init(|| report.clone());
    }
}

/// The log line of one request. It is written on drop: after the last byte of the reply, or when the client
/// disconnects.
pub(crate) struct RequestLog {
    started: Instant,
    method: Method,
    request_id: RequestId,
    pub(super) route: &'static str,
    pub(super) principal: Option<Arc<Principal>>,
    log_fields: Arc<LogFields>,
    status: Option<StatusCode>,
    first_byte: Option<Duration>,
    complete: bool,
}

impl RequestLog {
    /// Starts the line of a new request. `None` when such lines are filtered out, so that they cost nothing then.
    pub(crate) fn start(
        method: &Method,
        request_id: &RequestId,
        log_fields: &Arc<LogFields>,
    ) -> Option<Self> {
        tracing::enabled!(target: TARGET, tracing::Level::INFO).then(|| Self {
            started: Instant::now(),
            method: method.clone(),
            request_id: request_id.clone(),
            route: "none",
            principal: None,
            log_fields: log_fields.clone(),
            status: None,
            first_byte: None,
            complete: false,
        })
    }

    /// Sets the status of the reply.
    pub(crate) fn set_status(&mut self, status: StatusCode) {
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
        self.complete = true;
    }
}

impl Drop for RequestLog {
    fn drop(&mut self) {
        let usage = self.log_fields.report.get().and_then(CallReport::usage);
        // Nobody reads the body of a reply to HEAD, so its end is not seen.
        let client_left = (!self.complete && self.method != Method::HEAD).then_some(true);
        tracing::info!(
            target: TARGET,
            method = self.method.as_str(),
            route = self.route,
            status = self.status.map(|status| status.as_u16()),
            duration_ms = millis(self.started.elapsed()),
            first_byte_ms = self.first_byte.map(millis),
            model = self.log_fields.model.get().map(String::as_str),
            prompt_tokens = usage.map(|usage| usage.prompt_tokens),
            completion_tokens = usage.map(|usage| usage.completion_tokens),
            user = self.principal.as_ref().map(|principal| principal.user.as_str()),
            client_left,
            request_id = self.request_id.as_str(),
            "request"
        );
    }
}

fn millis(time: Duration) -> f64 {
    // Three decimal places; no request is so long that an `f64` would lose them.
    time.as_micros() as f64 / 1000.0
}
