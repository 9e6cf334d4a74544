//! Faulty upstreams: before the first byte a failure is an error with the right status, afterwards an error event
//! without `[DONE]`, and never a success.

use jan_tests::Upstream;
use jan_tests::upstream::{Reply, Wire};
use serde_json::Value;

use crate::app::{App, chat, events, provider};

#[tokio::test]
async fn upstream_errors_have_the_right_status_streamed_or_not() {
    let upstream = Upstream::start().await;
    let app = App::with_upstream(&upstream).await;
    for (model, status, kind, code) in [
        ("bad-request", 400, "invalid_request_error", "invalid_value"),
        ("too-long", 400, "invalid_request_error", "context_length_exceeded"),
        ("missing", 404, "not_found_error", "model_not_found"),
        ("rate-limited", 429, "rate_limit_error", "rate_limit_exceeded"),
        ("unauthorized", 502, "internal_error", "upstream_auth"),
        ("forbidden", 502, "internal_error", "upstream_auth"),
        ("broken-json", 502, "internal_error", "upstream_error"),
        ("broken-html", 502, "internal_error", "upstream_error"),
        ("bad-gateway", 502, "internal_error", "upstream_error"),
        ("redirect", 502, "internal_error", "upstream_error"),
        ("overloaded", 503, "internal_error", "upstream_unavailable"),
        ("hang-up", 502, "internal_error", "upstream_cut"),
    ] {
        for stream in [false, true] {
            let reply = app.ask(model, stream).await;
            assert_eq!(reply.status(), status, "{model} {stream}");
            assert_eq!(reply.headers()["content-type"], "application/json");
            let id = reply.headers()["x-request-id"].to_str().unwrap().to_owned();
            let body: Value = reply.json().await.unwrap();
            let error = &body["error"];
            assert_eq!((&error["type"], &error["code"]), (&kind.into(), &code.into()), "{model}");
            assert_eq!(error["request_id"], id);
            assert!(!body.to_string().contains("secret"), "{model} shows the upstream's message");
        }
    }
}

#[tokio::test]
async fn retry_headers_of_the_upstream_are_passed_on() {
    let upstream = Upstream::start().await;
    let app = App::with_upstream(&upstream).await;
    let reply = app.ask("rate-limited", true).await;
    let header = |name: &str| reply.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(
        (header("retry-after"), header("retry-after-ms"), header("x-should-retry")),
        ("1".into(), "25".into(), "true".into())
    );
    let error: Value = app.ask("bad-request", false).await.json().await.unwrap();
    assert_eq!(error["error"]["param"], "temperature");
}

#[tokio::test]
async fn an_incomplete_stream_never_ends_as_complete() {
    let upstream = Upstream::start().await;
    let app = App::with_upstream(&upstream).await;
    for (model, code) in [
        ("cut-mid-event", "upstream_cut"),
        ("cut-after-event", "upstream_cut"),
        ("no-done", "upstream_cut"),
        ("half-character", "upstream_cut"),
        ("error-event", ""),
        ("garbage-event", "upstream_garbage"),
        ("broken-character", "upstream_garbage"),
        ("huge-event", "upstream_event_too_large"),
    ] {
        let reply = app.ask(model, true).await;
        // An upstream that fails at its first event gives an error status.
        let error: Value = if reply.status() == 200 {
            let events = events(reply).await;
            assert!(!events.contains(&"[DONE]".to_owned()), "{model}");
            for chunk in &events[..events.len() - 1] {
                assert!(serde_json::from_str::<Value>(chunk).is_ok(), "{model}: {chunk}");
            }
            serde_json::from_str(events.last().unwrap()).unwrap()
        } else {
            assert_eq!(reply.status(), 502, "{model}");
            reply.json().await.unwrap()
        };
        assert!(error["error"]["request_id"].is_string(), "{model}: {error}");
        assert_eq!(error["error"]["type"], "internal_error", "{model}");
        if !code.is_empty() {
            assert_eq!(error["error"]["code"], code, "{model}");
        }
    }
}

#[tokio::test]
async fn an_invalid_body_with_status_200_is_a_bad_gateway() {
    let upstream = Upstream::start().await;
    let app = App::with_upstream(&upstream).await;
    for model in ["garbage", "no-choices", "error-in-200"] {
        for stream in [false, true] {
            let reply = app.ask(model, stream).await;
            assert_eq!(reply.status(), 502, "{model} {stream}");
        }
    }
}

#[tokio::test]
async fn unusual_but_valid_streams_are_accepted() {
    let upstream = Upstream::start().await;
    let app = App::with_upstream(&upstream).await;
    let plain = crate::app::streamed_text(&events(app.ask("good", true).await).await);
    let odd = events(app.ask("odd-sse", true).await).await;
    assert_eq!(odd.last().unwrap(), "[DONE]");
    assert!(!plain.is_empty());
}

#[tokio::test]
async fn faults_below_http_are_a_bad_gateway_too() {
    let upstream = Upstream::start().await;
    let app = App::with_upstream(&upstream).await;
    for wire in [Wire::Close, Wire::Reset, Wire::send("SSH-2.0-OpenSSH_9.2\r\n")] {
        upstream.next_connection(wire);
        let reply = app.ask("good", true).await;
        assert_eq!(reply.status(), 502);
    }
    assert_eq!(app.ask("good", false).await.status(), 200, "and it recovers");

    let nobody = App::start(|config| {
        config.echo.enabled = false;
        config.providers.insert("gone".into(), provider("http://127.0.0.1:9/v1"));
    })
    .await;
    let error: Value = nobody.ask("any", false).await.json().await.unwrap();
    assert_eq!(error["error"]["code"], "upstream_unreachable");
}

#[tokio::test]
async fn a_silent_upstream_times_out() {
    let upstream = Upstream::start().await;
    let url = upstream.url();
    let app = App::start(|config| {
        let mut slow = provider(&url);
        slow.reply_timeout = std::time::Duration::from_millis(50);
        slow.idle_timeout = std::time::Duration::from_millis(50);
        config.providers.insert("slow".into(), slow);
        config.echo.enabled = false;
    })
    .await;
    let reply = app.post("/v1/chat/completions", &chat("slow-head", false)).send().await.unwrap();
    assert_eq!(reply.status(), 504);
    upstream.gate().pass(1);
    let reply = app.ask("slow-chunks", true).await;
    let text = reply.text().await.unwrap();
    assert!(text.contains("upstream_timeout") && !text.contains("[DONE]"), "{text}");
}

#[tokio::test]
async fn a_pooled_connection_that_breaks_before_the_reply_is_retried_once() {
    let upstream = Upstream::start().await;
    let app = App::with_upstream(&upstream).await;
    assert_eq!(app.ask("good", false).await.status(), 200);
    let before = upstream.counts().connections;
    // The upstream reads the request and closes the connection, as if its idle timeout had just ended.
    upstream.script([Reply::hang_up()]);
    assert_eq!(app.ask("good", false).await.status(), 200);
    assert_eq!(upstream.counts().connections, before + 1, "the second try is on a new connection");
    // A new connection that breaks is not retried.
    upstream.script([Reply::hang_up(), Reply::hang_up()]);
    let sent = upstream.post_requests().len();
    assert_eq!(app.ask("good", false).await.status(), 502);
    assert_eq!(upstream.post_requests().len(), sent + 2);
}

#[tokio::test]
async fn the_cause_names_the_unreachable_url_without_its_password() {
    use jan_llm::{ChatRequest, ModelCall, ModelProvider, OpenAi, Principal};
    let upstream = Upstream::start().await;
    let plain = upstream.url();
    let address = plain.trim_start_matches("http://").trim_end_matches("/v1");
    for (url, code, shown, why) in [
        (
            "http://me:hidden@127.0.0.1:9/v1".to_owned(),
            "upstream_unreachable",
            "http://127.0.0.1:9/v1/chat/completions",
            "refused",
        ),
        (format!("https://{address}/v1"), "upstream_unreachable", address, ""),
        (format!("{plain}/wrong"), "upstream_path", "/v1/wrong/chat/completions", "404"),
    ] {
        let call = ModelCall::new(ChatRequest::new("good").user("Hello!"), Principal::open("me"));
        let failed = OpenAi::at(&url).chat(call).await;
        let Err(error) = failed else { panic!("{url} answered") };
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(error.code(), code, "{url}: {cause}");
        assert!(cause.contains(shown) && cause.contains(why) && !cause.contains("hidden"), "{url}: {cause}");
        assert!(!error.message().contains(address), "the caller does not see the address");
    }
}
