//! What is logged, and in which form.

use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;

/// The words that a level has.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// What is logged.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug`, `trace`, `off`, or a filter such as `info,jan_server=debug`.
    pub level: String,
    /// One line a request: what was asked, what became of it, how long it took. Never a body or a credential.
    pub requests: bool,
    /// For people or for programs.
    pub format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".into(), requests: true, format: LogFormat::Console }
    }
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum LogFormat {
    /// For people.
    Console,
    /// One JSON object a line.
    Json,
}

impl Log {
    /// The filter that the level describes.
    ///
    /// # Errors
    /// A sentence that says what is accepted. The filter itself would take any other word for the name of a module.
    pub fn filter(&self) -> Result<EnvFilter, String> {
        let wrong = |part: &str| {
            format!(
                "`log.level` is `{}`, and `{part}` is no level: it takes error, warn, info, debug, trace, off, or a \
                 filter such as info,jan_server=debug",
                self.level
            )
        };
        for part in self.level.split(',').map(str::trim) {
            // A part with `[` selects spans, which only the filter itself can read.
            let level = part.rsplit_once('=').map_or(part, |(_, level)| level);
            if !part.contains('[') && !LEVELS.iter().any(|known| level.eq_ignore_ascii_case(known)) {
                return Err(wrong(part));
            }
        }
        // The filter itself takes no spaces.
        let level: String = self.level.split_whitespace().collect();
        EnvFilter::try_new(level).map_err(|_| wrong(&self.level))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_levels_and_filters_are_taken() {
        let filter = |level: &str| Log { level: level.into(), ..Log::default() }.filter();
        for good in
            ["info", "WARN", "off", "info,jan_server=debug", "warn, jan_llm=trace", "info,[x{id=1}]=debug"]
        {
            assert!(filter(good).is_ok(), "{good}");
        }
        for bad in [
            "verbose",
            "",
            "warning",
            "info,jan_server",
            "info,",
            "jan_server=loud",
            "info;warn",
            "a=[",
            "[=x",
        ] {
            let said = filter(bad).unwrap_err();
            assert!(said.contains("log.level") && said.contains("debug, trace"), "{bad}: {said}");
        }
    }
}
