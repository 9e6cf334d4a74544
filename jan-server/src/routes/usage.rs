//! `/v1/usage`: how many tokens the caller used.

use jan_llm::usage::{DayReport, Days};
use serde::Serialize;

use super::call::Call;
use crate::http::reply::{Reply, enveloped};

/// Returns the caller's usage, by model.
pub(crate) async fn me(call: Call) -> Reply {
    let days = between(&call)?;
    let report = call.services.usage.report(call.owner(), None, days).await?;
    enveloped(&call, &report)
}

/// Returns the caller's usage, by day.
pub(crate) async fn daily(call: Call) -> Reply {
    let days = Days::last(call.query("days").as_deref(), &call.services.usage)?;
    let days = call.services.usage.daily(call.owner(), days).await?;
    enveloped(&call, &DailyUsage { object: "usage.daily", days })
}

/// The usage by day.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct DailyUsage {
    #[cfg_attr(feature = "openapi", schema(example = "usage.daily"))]
    object: &'static str,
    days: Vec<DayReport>,
}

/// Returns the usage in one of the caller's projects.
pub(crate) async fn of_project(call: Call) -> Reply {
    let (days, project) =
        (between(&call)?, call.services.projects.get(call.owner(), &call.path("id")?).await?);
    let report = call.services.usage.report(call.owner(), Some(&project.id), days).await?;
    enveloped(&call, &report)
}

fn between(call: &Call) -> jan_core::Result<Days> {
    Days::between(call.query("from").as_deref(), call.query("to").as_deref(), &call.services.usage)
}
