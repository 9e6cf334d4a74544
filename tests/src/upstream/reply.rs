//! One reply of the fake upstream as a value: a head and a list of steps. Every fault that is possible on a correct
//! HTTP connection is a list of steps, so a new fault needs a new list and no new code.

use std::io;

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use serde_json::Value;

use super::log::{Log, StreamGuard};
use crate::Gate;

/// The body type of the fake upstream's replies.
pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// A step of a reply's body.
#[derive(Debug, Clone)]
pub enum Step {
    /// Sends these bytes in one write.
    Send(Bytes),
    /// Waits at the upstream's gate.
    Wait,
    /// Breaks the connection, without the end of the body that HTTP requires.
    Cut,
}

impl Step {
    /// A step that sends text.
    pub fn send(text: impl Into<Bytes>) -> Self {
        Self::Send(text.into())
    }

    /// A step that sends one server-sent event.
    pub fn event(data: impl std::fmt::Display) -> Self {
        Self::Send(format!("data: {data}\n\n").into())
    }
}

/// A reply: its head, the steps of its body, and its faults.
#[derive(Debug, Clone)]
pub struct Reply {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    waits_first: bool,
    hangs_up: bool,
    streamed: bool,
    steps: Vec<Step>,
}

impl Reply {
    /// A whole body of the given type.
    pub fn whole(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self::new(status, content_type, false, vec![Step::Send(body.into())])
    }

    /// A JSON body.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::whole(status, "application/json", body.to_string())
    }

    /// An event stream, step by step.
    pub fn stream(steps: Vec<Step>) -> Self {
        Self::new(200, "text/event-stream", true, steps)
    }

    /// A body of the given type, step by step, without a `content-length`.
    pub fn pieces(content_type: &'static str, steps: Vec<Step>) -> Self {
        Self::new(200, content_type, true, steps)
    }

    /// No reply: the connection is closed after the request was read.
    pub fn hang_up() -> Self {
        Self { hangs_up: true, ..Self::whole(200, "text/plain", "") }
    }

    fn new(status: u16, content_type: &'static str, streamed: bool, steps: Vec<Step>) -> Self {
        let content_type = (http::header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self {
            status: StatusCode::from_u16(status).unwrap(),
            headers: vec![content_type],
            waits_first: false,
            hangs_up: false,
            streamed,
            steps,
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl AsRef<str>) -> Self {
        let value = HeaderValue::from_str(value.as_ref()).unwrap();
        self.headers.push((HeaderName::from_static(name), value));
        self
    }

    /// Lets the reply wait at the gate before its head.
    #[must_use]
    pub fn after_the_gate(mut self) -> Self {
        self.waits_first = true;
        self
    }

    /// Sends the reply. `Err` closes the connection without a reply.
    pub(super) async fn play(self, gate: Gate, log: &Log) -> io::Result<Response<Body>> {
        if self.waits_first {
            let guard = log.stream_guard();
            gate.wait().await;
            guard.discard();
        }
        if self.hangs_up {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        let body = if self.streamed {
            body_of(self.steps, gate, log.stream_guard())
        } else {
            let bytes = self.steps.into_iter().find_map(|step| match step {
                Step::Send(bytes) => Some(bytes),
                Step::Wait | Step::Cut => None,
            });
            Full::new(bytes.unwrap_or_default()).map_err(|never| match never {}).boxed_unsync()
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        for (name, value) in self.headers {
            response.headers_mut().append(name, value);
        }
        Ok(response)
    }
}

fn body_of(steps: Vec<Step>, gate: Gate, guard: StreamGuard) -> Body {
    let state = (steps.into_iter(), gate, guard);
    let frames = stream::unfold(state, |(mut steps, gate, mut guard)| async move {
        loop {
            match steps.next() {
                Some(Step::Send(bytes)) => {
                    // Yielding once lets the HTTP library write its buffer, so that each step is a separate write and
                    // the bytes before a cut are really sent.
                    tokio::task::yield_now().await;
                    guard.sent();
                    return Some((Ok(Frame::data(bytes)), (steps, gate, guard)));
                }
                Some(Step::Wait) => gate.wait().await,
                Some(Step::Cut) => {
                    tokio::task::yield_now().await;
                    guard.cut();
                    return Some((Err(io::ErrorKind::ConnectionAborted.into()), (steps, gate, guard)));
                }
                None => {
                    guard.complete();
                    return None;
                }
            }
        }
    });
    StreamBody::new(frames).boxed_unsync()
}
