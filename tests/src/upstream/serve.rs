//! The fake upstream's connections and routes.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::log::Recorded;
use super::reply::{Body, Reply, Step};
use super::{Behaviour, NAMES, Shared, bodies};

/// Accepts connections until it is aborted, which also closes them.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) -> Infallible {
    let mut connections = JoinSet::new();
    loop {
        let Ok((socket, _)) = listener.accept().await else { continue };
        shared.log.count(|counts| counts.connections += 1);
        // The results of connections are not needed: the log counts how streams end.
        while connections.try_join_next().is_some() {}
        let wire = shared.connections.lock().unwrap().pop_front();
        match wire {
            Some(wire) => {
                let gate = shared.gate.clone();
                connections.spawn(async move {
                    let _ = wire.play(socket, gate).await;
                });
            }
            None => {
                connections.spawn(serve_http(socket, shared.clone()));
            }
        }
    }
}

async fn serve_http(socket: TcpStream, shared: Arc<Shared>) {
    let _ = socket.set_nodelay(true);
    let service = service_fn(move |request| answer(request, shared.clone()));
    let _ = http1::Builder::new().serve_connection(TokioIo::new(socket), service).await;
}

async fn answer(request: Request<Incoming>, shared: Arc<Shared>) -> io::Result<Response<Body>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let path = head.uri.path().to_owned();
    let recorded = Recorded {
        path: head.uri.path_and_query().map_or_else(|| path.clone(), ToString::to_string),
        headers: head.headers,
        body: body.clone(),
        method: head.method.clone(),
    };
    let allowed =
        shared.key.as_ref().is_none_or(|key| recorded.header("authorization") == format!("Bearer {key}"));
    shared.log.record(recorded);
    let reply = match allowed {
        true => route(&head.method, &path, &body, &shared),
        false => {
            let refused =
                bodies::error("invalid_request_error", "invalid_api_key", "Incorrect API key.", None);
            Reply::json(401, &refused)
        }
    };
    reply.play(shared.gate.clone(), &shared.log).await
}

fn route(method: &Method, path: &str, body: &Bytes, shared: &Shared) -> Reply {
    let path = path.strip_prefix("/v1").unwrap_or(path);
    if method == Method::GET {
        return models(path);
    }
    if path.starts_with("/images/") {
        return pictures(body, shared);
    }
    let Ok(request) = serde_json::from_slice::<Value>(body) else {
        let error = bodies::error("invalid_request_error", "invalid_json", "The body is not JSON.", None);
        return Reply::json(400, &error);
    };
    let behaviour = || -> Option<Behaviour> {
        let scripted = shared.script.lock().unwrap().pop_front();
        scripted.or_else(|| Behaviour::named(request["model"].as_str().unwrap_or_default()))
    };
    let reply = match path {
        "/chat/completions" => behaviour().map(|behaviour| behaviour.chat(&request)),
        "/completions" => behaviour().map(|behaviour| behaviour.completion(&request)),
        "/embeddings" => behaviour().map(|behaviour| behaviour.embeddings(&request)),
        // The target of the behaviour `redirect`.
        "/elsewhere" => Some(Behaviour::Named("good").chat(&request)),
        _ => return no_such_path(),
    };
    reply.unwrap_or_else(no_such_model)
}

/// Images, as events if the request asks for a stream. The fields of a form are not read here.
fn pictures(body: &Bytes, shared: &Shared) -> Reply {
    if let Some(Behaviour::Reply(reply)) = shared.script.lock().unwrap().pop_front() {
        return *reply;
    }
    let request: Value = serde_json::from_slice(body).unwrap_or_default();
    match request["stream"].as_bool() {
        Some(true) => Reply::stream(bodies::picture_events().into_iter().map(Step::event).collect()),
        _ => Reply::json(200, &bodies::pictures(request["n"].as_u64().unwrap_or(1))),
    }
}

fn models(path: &str) -> Reply {
    let names: Vec<_> = NAMES.iter().map(|(name, _)| *name).collect();
    match path.strip_prefix("/models").map(|rest| rest.trim_start_matches('/')) {
        Some("") => Reply::json(200, &bodies::models(&names)),
        Some(name) if names.contains(&name) => Reply::json(200, &bodies::model(name)),
        Some(_) => no_such_model(),
        None => no_such_path(),
    }
}

fn no_such_model() -> Reply {
    let error = bodies::error("invalid_request_error", "model_not_found", "No such model.", Some("model"));
    Reply::json(404, &error)
}

fn no_such_path() -> Reply {
    Reply::json(404, &bodies::error("invalid_request_error", "unknown_url", "No such path.", None))
}
