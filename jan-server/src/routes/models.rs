//! `GET /v1/models`, `GET /v1/models/{id}`

use std::time::Duration;

use jan_core::Error;
use serde_json::json;

use crate::http::call::Call;
use crate::http::reply::{Reply, bare};

/// How long the name of the first model may take to find out: settings and the document do not wait for a slow upstream.
const PATIENCE: Duration = Duration::from_secs(2);

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

/// The first of them; none when there is none, or nobody can tell at once.
pub(super) async fn first_model(call: &Call) -> Option<String> {
    let models = tokio::time::timeout(PATIENCE, call.rooms.chat.provider().models()).await.ok()?;
    models.ok()?.into_iter().next().map(|model| model.id)
}
