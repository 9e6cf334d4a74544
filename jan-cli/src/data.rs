//! `jan-server export` and `jan-server import`: all data of a user, as lines of JSON in a file or a pipe.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use futures_util::TryStreamExt;
use jan_core::account::Account;
use jan_core::{Error, Result, UserId, files};
use jan_llm::Store;
use jan_llm::owned::{self, RecordData};

use super::output::println;
use crate::config::Config;
use crate::open;

/// What to export.
#[derive(clap::Args)]
pub(super) struct ExportArgs {
    /// The user's id, as GET /v1/users/me tells it
    #[arg(long, value_name = "ID")]
    user: String,
    /// The file to write; standard output unless named
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Leaves out pictures and files; conversations go on naming them
    #[arg(long)]
    without_media: bool,
}

/// What to import.
#[derive(clap::Args)]
pub(super) struct ImportArgs {
    /// The id of the user who gets it
    #[arg(long, value_name = "ID")]
    user: String,
    /// What `jan-server export` wrote; `-` for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Leaves out pictures and files
    #[arg(long)]
    without_media: bool,
}

pub(super) async fn export(config: &Config, args: ExportArgs) -> Result<ExitCode> {
    let account = account(config, args.without_media).await?;
    let mut lines = account.export(&UserId::new(args.user.clone()))?;
    // The first line names the user and the last line marks the end. With only these two, the user has no data. The
    // three lines are read before the file is created, so that no file is left in that case.
    let (head, next, third) = (lines.try_next().await?, lines.try_next().await?, lines.try_next().await?);
    let (Some(head), Some(next), Some(third)) = (head, next, third) else {
        let message = format!("Nothing is kept of a user `{}`. GET /v1/users/me tells an id.", args.user);
        return Err(Error::not_found(message));
    };
    let failed = |e| file_error("Writing", args.out.as_deref(), &e);
    let mut out: Box<dyn Write> = match &args.out {
        None => Box::new(BufWriter::new(std::io::stdout().lock())),
        Some(path) => Box::new(BufWriter::new(files::create(path).map_err(failed)?)),
    };
    writeln!(out, "{head}\n{next}\n{third}").map_err(failed)?;
    while let Some(line) = lines.try_next().await? {
        writeln!(out, "{line}").map_err(failed)?;
    }
    out.flush().map_err(failed)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn import(config: &Config, args: ImportArgs) -> Result<ExitCode> {
    let path = (args.file.as_os_str() != "-").then_some(args.file.as_path());
    let failed = |e| file_error("Reading", path, &e);
    let file: Box<dyn Read> = match path {
        None => Box::new(std::io::stdin()),
        Some(path) => Box::new(File::open(path).map_err(failed)?),
    };
    let account = account(config, args.without_media).await?;
    let mut import = account.import(&UserId::new(args.user))?;
    for line in BufReader::new(file).lines() {
        import.line(&line.map_err(failed)?).await?;
    }
    let done = import.finish()?;
    for what in &done.skipped {
        println!("skipped, it is there already or was to be left out: {what}")?;
    }
    println!(
        "imported {} conversations with {} items, {} pictures and files, and {} records; skipped {}",
        done.count("conversation"),
        done.count("item"),
        done.count("media"),
        done.count("record"),
        done.skipped.len()
    )?;
    Ok(ExitCode::SUCCESS)
}

/// All parts of the configured store that hold a user's data, with media unless they are left out.
async fn account(config: &Config, without_media: bool) -> Result<Account> {
    let database = open::database(config).await?;
    let account = match without_media {
        true => Account::new().skip_kinds(jan_media::EXPORT_KINDS),
        false => Account::new().part(Arc::new(open::media(config, &database).await?)),
    };
    let store = Store::on(&database).await?;
    let records = RecordData::new(&store).media_apart();
    Ok(owned::parts(&store, records).into_iter().fold(account, Account::part))
}

fn file_error(doing: &str, path: Option<&Path>, error: &std::io::Error) -> Error {
    let name = path.map_or("standard input or output".into(), Path::to_string_lossy);
    Error::invalid("file", format!("{doing} {name} failed: {error}."))
}
