//! Swagger UI, its files inside the binary.

use std::sync::{Arc, LazyLock};

use jan_core::{Error, Result};
use utoipa_swagger_ui::{Config, SwaggerFile, serve};

/// The configuration of Swagger UI: where the document is.
static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
    let config = Config::new(["../openapi.json"]).persist_authorization(true).try_it_out_enabled(true);
    // Swagger UI would send the document's address to its authors' validator, from every host but localhost.
    Arc::new(config.validator_url("none"))
});

/// A file of Swagger UI; `None` for an unknown path.
///
/// # Errors
/// When the files inside the binary cannot be read.
pub(crate) fn file(path: &str) -> Result<Option<SwaggerFile<'static>>> {
    serve(path, CONFIG.clone()).map_err(|error| Error::internal(error.to_string()))
}
