//! How many threads the local model computes with. The engine's library reads that from an environment variable, once,
//! and a running process cannot safely change its own environment; so the process starts itself anew with the variable
//! set, before it has done anything else.

use jan_core::Result;

use crate::config::Config;

/// Makes sure that the number of threads is decided, where a local model will run.
///
/// # Errors
/// When the process cannot be started anew.
#[cfg(all(unix, feature = "local"))]
pub(super) fn settle(config: &Config) -> Result<()> {
    use std::os::unix::process::CommandExt;

    use jan_core::Error;
    use jan_llm::local::{THREADS_VARIABLE, good_threads};

    if config.local.model.is_none() || std::env::var_os(THREADS_VARIABLE).is_some() {
        return Ok(());
    }
    let threads = config.local.threads.unwrap_or_else(good_threads).max(1);
    let this = std::env::current_exe().map_err(Error::internal)?;
    let mut again = std::process::Command::new(this);
    // Replaces this process: it returns only if that failed.
    let failed = again.args(std::env::args_os().skip(1)).env(THREADS_VARIABLE, threads.to_string()).exec();
    Err(Error::internal(failed))
}

/// There is nothing to decide.
#[cfg(not(all(unix, feature = "local")))]
pub(super) fn settle(_: &Config) -> Result<()> {
    Ok(())
}
