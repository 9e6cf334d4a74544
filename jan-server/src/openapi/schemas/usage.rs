//! The shapes of usage and of prompt templates.

use serde_json::Value;
use utoipa::ToSchema;

/// What was used between two days.
#[derive(ToSchema)]
pub(crate) struct UsageReport {
    #[schema(example = "usage")]
    object: String,
    #[schema(example = "2026-10-25")]
    from: String,
    #[schema(example = "2026-11-23")]
    to: String,
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    requests: u64,
    models: Vec<ModelUsage>,
}

/// What was used of one model.
#[derive(ToSchema)]
pub(crate) struct ModelUsage {
    model: String,
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    requests: u64,
}

/// What was used day by day.
#[derive(ToSchema)]
pub(crate) struct DailyUsage {
    #[schema(example = "usage.daily")]
    object: String,
    days: Vec<DayUsage>,
}

/// What was used on one day.
#[derive(ToSchema)]
pub(crate) struct DayUsage {
    #[schema(example = "2026-11-23")]
    date: String,
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    requests: u64,
    models: Vec<ModelUsage>,
}

/// A prompt template.
#[derive(ToSchema)]
pub(crate) struct PromptTemplate {
    #[schema(example = "pt_timing")]
    id: String,
    public_id: String,
    name: String,
    description: Option<String>,
    category: String,
    #[schema(example = "timing")]
    template_key: String,
    /// `{{name}}` stands for a variable.
    content: String,
    variables: Vec<String>,
    #[schema(value_type = Object)]
    metadata: Value,
    is_active: bool,
    is_system: bool,
    version: u32,
    created_at: i64,
    updated_at: i64,
}
