//! The log of a running server, on standard error: lines of text for people or JSON for programs. Logging never fails,
//! waits or panics, even if standard error does; see `writer`.

mod writer;

use std::io::IsTerminal;
use std::panic::PanicHookInfo;

use jan_core::{Error, Result};
use jiff::Timestamp;
use tracing_subscriber::{EnvFilter, fmt};

use self::writer::{BoundedWriter, Report};
use crate::config::{Config, Log, LogFormat};
use jan_server::REQUEST_LOG_TARGET as TARGET;

/// The running log. Dropping it writes the lines that are still in the buffer.
pub(super) struct RunningLog(Option<BoundedWriter>);

impl Drop for RunningLog {
    fn drop(&mut self) {
        if let Some(writer) = &self.0 {
            writer.close();
        }
    }
}

/// Starts the log. Panics are logged too, because the standard library's own message could wait forever on a pipe that
/// nobody reads.
///
/// # Errors
/// [`jan_core::ErrorKind::Invalid`] when `log.level` is not a filter.
pub(super) fn start(config: &Config) -> Result<RunningLog> {
    let filter = filter(&config.log)?;
    let report: Report = match config.log.format {
        LogFormat::Console => console_report,
        LogFormat::Json => json_report,
    };
    let writer = BoundedWriter::start(std::io::stderr(), report).map_err(Error::internal)?;
    let log = fmt().with_env_filter(filter).log_internal_errors(false).with_writer(writer.clone());
    let started = match config.log.format {
        LogFormat::Console => log.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => log.json().try_init(),
    };
    // An app that embeds this command line may have started a log before.
    if started.is_err() {
        tracing::debug!("a log was started before");
        return Ok(RunningLog(None));
    }
    std::panic::set_hook(Box::new(log_panic));
    Ok(RunningLog(Some(writer)))
}

/// The filter of the log, as configured.
fn filter(log: &Log) -> Result<EnvFilter> {
    let wrong = |message: String| Error::invalid("log.level", format!("{message}."));
    let filter = log.filter().map_err(wrong)?;
    if log.requests {
        return Ok(filter);
    }
    Ok(filter.add_directive(format!("{TARGET}=off").parse().map_err(Error::internal)?))
}

fn log_panic(info: &PanicHookInfo<'_>) {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(place, text, "a fault of the program was caught");
}

fn console_report(lost: u64) -> String {
    format!("{:.6}  WARN jan_server::log: log lines were lost lines={lost}\n", Timestamp::now())
}

fn json_report(lost: u64) -> String {
    format!(
        "{{\"timestamp\":\"{:.6}\",\"level\":\"WARN\",\"fields\":{{\"message\":\"log lines were lost\",\"lines\":{lost}}},\
         \"target\":\"jan_server::log\"}}\n",
        Timestamp::now()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_lines_of_their_format() {
        assert!(console_report(3).ends_with("Z  WARN jan_server::log: log lines were lost lines=3\n"));
        let json: serde_json::Value = serde_json::from_str(&json_report(3)).unwrap();
        assert_eq!((&json["fields"]["lines"], &json["level"]), (&3.into(), &"WARN".into()));
        assert!(json["timestamp"].as_str().unwrap().ends_with('Z'));
    }
}
