//! Tests of the fake upstream itself: a test that relies on a fault proves nothing if the fake does not show it.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::*;

/// Sends a chat request; the connection stays open until the reply is dropped.
async fn ask(upstream: &Upstream, body: &serde_json::Value) -> hyper::Result<Response<Incoming>> {
    let socket = TcpStream::connect(upstream.address).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
    tokio::spawn(connection);
    let request = Request::post("/v1/chat/completions").header("host", "fake");
    sender.send_request(request.body(Full::new(Bytes::from(body.to_string()))).unwrap()).await
}

fn stream(model: &str) -> serde_json::Value {
    json!({"model": model, "stream": true, "stream_options": {"include_usage": true},
        "messages": [{"role": "user", "content": "Hello!"}]})
}

async fn text(response: Response<Incoming>) -> hyper::Result<String> {
    Ok(String::from_utf8_lossy(&response.into_body().collect().await?.to_bytes()).into_owned())
}

#[tokio::test]
async fn a_good_stream_is_whole_and_reports_usage() {
    let upstream = Upstream::start().await;
    let text_sent = text(ask(&upstream, &stream("good")).await.unwrap()).await.unwrap();
    assert!(
        text_sent.contains("\"total_tokens\":16") && text_sent.ends_with("data: [DONE]\n\n"),
        "{text_sent}"
    );
    let counts = upstream.wait_for(|counts| counts.streams_completed == 1).await;
    assert_eq!((counts.requests, counts.streams_dropped), (1, 0));
    let requests = upstream.post_requests();
    assert_eq!(
        (requests[0].path.as_str(), requests[0].json()["model"].as_str()),
        ("/v1/chat/completions", Some("good"))
    );
}

#[tokio::test]
async fn everything_before_a_cut_arrives_and_then_an_error() {
    let upstream = Upstream::start().await;
    for model in ["cut-mid-event", "cut-after-event"] {
        let mut body = ask(&upstream, &stream(model)).await.unwrap().into_body();
        let mut text_sent = Vec::new();
        let end = loop {
            match body.frame().await {
                Some(Ok(frame)) => text_sent.extend_from_slice(frame.data_ref().unwrap()),
                end => break end,
            }
        };
        assert!(end.is_some_and(|end| end.is_err()), "{model} must not end cleanly");
        let text_sent = String::from_utf8(text_sent).unwrap();
        assert!(
            text_sent.contains("Hello ") && text_sent.ends_with("\n\n") == (model == "cut-after-event"),
            "{text_sent}"
        );
    }
    assert_eq!(upstream.counts().streams_cut, 2);
}

#[tokio::test]
async fn a_client_that_disconnects_at_the_gate_is_counted() {
    let upstream = Upstream::start().await;
    let reply = ask(&upstream, &stream("slow-chunks")).await.unwrap();
    upstream.gate().reached(1).await;
    drop(reply);
    upstream.wait_for(|counts| counts.streams_dropped == 1).await;
}

#[tokio::test]
async fn a_client_that_disconnects_before_the_head_is_counted() {
    let upstream = Upstream::start().await;
    let body = stream("slow-head");
    let mut request = Box::pin(ask(&upstream, &body));
    tokio::select! {
        _ = &mut request => panic!("answered through a closed gate"),
        () = upstream.gate().reached(1) => {}
    }
    drop(request);
    upstream.wait_for(|counts| counts.streams_dropped == 1).await;
}

#[tokio::test]
async fn the_script_has_priority_over_the_model_name() {
    let upstream = Upstream::start().await;
    upstream.script([Behaviour::named("rate-limited").unwrap(), Reply::json(418, &json!({})).into()]);
    let reply = ask(&upstream, &stream("good")).await.unwrap();
    assert_eq!((reply.status().as_u16(), &reply.headers()["retry-after-ms"]), (429, &"25".parse().unwrap()));
    assert_eq!(ask(&upstream, &stream("good")).await.unwrap().status(), 418);
    assert_eq!(ask(&upstream, &stream("good")).await.unwrap().status(), 200);
    assert_eq!(ask(&upstream, &stream("unheard-of")).await.unwrap().status(), 404);
}

#[tokio::test]
async fn every_behaviour_answers_streamed_and_whole_requests() {
    let upstream = Upstream::start().await;
    upstream.gate().open();
    for (name, _) in NAMES {
        for body in [stream(name), json!({"model": name, "messages": []})] {
            match ask(&upstream, &body).await {
                Ok(reply) => drop(text(reply).await),
                Err(error) => assert_eq!(*name, "hang-up", "{error}"),
            }
        }
    }
}

#[tokio::test]
async fn connections_fail_below_http_as_set() {
    let upstream = Upstream::start_with_key("k").await;
    upstream.next_connection(Wire::Close);
    upstream.next_connection(Wire::Reset);
    upstream.next_connection(Wire::send("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"));
    let mut closed = TcpStream::connect(upstream.address).await.unwrap();
    assert_eq!(closed.read(&mut [0; 1]).await.unwrap(), 0);
    let mut reset = TcpStream::connect(upstream.address).await.unwrap();
    assert!(reset.read(&mut [0; 1]).await.is_err());
    assert!(text(ask(&upstream, &stream("good")).await.unwrap()).await.is_err());
    assert_eq!(ask(&upstream, &stream("good")).await.unwrap().status(), 401);
}
