//! `POST /v1/completions`

use jan_core::{CompletionRequest, ModelCall};

use super::call::Call;
use super::chat::events;
use crate::http::reply::{Reply, raw_json};

/// Continues a prompt, in one piece or as a stream.
pub(crate) async fn create(mut call: Call) -> Reply {
    let request = CompletionRequest::parse(call.bytes().await?)?;
    call.log_fields.model(request.model());
    let turn = call.services.chat.text_turn(ModelCall::new(request, call.caller()));
    call.log_fields.report(turn.report());
    if turn.wants_stream() {
        let chunks = turn.stream().await?;
        return events(call, chunks).await;
    }
    Ok(raw_json(turn.complete().await?.to_bytes()))
}
