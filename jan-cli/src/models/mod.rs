//! `jan-server models`: lists, checks and downloads models.

mod check;
mod list;
mod pull;
mod table;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use jan_core::Result;

use crate::config::Config;

/// What to do with models.
#[derive(clap::Subcommand)]
pub(crate) enum ModelsCommand {
    /// List the models that are offered and the model files that are here
    List,
    /// Read a model file, say what it is and needs, and let the engine try it
    Check {
        /// A GGUF file
        file: PathBuf,
    },
    /// Download a GGUF file; a download that broke off goes on where it was
    Pull(pull::PullArgs),
}

/// Runs one of the commands. Results go to standard output, messages to standard error.
pub(crate) async fn run(config: &Config, command: ModelsCommand) -> Result<ExitCode> {
    match command {
        ModelsCommand::List => list::run(config).await,
        ModelsCommand::Check { file } => check::run(config, &file).await,
        ModelsCommand::Pull(args) => pull::run(config, args).await,
    }
}

/// The folder of downloaded models.
fn folder(config: &Config) -> PathBuf {
    config.data_dir.join("models")
}

/// The command that serves a model file.
fn serve_command(file: &Path) -> String {
    let setting = format!("local.model={}", file.display());
    let plain = setting.chars().all(|c| c.is_ascii_alphanumeric() || "/\\._-=:+".contains(c));
    // In a shell, a single quote inside single quotes is written as the four characters '\''.
    let setting = if plain { setting } else { format!("'{}'", setting.replace('\'', r"'\''")) };
    format!("jan-server --set {setting}")
}

/// A size in KiB, MiB or GiB.
fn size(bytes: u64) -> String {
    bytesize::ByteSize::b(bytes).display().iec().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_printed_command_works_in_a_shell() {
        assert_eq!(
            serve_command(Path::new("data/models/a.gguf")),
            "jan-server --set local.model=data/models/a.gguf"
        );
        assert_eq!(serve_command(Path::new("it's.gguf")), r"jan-server --set 'local.model=it'\''s.gguf'");
    }
}
