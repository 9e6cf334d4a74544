//! Counts the tokens that each user uses. Every answered chat is counted, so counting must be cheap: it takes a lock
//! and adds numbers in memory. The counts are written to the store in batches, and before every report.

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
    /// Tokens of the prompts.
    pub prompt_tokens: u64,
    /// Tokens of the answers.
    pub completion_tokens: u64,
    /// The sum of both.
    pub total_tokens: u64,
    /// The number of answered requests.
    pub requests: u64,
}

impl Counts {
    /// The counts of one request.
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

/// The stored counts of one owner for one day, model and project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct UsageRow {
    day: Day,
    model: String,
    project: Option<String>,
    #[serde(flatten)]
    counts: Counts,
}

impl UsageRow {
    fn matches(&self, day: Day, model: &str, project: Option<&str>) -> bool {
        self.day == day && self.model == model && self.project.as_deref() == project
    }
}

#[cfg(test)]
mod tests;
