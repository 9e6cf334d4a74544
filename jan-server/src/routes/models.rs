//! `GET /v1/models`, `GET /v1/models/{id}`

use serde_json::json;

use crate::http::call::Call;
use crate::http::reply::{Reply, bare};

/// The models that can be asked.
pub(crate) async fn list(call: Call) -> Reply {
    let models = call.rooms.chat.provider().models().await?;
    bare(&json!({"object": "list", "data": models}))
}

/// One of them. Its name may hold slashes.
pub(crate) async fn get(call: Call) -> Reply {
    let id = call.path("id")?;
    bare(&call.rooms.chat.provider().model(&id).await?)
}
