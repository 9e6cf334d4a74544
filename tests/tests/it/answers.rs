//! Faulty and unusual answers of upstreams, requested in the three possible ways: streamed, whole, and stored. A faulty
//! answer is an error in all three and none of it is stored; an unusual but complete answer is accepted in all three.

use jan_tests::Upstream;
use jan_tests::upstream::{Reply, Step};
use serde_json::{Value, json};

use crate::app::{App, chat, events, streamed_text};

fn chunk(delta: Value, reason: Value) -> Value {
    json!({"id": "chatcmpl-u", "object": "chat.completion.chunk", "created": 1, "model": "m",
           "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})
}

fn half() -> Step {
    Step::event(chunk(json!({"role": "assistant", "content": "The answer is"}), json!(null)))
}

fn end() -> Step {
    Step::event(chunk(json!({}), json!("stop")))
}

fn done() -> Step {
    Step::event("[DONE]")
}

fn whole(steps: Vec<Step>) -> Vec<Step> {
    let content = Step::event(chunk(json!({"role": "assistant", "content": "A"}), json!(null)));
    steps.into_iter().chain([content, end(), done()]).collect()
}

/// Requests the same answer streamed, whole and stored. Each request must fail, and nothing may be stored.
async fn fails(app: &App, upstream: &Upstream, name: &str, reply: &Reply) {
    upstream.script([reply.clone(), reply.clone(), reply.clone(), reply.clone()]);
    let streamed = app.ask("good", true).await;
    let status = streamed.status();
    let text = streamed.text().await.unwrap();
    assert!(status == 502 || (status == 200 && text.contains("\"error\"")), "{name}: {status} {text}");
    assert!(!text.contains("[DONE]"), "{name}: {text}");
    assert_eq!(app.ask("good", false).await.status(), 502, "{name}");
    for stream in [false, true] {
        let id = app.conversation(json!([])).await;
        let mut body = chat("good", stream);
        body["conversation"] = json!(id);
        let reply = app.post("/v1/chat/completions", &body).send().await.unwrap().text().await.unwrap();
        assert!(reply.contains("\"error\"") && !reply.contains("[DONE]"), "{name}: {reply}");
        assert_eq!(app.messages_of(&id).await, [], "{name}");
    }
}

/// Requests the same answer streamed, whole and stored. Each must be complete; returns the whole one.
async fn passes(app: &App, upstream: &Upstream, name: &str, reply: &Reply) -> Value {
    upstream.script([reply.clone(), reply.clone(), reply.clone()]);
    let streamed = events(app.ask("good", true).await).await;
    assert_eq!(streamed.last().unwrap(), "[DONE]", "{name}: {streamed:?}");
    let bare = |event: &&String| event.starts_with('{') && !event.contains("\"choices\":[{");
    assert_eq!(streamed.iter().find(bare), None, "{name}: every chunk has a choice");
    let mut body = chat("good", true);
    body["conversation"] = json!({});
    let kept = events(app.post("/v1/chat/completions", &body).send().await.unwrap()).await;
    assert_eq!(
        (streamed_text(&kept), kept.last().unwrap().as_str()),
        (streamed_text(&streamed), "[DONE]"),
        "{name}: {kept:?}"
    );
    let (status, answer) = app.call("POST", "/v1/chat/completions", Some(chat("good", false))).await;
    assert_eq!(status, 200, "{name}: {answer}");
    answer
}

#[tokio::test]
async fn an_incomplete_answer_is_an_error_in_every_form() {
    let upstream = Upstream::start().await;
    let app = App::with_upstream(&upstream).await;
    let mut beside = chunk(json!({"content": ""}), json!(null));
    beside["error"] = json!({"code": 502, "message": "A limit was reached"});
    let mut first = json!({"error": {"message": "gone"}});
    first.as_object_mut().unwrap().extend(chunk(json!({}), json!(null)).as_object().cloned().unwrap());
    let mut inside = chunk(json!({}), json!(null));
    inside["choices"][0]["error"] = json!("gone");
    for (name, event) in [
        ("beside choices", Step::event(beside)),
        ("before them", Step::event(first)),
        ("in a choice", Step::event(inside)),
        ("with empty choices", Step::event(json!({"choices": [], "error": {"message": "gone"}}))),
        ("alone", Step::event(json!({"error": "gone"}))),
        ("object error", Step::event(json!({"object": "error", "message": "out of memory", "code": 500}))),
        ("code and message", Step::event(json!({"code": 500, "message": "out of memory"}))),
        ("event error", Step::send("event: error\ndata: {\"message\":\"quota used up\"}\n\n")),
        ("event error in words", Step::send("event: error\ndata: quota used up\n\n")),
        ("finish_reason error", Step::event(chunk(json!({}), json!("error")))),
    ] {
        // The answer stays an error when the upstream sends a correct end after it.
        fails(&app, &upstream, name, &Reply::stream(vec![half(), event.clone(), end(), done()])).await;
        fails(&app, &upstream, name, &Reply::stream(vec![event])).await;
    }
    let empty = || Step::event(chunk(json!({"content": " it"}), json!("")));
    for (name, steps) in [
        ("nothing", vec![]),
        ("[DONE] alone", vec![done()]),
        ("an empty reason", vec![half(), empty()]),
        ("an empty reason and [DONE]", vec![half(), empty(), done()]),
        ("no reason and [DONE]", vec![half(), done()]),
        ("empty choices", vec![Step::event(json!({"choices": []})), done()]),
        ("half an event at the end", vec![half(), Step::send("data: {\"choices\":[{\"finish_reason\":\"st")]),
    ] {
        fails(&app, &upstream, name, &Reply::stream(steps)).await;
    }
    let message = json!({"role": "assistant", "content": "A"});
    for body in [
        json!({"id": "x", "object": "chat.completion", "choices": []}),
        json!({"id": "x", "object": "chat.completion", "choices": null}),
        json!({"id": "x", "choices": [{"index": 0, "finish_reason": "stop"}]}),
        json!({"id": "x", "choices": [{"index": 0, "message": null, "finish_reason": "stop"}]}),
        json!({"id": "x", "choices": [{"index": 0, "message": message, "finish_reason": ""}]}),
        json!({"id": "x", "choices": [{"index": 0, "message": message, "finish_reason": null}]}),
        json!({"choices": [{"message": message, "finish_reason": "stop"}], "error": {"message": "gone"}}),
        json!({"error": "gone"}),
        json!({"code": 500, "message": "gone"}),
    ] {
        fails(&app, &upstream, &body.to_string(), &Reply::json(200, &body)).await;
    }
}

#[tokio::test]
async fn unusual_answers_are_accepted_in_every_form() {
    let upstream = Upstream::start().await;
    let app = App::with_upstream(&upstream).await;
    let with_null = |mut chunk: Value| {
        chunk["error"] = json!(null);
        Step::event(chunk)
    };
    let says = |text: &str| chunk(json!({"role": "assistant", "content": text}), json!(null));
    let usage = json!({"id": "x", "choices": null, "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}});
    let mut float = says("A");
    (float["created"], float["id"]) = (json!(1.5), json!(null));
    let mut null_delta = chunk(json!({}), json!("stop"));
    null_delta["choices"][0]["delta"] = json!(null);
    let filter =
        json!({"id": "", "model": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]});
    let last = chunk(json!({}), json!("stop"));
    for (name, steps) in [
        ("error null", vec![with_null(says("A")), with_null(last.clone()), done()]),
        (
            "text that contains an error object",
            whole(vec![Step::event(says("{\"error\": {\"message\": \"gone\"}}, \"choices\":[]"))]),
        ),
        (
            "events of other types",
            whole(vec![
                Step::send("event: acme.progress\ndata: {\"tool\":\"terminal\",\"status\":\"running\"}\n\n"),
                Step::send("event: ping\ndata: {}\n\n"),
                Step::event(json!({"type": "ping", "tool": "x"})),
            ]),
        ),
        (
            "chunks with a name",
            vec![
                Step::send(format!("event: chunk\ndata: {}\n\n", says("A"))),
                Step::send(format!("event: chunk\ndata: {last}\n\n")),
                Step::send("event: done\ndata: [DONE]\n\n"),
            ],
        ),
        ("usage beside null choices", vec![Step::event(says("A")), end(), Step::event(usage), done()]),
        ("created a float", vec![Step::event(float), end(), done()]),
        ("delta null", vec![Step::event(says("A")), Step::event(null_delta), done()]),
        ("a filter's result first", whole(vec![Step::event(filter)])),
        ("no blank line at the end", vec![Step::event(says("A")), Step::send(format!("data: {last}"))]),
        ("no blank line after [DONE]", vec![Step::event(says("A")), end(), Step::send("data: [DONE]")]),
    ] {
        let answer = passes(&app, &upstream, name, &Reply::stream(steps)).await;
        assert_eq!(answer["model"], "m", "{name}: {answer}");
        assert!(answer.get("tool").is_none(), "{name}: {answer}");
    }
}

#[tokio::test]
async fn tool_call_pieces_are_merged_and_stored_whatever_identifies_them() {
    let upstream = Upstream::start().await;
    let app = App::with_upstream(&upstream).await;
    let call = |id: &str, name: &str, arguments: &str| json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}});
    let at = |index: u64, mut call: Value| {
        call["index"] = json!(index);
        call
    };
    let (one, two) = (call("a1", "one", "{\"a\":1}"), call("b2", "two", "{\"b\":2}"));
    let both = vec![("a1", "one", "{\"a\":1}"), ("b2", "two", "{\"b\":2}")];
    let later = |id: Value, name: Value, part: &str| json!({"index": 0, "id": id, "function": {"name": name, "arguments": part}});
    let split = |id: Value, name: Value| {
        vec![
            vec![at(0, call("a1", "one", ""))],
            vec![later(id.clone(), name.clone(), "{\"a\"")],
            vec![later(id, name, ":1}")],
        ]
    };
    for (name, pieces, calls) in [
        ("no index", vec![vec![one.clone()], vec![two.clone()]], both.clone()),
        ("in one chunk", vec![vec![one.clone(), two.clone()]], both.clone()),
        ("index 0 twice", vec![vec![at(0, one.clone())], vec![at(0, two.clone())]], both.clone()),
        ("an empty id later", split(json!(""), json!(null)), both[..1].to_vec()),
        ("all of it again", split(json!("a1"), json!("one")), both[..1].to_vec()),
    ] {
        let steps: Vec<_> = pieces
            .into_iter()
            .map(|pieces| Step::event(chunk(json!({"role": "assistant", "tool_calls": pieces}), json!(null))))
            .chain([Step::event(chunk(json!({}), json!("tool_calls"))), done()])
            .collect();
        let answer = passes(&app, &upstream, name, &Reply::stream(steps.clone())).await;
        let got = answer["choices"][0]["message"]["tool_calls"].as_array().unwrap().iter().map(|call| {
            let text = |pointer: &str| call.pointer(pointer).unwrap().as_str().unwrap();
            (text("/id"), text("/function/name"), text("/function/arguments"))
        });
        assert_eq!(got.collect::<Vec<_>>(), calls, "{name}");
        let id = app.conversation(json!([])).await;
        upstream.script([Reply::stream(steps)]);
        let mut body = chat("good", true);
        body["conversation"] = json!(id);
        events(app.post("/v1/chat/completions", &body).send().await.unwrap()).await;
        let items = app.ok("GET", &format!("/v1/conversations/{id}/items?order=asc"), None).await;
        let kept = items["data"].as_array().unwrap().iter().filter(|item| item.get("call_id").is_some());
        let kept: Vec<_> = kept
            .map(|item| {
                ["call_id", "name", "arguments"].map(|member| item[member].as_str().unwrap().to_owned())
            })
            .collect();
        let calls: Vec<_> =
            calls.iter().map(|(id, name, arguments)| [*id, *name, *arguments].map(str::to_owned)).collect();
        assert_eq!(kept, calls, "{name}");
    }
}

#[tokio::test]
async fn usage_is_counted_once_whether_or_not_the_client_sees_it() {
    let upstream = Upstream::start().await;
    let app = App::with_upstream(&upstream).await;
    let used =
        |total: u64| json!({"prompt_tokens": 3, "completion_tokens": total - 3, "total_tokens": total});
    let growing = |total: u64, reason: Value| {
        let mut chunk = chunk(json!({"content": "a"}), reason);
        chunk["usage"] = used(total);
        Step::event(chunk)
    };
    let more = [json!({}), json!({"stream_options": {"include_usage": false}}), json!({"conversation": {}})];
    for (round, more) in (1..).zip(more) {
        // A model that reports its usage so far in every chunk.
        upstream.script([Reply::stream(vec![growing(4, json!(null)), growing(8, json!("stop")), done()])]);
        let mut body = chat("good", true);
        body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        let key = format!("key-{round}");
        let send = || app.post("/v1/chat/completions", &body).header("idempotency-key", &key).send();
        let streamed = events(send().await.unwrap()).await;
        assert!(streamed.iter().all(|event| !event.contains("\"choices\":[]")), "{streamed:?}");
        assert_eq!(events(send().await.unwrap()).await, streamed, "a repeated request gets the same reply");
        let report = app.ok("GET", "/v1/usage/me", None).await;
        assert_eq!(
            (&report["data"]["total_tokens"], &report["data"]["requests"]),
            (&json!(8 * round), &json!(round))
        );
    }
    assert_eq!(upstream.post_requests().len(), 3);
}

#[tokio::test]
async fn a_collected_stream_has_the_size_limit_of_a_whole_answer() {
    let upstream = Upstream::start().await;
    let app = App::with_upstream(&upstream).await;
    let megabyte = Step::event(chunk(json!({"content": "x".repeat(1 << 20)}), json!(null)));
    let steps: Vec<_> = std::iter::repeat_n(megabyte, 17).chain([end(), done()]).collect();
    upstream.script([Reply::stream(steps.clone()), Reply::stream(steps)]);
    let (status, error) = app.call("POST", "/v1/chat/completions", Some(chat("good", false))).await;
    assert_eq!((status, &error["error"]["code"]), (502, &json!("upstream_too_large")));
    let id = app.conversation(json!([])).await;
    let mut body = chat("good", true);
    body["conversation"] = json!(id);
    let text = app.post("/v1/chat/completions", &body).send().await.unwrap().text().await.unwrap();
    assert!(text.contains("upstream_too_large") && !text.contains("[DONE]"));
    assert_eq!(app.messages_of(&id).await, []);
}

#[tokio::test]
async fn upstreams_are_asked_not_to_compress_and_a_compressed_error_keeps_its_message() {
    let upstream = Upstream::start().await;
    let app = App::with_upstream(&upstream).await;
    // `{"error":{"message":"context too long","code":"context_length_exceeded"}}`, by gzip.
    let packed = "H4sIAAAAAAACA6tWSi0qyi9SsqpWyk0tLk5MT1WyUkrOzytJrShRKMnPV8jJz0tX0gEKpSDJxOek5qWXZMSnViSnpqakpijV1gIAN60H4EkAAAA=";
    let bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, packed).unwrap();
    upstream.script([Reply::whole(400, "application/json", bytes).header("content-encoding", "gzip")]);
    let (status, error) = app.call("POST", "/v1/chat/completions", Some(chat("good", false))).await;
    assert_eq!((status, &error["error"]["code"]), (400, &json!("context_length_exceeded")));
    assert_eq!(error["error"]["message"], "context too long");
    assert_eq!(upstream.post_requests()[0].header("accept-encoding"), "identity");
}

#[tokio::test]
async fn metadata_in_every_chunk_is_stored_once() {
    let upstream = Upstream::start().await;
    let app = App::with_upstream(&upstream).await;
    let piece = |text: &str| {
        let mut piece = chunk(json!({"content": text}), json!(null));
        piece["choices"][0]["content_filter_results"] =
            json!({"hate": {"filtered": false, "severity": "safe"}});
        Step::event(piece)
    };
    let reply = Reply::stream(vec![piece("a"), piece("b"), end(), done()]);
    let answer = passes(&app, &upstream, "filtered", &reply).await;
    assert_eq!(answer["choices"][0]["content_filter_results"]["hate"]["severity"], "safe");
    upstream.script([reply]);
    let mut body = chat("good", true);
    body["store"] = json!(true);
    let streamed = events(app.post("/v1/chat/completions", &body).send().await.unwrap()).await;
    let first: Value = serde_json::from_str(&streamed[0]).unwrap();
    let path = format!("/v1/chat/completions/{}", first["id"].as_str().unwrap());
    let kept = app.ok("GET", &path, None).await;
    assert_eq!(kept["choices"][0]["content_filter_results"]["hate"]["severity"], "safe");
}
