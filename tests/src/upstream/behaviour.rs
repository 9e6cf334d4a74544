//! The correct and faulty behaviours of upstreams, by name: a request for the model `cut-mid-event` gets an answer
//! that breaks off inside an event. Real upstreams behave so, or a client must handle it.

use bytes::Bytes;
use serde_json::{Value, json};

use super::bodies;
use super::reply::{Reply, Step};

/// The length in bytes of the one event of the behaviour `huge-event`.
pub const HUGE: usize = 20 * 1024 * 1024;

/// How the upstream answers one request.
#[derive(Debug, Clone)]
pub enum Behaviour {
    /// One of the named behaviours, see [`NAMES`].
    Named(&'static str),
    /// This reply, whatever the request is.
    Reply(Box<Reply>),
}

impl From<Reply> for Behaviour {
    fn from(reply: Reply) -> Self {
        Self::Reply(Box::new(reply))
    }
}

/// The model names of the fake upstream, and the behaviour of each.
pub const NAMES: &[(&str, &str)] = &[
    ("good", "answers as OpenAI does, with JSON schemas and forced tool calls"),
    ("extra-fields", "the same with reasoning_content and fields of no specification"),
    ("no-usage", "never reports usage"),
    ("slow-head", "waits at the gate before the first byte"),
    ("slow-chunks", "waits at the gate before each piece"),
    ("cut-mid-event", "breaks the connection inside an event"),
    ("cut-after-event", "breaks the connection between two events"),
    ("no-done", "ends cleanly in the middle of the answer, without [DONE]"),
    ("no-finish", "says [DONE] without a finish_reason"),
    ("error-event", "an error event in the middle of the stream"),
    ("error-in-200", "an error object with status 200"),
    ("garbage", "200 with a body that is not JSON"),
    ("no-choices", "200 with JSON that is not a chat completion"),
    ("garbage-event", "an event that is not JSON in the middle of the stream"),
    ("half-character", "ends in the middle of a UTF-8 character"),
    ("broken-character", "an event with an incomplete UTF-8 character, then more events"),
    ("huge-event", "one event of 20 MiB"),
    ("json-for-stream", "a whole answer, also for a stream request"),
    ("stream-for-json", "a stream, also for a request without stream"),
    ("odd-sse", "CRLF, comments, event and id lines, data over several lines"),
    ("bad-request", "400 that names the parameter temperature"),
    ("too-long", "400 context_length_exceeded"),
    ("unauthorized", "401: the operator's key is wrong"),
    ("payment", "402"),
    ("forbidden", "403"),
    ("missing", "404: no such model"),
    ("rate-limited", "429 with retry-after and retry-after-ms"),
    ("broken-json", "500 with a JSON error"),
    ("broken-html", "500 with a page of HTML"),
    ("bad-gateway", "502"),
    ("overloaded", "503 with retry-after"),
    ("redirect", "307 to another path of this upstream"),
    ("hang-up", "reads the request and closes the connection"),
];

impl Behaviour {
    /// The behaviour with that name.
    pub fn named(name: &str) -> Option<Self> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(known, _)| Self::Named(known))
    }

    /// The reply to a chat request.
    pub(super) fn chat(&self, request: &Value) -> Reply {
        let name = match self {
            Self::Reply(reply) => return reply.as_ref().clone(),
            Self::Named(name) => *name,
        };
        let stream = request["stream"] == true;
        refusal(name).or_else(|| broken(name, request, stream)).unwrap_or_else(|| good(name, request, stream))
    }

    /// The reply to a completions request: an error if that is the behaviour, text otherwise.
    pub(super) fn completion(&self, request: &Value) -> Reply {
        match self {
            Self::Reply(reply) => reply.as_ref().clone(),
            Self::Named(name) => refusal(name).unwrap_or_else(|| match request["stream"] == true {
                true => Reply::stream(with_done(bodies::completion_chunks(request))),
                false => Reply::json(200, &bodies::completion(request)),
            }),
        }
    }

    /// The reply to an embeddings request: an error if that is the behaviour, vectors otherwise.
    pub(super) fn embeddings(&self, request: &Value) -> Reply {
        match self {
            Self::Reply(reply) => reply.as_ref().clone(),
            Self::Named(name) => {
                refusal(name).unwrap_or_else(|| Reply::json(200, &bodies::embeddings(request)))
            }
        }
    }
}

/// The behaviours that answer with a status other than 200, or not at all.
fn refusal(name: &str) -> Option<Reply> {
    let refuse = |status, kind, code, message, param| {
        Some(Reply::json(status, &bodies::error(kind, code, message, param)))
    };
    let invalid = "invalid_request_error";
    match name {
        "bad-request" => refuse(
            400,
            invalid,
            "invalid_value",
            "temperature is too hot for this model",
            Some("temperature"),
        ),
        "too-long" => {
            refuse(400, invalid, "context_length_exceeded", "This model reads 8 tokens.", Some("messages"))
        }
        "unauthorized" => refuse(401, invalid, "invalid_api_key", "Incorrect API key: sk-secret", None),
        "payment" => refuse(402, "billing_error", "insufficient_quota", "The account is empty.", None),
        "forbidden" => refuse(403, "permission_error", "forbidden", "Not in your country.", None),
        "missing" => refuse(404, invalid, "model_not_found", "The model does not exist.", Some("model")),
        "rate-limited" => refuse(429, "requests", "rate_limit_exceeded", "Slow down.", None)
            .map(|reply| reply.header("retry-after", "1").header("retry-after-ms", "25")),
        "broken-json" => refuse(500, "server_error", "internal", "stack trace: secret", None),
        "broken-html" => {
            Some(Reply::whole(500, "text/html", "<html><body><h1>500</h1>secret-host</body></html>"))
        }
        "bad-gateway" => Some(Reply::whole(502, "text/plain", "bad gateway")),
        "overloaded" => refuse(503, "server_error", "overloaded", "Come back later.", None)
            .map(|reply| reply.header("retry-after", "2")),
        "redirect" => Some(Reply::whole(307, "text/plain", "").header("location", "/v1/elsewhere")),
        "hang-up" => Some(Reply::hang_up()),
        _ => None,
    }
}

/// The faulty behaviours that begin with status 200.
fn broken(name: &str, request: &Value, stream: bool) -> Option<Reply> {
    match name {
        "garbage" => return Some(Reply::whole(200, "application/json", "<html>It works!</html>")),
        "no-choices" => return Some(Reply::json(200, &json!({"object": "chat.completion", "ok": true}))),
        "error-in-200" => {
            let error = bodies::error("server_error", "overloaded", "The model is overloaded.", None);
            return Some(Reply::json(200, &error));
        }
        "json-for-stream" => return Some(Reply::json(200, &bodies::answer(request))),
        _ => {}
    }
    if !stream && name != "stream-for-json" {
        let body = bodies::answer(request).to_string();
        let half = body.split_at(body.len() / 2).0.to_owned();
        return match name {
            "cut-mid-event" | "cut-after-event" => {
                Some(Reply::pieces("application/json", vec![Step::send(half), Step::Cut]))
            }
            "no-done" | "no-finish" | "half-character" => Some(Reply::whole(200, "application/json", half)),
            _ => None,
        };
    }
    let mut steps = events(request);
    let middle = steps.len() / 2;
    match name {
        "cut-mid-event" => {
            steps.truncate(middle);
            steps.extend([Step::send("data: {\"id\":\"chatcmpl-fake\",\"choi"), Step::Cut]);
        }
        "cut-after-event" => {
            steps.truncate(middle);
            steps.push(Step::Cut);
        }
        "no-done" => steps.truncate(middle),
        "no-finish" => {
            steps.truncate(middle);
            steps.push(Step::event("[DONE]"));
        }
        "error-event" => {
            steps.truncate(middle);
            steps.push(Step::event(bodies::error(
                "server_error",
                "overloaded",
                "The model was overloaded.",
                None,
            )));
        }
        "garbage-event" => steps.insert(middle, Step::event("{not json")),
        "half-character" => {
            steps.truncate(middle);
            steps.push(Step::send(Bytes::from_static(
                b"data: {\"choices\":[{\"delta\":{\"content\":\"caf\xc3",
            )));
        }
        "broken-character" => {
            let event = b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"caf\xc3\"}}]}\n\n";
            steps.insert(middle, Step::send(Bytes::from_static(event)));
        }
        "huge-event" => {
            let delta = json!({"content": "x".repeat(HUGE)});
            steps.insert(middle, Step::event(bodies::chunk(request, &delta, None)));
        }
        "odd-sse" => steps = odd(request),
        _ => return None,
    }
    Some(Reply::stream(steps))
}

fn good(name: &str, request: &Value, stream: bool) -> Reply {
    let mut request = request.clone();
    if name == "no-usage" {
        request["stream_options"] = Value::Null;
    }
    let reply = if stream || name == "stream-for-json" {
        let mut steps = match name {
            "extra-fields" => with_done(bodies::chunks(&request).into_iter().map(extra)),
            _ => events(&request),
        };
        if name == "slow-chunks" {
            steps = steps.into_iter().flat_map(|step| [Step::Wait, step]).collect();
        }
        Reply::stream(steps)
    } else {
        let mut answer = bodies::answer(&request);
        match name {
            "extra-fields" => answer = extra(answer),
            "no-usage" => answer["usage"] = Value::Null,
            _ => {}
        }
        match name {
            "slow-chunks" => {
                let body = Step::send(answer.to_string());
                Reply::pieces("application/json", vec![Step::Wait, body])
            }
            _ => Reply::json(200, &answer),
        }
    };
    if name == "slow-head" { reply.after_the_gate() } else { reply }
}

fn events(request: &Value) -> Vec<Step> {
    with_done(bodies::chunks(request))
}

fn with_done(chunks: impl IntoIterator<Item = Value>) -> Vec<Step> {
    let mut steps: Vec<_> = chunks.into_iter().map(Step::event).collect();
    steps.push(Step::event("[DONE]"));
    steps
}

/// Adds fields of vendors to an answer or a chunk.
fn extra(mut body: Value) -> Value {
    body["x_vendor"] = json!({"queue_ms": 1.50, "region": "moon"});
    body["service_tier"] = json!("default");
    if let Some(choice) = body["choices"].get_mut(0) {
        choice["stop_token"] = json!(2);
        for message in ["message", "delta"] {
            if choice.get(message).is_some() {
                choice[message]["reasoning_content"] = json!(bodies::REASONING);
            }
        }
    }
    body
}

/// The same events in an unusual form, which the specification of server-sent events allows.
fn odd(request: &Value) -> Vec<Step> {
    let mut steps =
        vec![Step::send("\u{feff}: hello\r\n\r\n"), Step::send("retry: 10\r\n: still here\r\n\r\n")];
    for (id, chunk) in bodies::chunks(request).iter().enumerate() {
        // Two data lines: the line end between them is white space in the JSON.
        let (head, tail) =
            chunk.to_string().split_once(',').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        let event = format!("event: message\r\nid: {id}\r\ndata:{head},\r\ndata: {tail}\r\n\r\n");
        // The CR and the LF of the last line end are sent in two writes.
        let (first, second) = event.split_at(event.len() - 1);
        steps.extend([Step::send(first.to_owned()), Step::send(second.to_owned())]);
    }
    steps.push(Step::send("data:[DONE]\r\n\r\n"));
    steps
}
