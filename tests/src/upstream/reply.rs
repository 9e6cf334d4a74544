//! One reply of the fake upstream as a value: head, then steps. Everything that can go wrong inside a well-formed HTTP
//! connection is a list of steps, so a new misbehaviour is a new list and not new code.

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

/// The body that the fake upstream answers with.
pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// A step of a reply's body.
#[derive(Debug, Clone)]
pub enum Step {
    /// Sends these bytes, in a write of their own.
    Send(Bytes),
    /// Waits at the upstream's gate.
    Wait,
    /// Breaks the connection, without the end that HTTP asks for.
    Cut,
}

impl Step {
    /// Sends text.
    pub fn send(text: impl Into<Bytes>) -> Self {
        Self::Send(text.into())
    }

    /// Sends one SSE event.
    pub fn event(data: impl std::fmt::Display) -> Self {
        Self::Send(format!("data: {data}\n\n").into())
    }
}

/// A reply: what it says, and how badly.
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

    /// A body of the given type, step by step, of a length that is not told beforehand.
    pub fn pieces(content_type: &'static str, steps: Vec<Step>) -> Self {
        Self::new(200, content_type, true, steps)
    }

    /// No reply: the request is read and the connection closed.
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

    /// Waits at the gate before the head is sent.
    #[must_use]
    pub fn after_the_gate(mut self) -> Self {
        self.waits_first = true;
        self
    }

    /// Plays the reply. `Err` closes the connection without a word.
    pub(super) async fn play(self, gate: Gate, log: &Log) -> io::Result<Response<Body>> {
        if self.waits_first {
            let guard = log.stream_guard();
            gate.wait().await;
            guard.unwatch();
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
    let playing = (steps.into_iter(), gate, guard);
    let frames = stream::unfold(playing, |(mut steps, gate, mut guard)| async move {
        loop {
            match steps.next() {
                Some(Step::Send(bytes)) => {
                    // Giving way once lets the HTTP library send what it holds: each step is a write of its own, and
                    // what was sent before a cut has truly gone out.
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
