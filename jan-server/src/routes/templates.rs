//! `GET /v1/prompt-templates/{key}`

use super::call::Call;
use crate::http::reply::{Reply, always_enveloped};

/// The active template of a key.
pub(crate) async fn get(call: Call) -> Reply {
    let template = call.rooms.templates.active(&call.path("key")?).await?;
    always_enveloped(&call, &template)
}
