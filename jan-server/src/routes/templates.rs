//! `GET /v1/prompt-templates/{key}`

use super::call::Call;
use crate::http::reply::{Reply, always_enveloped};

/// Returns the active template of a key.
pub(crate) async fn get(call: Call) -> Reply {
    let template = call.services.templates.active(&call.path("key")?).await?;
    always_enveloped(&call, &template)
}
