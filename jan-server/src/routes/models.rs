//! `GET /v1/models`, `GET /v1/models/{id}`, `GET /v1/models/catalogs/{id}`

use std::time::Duration;

use jan_core::Result;
use jan_llm::catalogue::{ListedModel, ModelShape, listed};
use serde::Serialize;

use super::call::Call;
use crate::http::reply::{Reply, bare, enveloped};

/// With this header and the value `true`, each model also names its provider.
const PROVIDER_DATA: &str = "x-provider-data";

/// How long finding the first model's name may take: replies with settings or the OpenAPI document do not wait for a
/// slow upstream.
const FIRST_MODEL_TIMEOUT: Duration = Duration::from_secs(2);

/// Lists the available models.
pub(crate) async fn list(call: Call) -> Reply {
    let models = listed(call.services.chat.provider().models().await?);
    let data = models.iter().map(|model| shape(&call, model)).collect();
    bare(&ModelList { object: "list", data })
}

/// The available models.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct ModelList {
    #[cfg_attr(feature = "openapi", schema(example = "list"))]
    object: &'static str,
    data: Vec<ModelShape>,
}

/// Returns one model. Its name may contain slashes.
pub(crate) async fn get(call: Call) -> Reply {
    bare(&shape(&call, &named(&call).await?))
}

/// Returns what a model can do.
pub(crate) async fn details(call: Call) -> Reply {
    enveloped(&call, &named(&call).await?.details())
}

/// The model that the path names.
async fn named(call: &Call) -> Result<ListedModel> {
    let id = call.path("id")?;
    let provider = call.services.chat.provider();
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

/// The name of the first model; `None` when there is none, or when it cannot be found quickly.
pub(super) async fn first_model(call: &Call) -> Option<String> {
    let models =
        tokio::time::timeout(FIRST_MODEL_TIMEOUT, call.services.chat.provider().models()).await.ok()?;
    listed(models.ok()?).into_iter().next().map(|entry| entry.model.id)
}
