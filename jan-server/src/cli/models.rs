//! TEMPORARY, helper writes this.
use crate::config::Config;
use std::process::ExitCode;
#[derive(clap::Subcommand)]
pub(super) enum ModelsCommand {
    List,
}
pub(super) async fn run(_: &Config, _: ModelsCommand) -> jan_core::Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}
