//! The configuration of the log.

use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;

/// The accepted levels.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// What is logged, and in which form.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug`, `trace`, `off`, or a filter such as `info,jan_server=debug`.
    pub level: String,
    /// Logs one line for each request: route, status, times, tokens. Never a body or a credential.
    pub requests: bool,
    /// The form of log lines.
    pub format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".into(), requests: true, format: LogFormat::Console }
    }
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum LogFormat {
    /// Text, for people.
    Console,
    /// One JSON object per line, for programs.
    Json,
}

impl Log {
    /// The filter that the level describes.
    ///
    /// # Errors
    /// A sentence that states the accepted values. They are checked here because the filter would take any other word
    /// as the name of a module.
    pub fn filter(&self) -> Result<EnvFilter, String> {
        let wrong = |part: &str| {
            format!(
                "`log.level` is `{}`, and `{part}` is no level: it takes error, warn, info, debug, trace, off, or a \
                 filter such as info,jan_server=debug",
                self.level
            )
        };
        for part in self.level.split(',').map(str::trim) {
            // A part with `[` selects spans; only the filter itself can parse it.
            let level = part.rsplit_once('=').map_or(part, |(_, level)| level);
            if !part.contains('[') && !LEVELS.iter().any(|known| level.eq_ignore_ascii_case(known)) {
                return Err(wrong(part));
            }
        }
        // The filter's own parser accepts no spaces.
        let level: String = self.level.split_whitespace().collect();
        EnvFilter::try_new(level).map_err(|_| wrong(&self.level))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_levels_and_filters_are_accepted() {
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
            let message = filter(bad).unwrap_err();
            assert!(message.contains("log.level") && message.contains("debug, trace"), "{bad}: {message}");
        }
    }
}
