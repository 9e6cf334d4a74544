//! The fake upstream is held to its own word: a test that trusts a fake which does not misbehave proves nothing.

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

/// Asks for a chat; the connection stays open as long as the reply is held.
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
    let said = text(ask(&upstream, &stream("good")).await.unwrap()).await.unwrap();
    assert!(said.contains("\"total_tokens\":16") && said.ends_with("data: [DONE]\n\n"), "{said}");
    let counts = upstream.wait_for(|counts| counts.streams_completed == 1).await;
    assert_eq!((counts.requests, counts.streams_dropped), (1, 0));
    let asked = upstream.asked();
    assert_eq!(
        (asked[0].path.as_str(), asked[0].json()["model"].as_str()),
        ("/v1/chat/completions", Some("good"))
    );
}

#[tokio::test]
async fn a_cut_is_seen_as_a_cut_after_everything_before_it() {
    let upstream = Upstream::start().await;
    for model in ["cut-mid-event", "cut-after-event"] {
        let mut body = ask(&upstream, &stream(model)).await.unwrap().into_body();
        let mut said = Vec::new();
        let end = loop {
            match body.frame().await {
                Some(Ok(frame)) => said.extend_from_slice(frame.data_ref().unwrap()),
                end => break end,
            }
        };
        assert!(end.is_some_and(|end| end.is_err()), "{model} must not end cleanly");
        let said = String::from_utf8(said).unwrap();
        assert!(said.contains("Hello ") && said.ends_with("\n\n") == (model == "cut-after-event"), "{said}");
    }
    assert_eq!(upstream.counts().streams_cut, 2);
}

#[tokio::test]
async fn a_client_that_leaves_is_counted_at_the_gate() {
    let upstream = Upstream::start().await;
    let reply = ask(&upstream, &stream("slow-chunks")).await.unwrap();
    upstream.gate().reached(1).await;
    drop(reply);
    upstream.wait_for(|counts| counts.streams_dropped == 1).await;
}

#[tokio::test]
async fn a_client_that_leaves_before_the_head_is_counted_too() {
    let upstream = Upstream::start().await;
    let body = stream("slow-head");
    let mut asking = Box::pin(ask(&upstream, &body));
    tokio::select! {
        _ = &mut asking => panic!("answered through a closed gate"),
        () = upstream.gate().reached(1) => {}
    }
    drop(asking);
    upstream.wait_for(|counts| counts.streams_dropped == 1).await;
}

#[tokio::test]
async fn a_script_goes_before_the_name() {
    let upstream = Upstream::start().await;
    upstream.script([Behaviour::named("rate-limited").unwrap(), Reply::json(418, &json!({})).into()]);
    let reply = ask(&upstream, &stream("good")).await.unwrap();
    assert_eq!((reply.status().as_u16(), &reply.headers()["retry-after-ms"]), (429, &"25".parse().unwrap()));
    assert_eq!(ask(&upstream, &stream("good")).await.unwrap().status(), 418);
    assert_eq!(ask(&upstream, &stream("good")).await.unwrap().status(), 200);
    assert_eq!(ask(&upstream, &stream("unheard-of")).await.unwrap().status(), 404);
}

#[tokio::test]
async fn every_manner_answers_both_kinds_of_request() {
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
async fn below_http() {
    let upstream = Upstream::start_with_key("k").await;
    upstream.next_connection(Wire::Close);
    upstream.next_connection(Wire::Reset);
    upstream.next_connection(Wire::say("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"));
    let mut closed = TcpStream::connect(upstream.address).await.unwrap();
    assert_eq!(closed.read(&mut [0; 1]).await.unwrap(), 0);
    let mut reset = TcpStream::connect(upstream.address).await.unwrap();
    assert!(reset.read(&mut [0; 1]).await.is_err());
    assert!(text(ask(&upstream, &stream("good")).await.unwrap()).await.is_err());
    assert_eq!(ask(&upstream, &stream("good")).await.unwrap().status(), 401);
}
