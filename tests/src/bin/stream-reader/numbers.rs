//! Percentiles, and the JSON line of results.

use std::fmt::Write;
use std::time::Duration;

/// Durations, in milliseconds.
#[derive(Default)]
pub(crate) struct Times(Vec<f64>);

impl Times {
    pub(crate) fn push(&mut self, time: Duration) {
        self.0.push(time.as_secs_f64() * 1000.0);
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// The percentile, in milliseconds; 0 without durations.
    pub(crate) fn percentile(&mut self, percent: usize) -> f64 {
        self.0.sort_by(f64::total_cmp);
        let last = self.0.len().saturating_sub(1);
        self.0.get(last * percent / 100).copied().unwrap_or_default()
    }
}

/// A flat JSON object on one line, which a shell script can read with `grep`.
#[derive(Default)]
pub(crate) struct JsonLine(String);

impl JsonLine {
    pub(crate) fn number(mut self, name: &str, value: f64) -> Self {
        let comma = if self.0.is_empty() { "" } else { "," };
        // Writing to a string cannot fail.
        let _ = write!(self.0, "{comma}\"{name}\":{}", (value * 10_000.0).round() / 10_000.0);
        self
    }

    pub(crate) fn count(self, name: &str, value: usize) -> Self {
        self.number(name, u32::try_from(value).map_or(f64::INFINITY, f64::from))
    }

    pub(crate) fn percentiles(self, name: &str, times: &mut Times) -> Self {
        self.number(&format!("{name}_p50_ms"), times.percentile(50))
            .number(&format!("{name}_p90_ms"), times.percentile(90))
            .number(&format!("{name}_p99_ms"), times.percentile(99))
    }

    pub(crate) fn text(mut self, name: &str, value: &str) -> Self {
        let comma = if self.0.is_empty() { "" } else { "," };
        let _ = write!(self.0, "{comma}\"{name}\":{}", serde_json::Value::from(value));
        self
    }

    pub(crate) fn end(self) -> String {
        format!("{{{}}}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_a_hundred() {
        let mut times = Times::default();
        (1..=101).rev().for_each(|ms| times.push(Duration::from_millis(ms)));
        assert_eq!((times.percentile(50), times.percentile(99)), (51.0, 100.0));
        assert_eq!(JsonLine::default().count("n", 2).text("e", "a\"b").end(), r#"{"n":2,"e":"a\"b"}"#);
        assert!(Times::default().percentile(50).abs() < f64::EPSILON);
    }
}
