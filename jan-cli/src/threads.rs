//! Sets the number of threads of the local model. The engine's library reads it once from an environment variable, and
//! a running process cannot safely change its own environment. So the process replaces itself by a new one with the
//! variable set, before it does anything else.

use jan_core::Result;

use crate::config::Config;

/// Restarts the process with the variable set, if a local model will run and the variable is not set yet.
///
/// # Errors
/// When the process cannot be replaced.
#[cfg(all(unix, feature = "local"))]
pub(super) fn set(config: &Config) -> Result<()> {
    use std::os::unix::process::CommandExt;

    use jan_core::Error;
    use jan_llm::local::{THREADS_VARIABLE, good_threads};

    if config.local.model.is_none() || std::env::var_os(THREADS_VARIABLE).is_some() {
        return Ok(());
    }
    let threads = config.local.threads.unwrap_or_else(good_threads).max(1);
    let this = std::env::current_exe().map_err(Error::internal)?;
    let mut command = std::process::Command::new(this);
    // `exec` replaces this process; it returns only if that failed.
    let failed = command.args(std::env::args_os().skip(1)).env(THREADS_VARIABLE, threads.to_string()).exec();
    Err(Error::internal(failed))
}

/// Does nothing: there is no local model.
#[cfg(not(all(unix, feature = "local")))]
pub(super) fn set(_: &Config) -> Result<()> {
    Ok(())
}
