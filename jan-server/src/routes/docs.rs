//! `GET /api/openapi.json`, `GET /api/swagger/…`

use jan_core::{Error, Result};
use serde_json::Value;

use crate::http::call::Call;
use crate::http::reply::{Reply, raw_json};
use crate::openapi;
use crate::routes::models::first_model;

/// The OpenAPI document. Its examples ask a model that is there.
pub(crate) async fn openapi(call: Call) -> Reply {
    allowed(&call)?;
    let model = first_model(&call).await;
    Ok(raw_json(openapi::document(model.as_deref())))
}

/// The document, which is written from the table and from no type.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "it only describes")]
pub(crate) struct OpenApi {
    #[schema(example = "3.1.0")]
    openapi: String,
    #[schema(value_type = Object)]
    info: Value,
    servers: Vec<Value>,
    #[schema(value_type = Object)]
    paths: Value,
    #[schema(value_type = Object)]
    components: Value,
}

/// Swagger UI, from files inside the binary.
#[cfg(feature = "swagger")]
pub(crate) async fn swagger(call: Call) -> Reply {
    use bytes::Bytes;
    use http::{HeaderValue, Response, header::CONTENT_TYPE};

    use crate::http::body::Body;

    allowed(&call)?;
    let file = call.path("file")?;
    let found = openapi::swagger_file(&file)?.ok_or_else(|| Error::not_found("There is no such page."))?;
    let mut response = Response::new(Body::full(Bytes::from(found.bytes.into_owned())));
    let kind = HeaderValue::try_from(found.content_type).map_err(Error::internal)?;
    response.headers_mut().insert(CONTENT_TYPE, kind);
    Ok(response)
}

/// This build has no Swagger UI.
#[cfg(not(feature = "swagger"))]
pub(crate) async fn swagger(_: Call) -> Reply {
    Err(Error::not_found("This build has no Swagger UI (feature `swagger`).").code("route_not_found"))
}

/// Whether the documentation is served here.
pub(super) fn allowed(call: &Call) -> Result<()> {
    if call.rooms.settings.docs {
        return Ok(());
    }
    Err(Error::not_found("The documentation is switched off here.").code("route_not_found"))
}
