//! `POST /v1/chat/completions`

use futures_util::StreamExt;
use http::HeaderValue;
use http::header::HeaderName;
use jan_core::{ChatRequest, ChatStream, ModelCall};
use jan_llm::turn::{Turn, TurnOptions};

use super::call::Call;
use crate::http::reply::{Reply, event_stream, raw_json};
use crate::http::sse::Events;

/// Answers a chat, in one piece or as a stream.
pub(crate) async fn create(mut call: Call) -> Reply {
    let request = ChatRequest::parse(call.bytes_with_ids().await?)?;
    call.log_fields.model(request.model());
    let (referrer, persona) = (call.query("referrer"), persona(&call));
    let options = TurnOptions { referrer: referrer.as_deref(), persona: persona.as_deref() };
    let turn = call.services.chat.turn(ModelCall::new(request, call.caller()), &options).await?;
    answer(call, turn).await
}

fn persona(call: &Call) -> Option<String> {
    call.query("persona").or_else(|| call.header("x-prompt-persona"))
}

/// Calls the model. The headers of the reply contain what is known before its first chunk.
pub(crate) async fn answer(call: Call, turn: Turn) -> Reply {
    let headers = headers(&turn);
    call.log_fields.model(turn.model());
    call.log_fields.report(turn.report());
    let reply = if turn.wants_stream() {
        let chunks = turn.stream().await?;
        events(call, chunks).await
    } else {
        Ok(raw_json(turn.complete().await?.to_bytes()))
    };
    reply.map(|mut response| {
        response.headers_mut().extend(headers);
        response
    })
}

/// The headers of a turn: the conversation in which it is stored, and the prompt modules that were applied.
pub(crate) fn headers(turn: &Turn) -> Vec<(HeaderName, HeaderValue)> {
    let text = |value: &str| HeaderValue::try_from(value).ok();
    let conversation = turn.conversation_id().and_then(text);
    let modules = Some(turn.applied().join(",")).filter(|modules| !modules.is_empty());
    let headers = [
        conversation.map(|id| (HeaderName::from_static("x-conversation-id"), id)),
        modules
            .as_deref()
            .and_then(text)
            .map(|names| (HeaderName::from_static("x-applied-prompt-modules"), names)),
    ];
    headers.into_iter().flatten().collect()
}

/// Waits a short time for the first chunk, so that an early failure gets its own status, then streams.
pub(crate) async fn events(call: Call, mut chunks: ChatStream) -> Reply {
    let first = tokio::time::timeout(call.services.settings.first_chunk, chunks.next()).await.ok().flatten();
    if let Some(Err(error)) = first {
        return Err(error);
    }
    Ok(event_stream(Events::chat(first, chunks, call.error_form())))
}
