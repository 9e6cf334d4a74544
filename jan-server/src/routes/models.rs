//! `GET /v1/models`, `GET /v1/models/{id}`

use jan_core::Error;
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
    let models = call.rooms.chat.provider().models().await?;
    match models.iter().find(|model| model.id == id) {
        Some(model) => bare(model),
        None => Err(Error::not_found(format!("The model `{id}` does not exist."))
            .code("model_not_found")
            .param("model")),
    }
}
