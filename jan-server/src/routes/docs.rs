//! `GET /api/openapi.json`, `GET /api/swagger/…`

use bytes::Bytes;
use jan_core::{Error, Result};
use serde_json::Value;

use super::call::Call;
use crate::http::reply::{Reply, raw_json};
use crate::routes::models::first_model;

/// Returns the OpenAPI document. Its examples name an available model.
pub(crate) async fn openapi(call: Call) -> Reply {
    let document = allowed(&call)?;
    let model = first_model(&call).await;
    Ok(raw_json(document(model.as_deref())))
}

/// Describes the shape of the OpenAPI document, which is made from the table and not from a type.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[expect(dead_code, reason = "it only describes")]
pub(crate) struct OpenApi {
    #[cfg_attr(feature = "openapi", schema(example = "3.1.0"))]
    openapi: String,
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    info: Value,
    servers: Vec<Value>,
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    paths: Value,
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    components: Value,
}

/// Returns a file of Swagger UI, which is inside the binary.
#[cfg(feature = "swagger")]
pub(crate) async fn swagger(call: Call) -> Reply {
    use http::{HeaderValue, Response, header::CONTENT_TYPE};

    use crate::http::body::Body;
    use crate::openapi::swagger;

    allowed(&call)?;
    let name = call.path("file")?;
    let file = swagger::file(&name)?.ok_or_else(|| Error::not_found("There is no such page."))?;
    let mut response = Response::new(Body::full(Bytes::from(file.bytes.into_owned())));
    let kind = HeaderValue::try_from(file.content_type).map_err(Error::internal)?;
    response.headers_mut().insert(CONTENT_TYPE, kind);
    Ok(response)
}

/// Refuses: this build has no Swagger UI.
#[cfg(not(feature = "swagger"))]
pub(crate) async fn swagger(_: Call) -> Reply {
    Err(Error::not_found("This build has no Swagger UI (feature `swagger`).").with_code("route_not_found"))
}

/// The function that returns the document, if this server serves its documentation.
pub(super) fn allowed(call: &Call) -> Result<fn(Option<&str>) -> Bytes> {
    let Some(document) = call.services.document else {
        let message = "This build has no OpenAPI document (feature `openapi`).";
        return Err(Error::not_found(message).with_code("route_not_found"));
    };
    if call.services.settings.docs {
        return Ok(document);
    }
    Err(Error::not_found("The documentation is switched off here.").with_code("route_not_found"))
}
