//! `POST /v1/completions`

use jan_core::CompletionRequest;

use super::chat::events;
use crate::http::call::Call;
use crate::http::reply::{Reply, raw_json};

/// Makes a prompt go on, whole or as a stream.
pub(crate) async fn create(mut call: Call) -> Reply {
    let request = CompletionRequest::parse(call.bytes().await?)?;
    if request.wants_stream() {
        let chunks = call.rooms.chat.stream_text(request, &call.who).await?;
        return events(call, chunks).await;
    }
    Ok(raw_json(call.rooms.chat.complete_text(request, &call.who).await?.to_bytes()))
}
