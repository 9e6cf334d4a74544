//! `POST /v1/chat/completions`

use futures_util::StreamExt;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use http::{HeaderValue, Response};
use jan_core::{ChatRequest, ChatStream};

use crate::http::body::Body;
use crate::http::call::Call;
use crate::http::reply::{Reply, raw_json};
use crate::http::sse::ChatEvents;

/// Answers a chat, whole or as a stream.
pub(crate) async fn create(mut call: Call) -> Reply {
    let request = ChatRequest::parse(call.bytes().await?)?;
    if request.wants_stream() {
        let chunks = call.rooms.chat.stream(request, &call.who).await?;
        return events(call, chunks).await;
    }
    let answer = call.rooms.chat.complete(request, &call.who).await?;
    Ok(raw_json(answer.to_bytes()))
}

/// Waits a moment for the first chunk, so that what fails at once fails with its status, then streams.
async fn events(call: Call, mut chunks: ChatStream) -> Reply {
    let first = tokio::time::timeout(call.rooms.settings.first_word, chunks.next()).await.ok().flatten();
    if let Some(Err(error)) = first {
        return Err(error);
    }
    let mut response =
        Response::new(Body::events(ChatEvents::new(first, chunks, call.request_id.as_str().to_owned())));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Asks proxies in between not to hold the stream back.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(response)
}
