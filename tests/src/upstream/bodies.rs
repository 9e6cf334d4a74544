//! The bodies of the fake upstream's correct replies, in the format of OpenAI's API. They are small and always the
//! same, so that a test can compare them byte for byte.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::sample::sample;

/// The text of every good answer.
pub const TEXT: &str = "Hello from the fake upstream.";
/// The reasoning of an answer with vendor fields.
pub const REASONING: &str = "They greet me, so I greet back.";
/// The usage of every good answer: prompt tokens, completion tokens.
pub const TOKENS: (u64, u64) = (9, 7);

const ID: &str = "chatcmpl-fake";

fn usage() -> Value {
    let (prompt, completion) = TOKENS;
    json!({"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion})
}

/// The content of the answer that a request asks for: text (JSON, if a schema is given) or a tool call.
enum Content {
    Text(String),
    Call { name: String, arguments: String },
}

fn content_for(request: &Value) -> Content {
    if let Some(function) = tool_to_call(request) {
        let arguments = sample(&function["parameters"]);
        return Content::Call {
            name: function["name"].as_str().unwrap_or_default().to_owned(),
            arguments: arguments.to_string(),
        };
    }
    match request.pointer("/response_format/json_schema/schema") {
        Some(schema) => Content::Text(sample(schema).to_string()),
        None if request.pointer("/response_format/type") == Some(&json!("json_object")) => {
            Content::Text("{}".into())
        }
        None => Content::Text(TEXT.into()),
    }
}

/// The tool that `tool_choice` requires: the named one, or the first if any tool is required.
fn tool_to_call(request: &Value) -> Option<&Value> {
    let tools = request["tools"].as_array()?;
    let named = request.pointer("/tool_choice/function/name");
    let tool = match named {
        Some(name) => tools.iter().find(|tool| tool.pointer("/function/name") == Some(name)),
        None if request["tool_choice"] == "required" => tools.first(),
        None => None,
    };
    tool.map(|tool| &tool["function"])
}

/// The whole answer to a chat request.
pub fn answer(request: &Value) -> Value {
    let (message, reason) = match content_for(request) {
        Content::Text(text) => (json!({"role": "assistant", "content": text, "refusal": null}), "stop"),
        Content::Call { name, arguments } => {
            let call = json!({"id": "call_fake", "type": "function",
                "function": {"name": name, "arguments": arguments}});
            (json!({"role": "assistant", "content": null, "tool_calls": [call]}), "tool_calls")
        }
    };
    json!({
        "id": ID, "object": "chat.completion", "created": 1, "model": request["model"],
        "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": reason}],
        "usage": usage(),
    })
}

/// The chunks of the streamed answer to a chat request, with usage if the request asks for it.
pub fn chunks(request: &Value) -> Vec<Value> {
    let mut chunks = vec![chunk(request, &json!({"role": "assistant", "content": ""}), None)];
    let reason = match content_for(request) {
        Content::Text(text) => {
            chunks.extend(text.split_inclusive(' ').map(|w| chunk(request, &json!({"content": w}), None)));
            "stop"
        }
        Content::Call { name, arguments } => {
            let head = json!({"tool_calls": [{"index": 0, "id": "call_fake", "type": "function",
                "function": {"name": name, "arguments": ""}}]});
            chunks.push(chunk(request, &head, None));
            // Two pieces, split in the middle, where the JSON may be incomplete.
            let middle = arguments.char_indices().map(|(at, _)| at).nth(arguments.chars().count() / 2);
            let (first, second) = arguments.split_at(middle.unwrap_or_default());
            for piece in [first, second] {
                let delta = json!({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]});
                chunks.push(chunk(request, &delta, None));
            }
            "tool_calls"
        }
    };
    chunks.push(chunk(request, &json!({}), Some(reason)));
    if request.pointer("/stream_options/include_usage") == Some(&json!(true)) {
        let mut last = chunk(request, &json!({}), None);
        last["choices"] = json!([]);
        last["usage"] = usage();
        chunks.push(last);
    }
    chunks
}

/// One chunk.
pub fn chunk(request: &Value, delta: &Value, reason: Option<&str>) -> Value {
    json!({
        "id": ID, "object": "chat.completion.chunk", "created": 1, "model": request["model"],
        "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": reason}],
    })
}

/// The whole answer to a completions request.
pub fn completion(request: &Value) -> Value {
    json!({
        "id": "cmpl-fake", "object": "text_completion", "created": 1, "model": request["model"],
        "choices": [{"text": TEXT, "index": 0, "logprobs": null, "finish_reason": "stop"}], "usage": usage(),
    })
}

/// The chunks of the streamed answer to a completions request, with usage if the request asks for it.
pub fn completion_chunks(request: &Value) -> Vec<Value> {
    let chunk = |text: &str, reason: Option<&str>| {
        json!({"id": "cmpl-fake", "object": "text_completion", "created": 1, "model": request["model"],
               "choices": [{"text": text, "index": 0, "logprobs": null, "finish_reason": reason}]})
    };
    let mut chunks: Vec<_> = TEXT.split_inclusive(' ').map(|word| chunk(word, None)).collect();
    chunks.push(chunk("", Some("stop")));
    if request.pointer("/stream_options/include_usage") == Some(&json!(true)) {
        let mut last = chunk("", None);
        last["choices"] = json!([]);
        last["usage"] = usage();
        chunks.push(last);
    }
    chunks
}

/// An error in OpenAI's format.
pub fn error(kind: &str, code: &str, message: &str, param: Option<&str>) -> Value {
    json!({"error": {"message": message, "type": kind, "param": param, "code": code}})
}

/// The list of models.
pub fn models(names: &[&str]) -> Value {
    let data: Vec<_> = names.iter().map(|name| model(name)).collect();
    json!({"object": "list", "data": data})
}

/// One model.
pub fn model(name: &str) -> Value {
    json!({"id": name, "object": "model", "created": 1, "owned_by": "fake-upstream"})
}

/// The answer to an embeddings request: vectors that depend on the text, of `dimensions` numbers (default: 8).
pub fn embeddings(request: &Value) -> Value {
    let inputs = match &request["input"] {
        Value::Array(items) => items.clone(),
        one => vec![one.clone()],
    };
    let length = request["dimensions"].as_u64().and_then(|length| usize::try_from(length).ok()).unwrap_or(8);
    let base64 = request["encoding_format"] == "base64";
    let data = inputs.iter().enumerate().map(|(index, input)| {
        let vector = vector(&input.to_string(), length);
        let embedding = if base64 {
            let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
            json!(STANDARD.encode(bytes))
        } else {
            json!(vector)
        };
        json!({"object": "embedding", "index": index, "embedding": embedding})
    });
    let data: Vec<_> = data.collect();
    json!({"object": "list", "model": request["model"], "data": data,
        "usage": {"prompt_tokens": inputs.len(), "total_tokens": inputs.len()}})
}

/// Numbers between -1 and 1, always the same for the same text.
fn vector(text: &str, length: usize) -> Vec<f32> {
    let mut state =
        text.bytes().fold(2_166_136_261_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(16_777_619));
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [_, _, _, high] = state.to_le_bytes();
        f32::from(high) / 128.0 - 1.0
    };
    (0..length).map(|_| next()).collect()
}

/// One red pixel, as PNG in base64.
pub const PIXEL: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";

/// The reply to an image generation request: `count` images.
pub fn pictures(count: u64) -> Value {
    let one = json!({"b64_json": PIXEL, "revised_prompt": "one red pixel"});
    let data: Vec<_> = (0..count).map(|_| one.clone()).collect();
    json!({"created": 1_700_000_000, "data": data, "usage": {"total_tokens": 5, "input_tokens": 2, "output_tokens": 3}})
}

/// The events of a streamed image generation.
pub fn picture_events() -> [Value; 2] {
    [
        json!({"type": "image_generation.partial_image", "b64_json": PIXEL, "partial_image_index": 0}),
        json!({"type": "image_generation.completed", "b64_json": PIXEL, "usage": {"total_tokens": 5}}),
    ]
}
