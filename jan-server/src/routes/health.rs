//! `GET /healthz`, `GET /readyz`, `GET /v1/version`

use std::sync::atomic::Ordering;

use jan_core::Error;
use jiff::Timestamp;
use serde::Serialize;

use super::call::Call;
use crate::http::reply::{Reply, bare, enveloped};

/// Replies while the process runs. Without an envelope, as health probes of the original expect it.
pub(crate) async fn healthz(_: Call) -> Reply {
    bare(&Status { status: "ok" })
}

/// Replies 200 when the server accepts new requests, 503 while it is stopping.
pub(crate) async fn readyz(call: Call) -> Reply {
    if call.services.draining.load(Ordering::Relaxed) {
        return Err(Error::unavailable("The server is shutting down.").with_code("draining"));
    }
    bare(&Status { status: "ready" })
}

/// Returns the version, and since when it runs with its present configuration.
pub(crate) async fn version(call: Call) -> Reply {
    let started = i64::try_from(call.services.started.as_secs()).unwrap_or(i64::MAX);
    let started = Timestamp::from_second(started).map_err(Error::internal)?;
    enveloped(&call, &Version { version: env!("CARGO_PKG_VERSION"), env_reloaded_at: started })
}

/// A state as one word.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Status {
    status: &'static str,
}

/// The version of the server.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Version {
    version: &'static str,
    /// RFC 3339.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    env_reloaded_at: Timestamp,
}
