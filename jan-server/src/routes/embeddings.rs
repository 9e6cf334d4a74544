//! `POST /v1/embeddings`

use jan_core::model::EmbeddingRequest;
use jan_core::{Error, ModelCall};

use super::call::Call;
use crate::http::reply::{Reply, raw_json};

/// Turns texts into vectors.
pub(crate) async fn create(mut call: Call) -> Reply {
    let request = EmbeddingRequest::parse(call.bytes().await?)?;
    call.log_fields.model(request.model());
    let Some(provider) = call.services.chat.provider().embeddings() else {
        let message = format!("The model `{}` gives no embeddings.", request.model());
        return Err(Error::invalid("model", message).with_code("unsupported_model"));
    };
    Ok(raw_json(provider.embed(ModelCall::new(request, call.caller())).await?.to_bytes()))
}
