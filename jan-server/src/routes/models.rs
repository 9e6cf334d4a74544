//! `GET /v1/models`, `GET /v1/models/{id}`, `GET /v1/models/catalogs/{id}`

use std::time::Duration;

use jan_core::Result;
use jan_llm::catalogue::{ListedModel, ModelShape, listed};
use serde::Serialize;

use super::call::Call;
use crate::http::reply::{Reply, bare, enveloped};

/// With this header, `true`, rows also say who gives the model.
const PROVIDER_DATA: &str = "x-provider-data";

/// How long the name of the first model may take to find out: settings and the document do not wait for a slow upstream.
const PATIENCE: Duration = Duration::from_secs(2);

/// The models that can be asked.
pub(crate) async fn list(call: Call) -> Reply {
    let models = listed(call.rooms.chat.provider().models().await?);
    let data = models.iter().map(|model| shape(&call, model)).collect();
    bare(&ModelList { object: "list", data })
}

/// The models.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct ModelList {
    #[cfg_attr(feature = "openapi", schema(example = "list"))]
    object: &'static str,
    data: Vec<ModelShape>,
}

/// One of them. Its name may hold slashes.
pub(crate) async fn get(call: Call) -> Reply {
    bare(&shape(&call, &named(&call).await?))
}

/// What one of them can do.
pub(crate) async fn details(call: Call) -> Reply {
    enveloped(&call, &named(&call).await?.details())
}

/// The model that the path names.
async fn named(call: &Call) -> Result<ListedModel> {
    let id = call.path("id")?;
    let provider = call.rooms.chat.provider();
    let known = listed(provider.models().await?).into_iter().find(|entry| entry.model.id == id);
    match known {
        Some(entry) => Ok(entry),
        // The provider knows whether there is none, or its list is away.
        None => Ok(ListedModel::of(provider.model(&id).await?)),
    }
}

fn shape(call: &Call, model: &ListedModel) -> ModelShape {
    model.shape(call.header(PROVIDER_DATA).is_some_and(|value| value.eq_ignore_ascii_case("true")))
}

/// The first of them; none when there is none, or nobody can tell at once.
pub(super) async fn first_model(call: &Call) -> Option<String> {
    let models = tokio::time::timeout(PATIENCE, call.rooms.chat.provider().models()).await.ok()?;
    listed(models.ok()?).into_iter().next().map(|entry| entry.model.id)
}
