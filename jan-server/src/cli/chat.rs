//! TEMPORARY, helper writes this.
use crate::config::Config;
use std::process::ExitCode;
#[derive(clap::Args)]
pub(super) struct ChatArgs {}
pub(super) async fn run(_: &Config, _: ChatArgs) -> jan_core::Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}
