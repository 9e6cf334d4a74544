//! How many tokens somebody used. Every answered chat counts, so counting costs a lock and an addition; what has
//! gathered is written down in batches, and before anybody reads.

mod meter;
mod report;

use jan_core::chat::Usage;
use serde::{Deserialize, Serialize};

pub use meter::Meter;
pub use report::{DayReport, Days, ModelReport, Report};

/// Days since 1970, in UTC.
type Day = i64;

/// Tokens and the requests that used them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Counts {
    /// Tokens read.
    pub prompt_tokens: u64,
    /// Tokens written.
    pub completion_tokens: u64,
    /// Both together.
    pub total_tokens: u64,
    /// How many requests were answered.
    pub requests: u64,
}

impl Counts {
    /// Of one request.
    fn of(usage: &Usage) -> Self {
        let Usage { prompt_tokens, completion_tokens, total_tokens, .. } = *usage;
        Self { prompt_tokens, completion_tokens, total_tokens, requests: 1 }
    }

    fn add(&mut self, other: &Self) {
        self.prompt_tokens = self.prompt_tokens.saturating_add(other.prompt_tokens);
        self.completion_tokens = self.completion_tokens.saturating_add(other.completion_tokens);
        self.total_tokens = self.total_tokens.saturating_add(other.total_tokens);
        self.requests = self.requests.saturating_add(other.requests);
    }
}

/// What one owner used on one day of one model in one project, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Used {
    day: Day,
    model: String,
    project: Option<String>,
    #[serde(flatten)]
    counts: Counts,
}

impl Used {
    fn is(&self, day: Day, model: &str, project: Option<&str>) -> bool {
        self.day == day && self.model == model && self.project.as_deref() == project
    }
}

#[cfg(test)]
mod tests;
