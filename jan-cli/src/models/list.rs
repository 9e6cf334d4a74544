//! `models list`: first the models that this configuration offers, then the model files in the data folder.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use jan_core::causes::Causes;
use jan_core::{Error, Model, Result};
use jan_llm::gguf::ModelFile;
use jan_llm::pull::UNFINISHED;

use super::check::quantisation;
use super::table::{headings, table};
use super::{folder, serve_command, size};
use crate::config::Config;
use crate::open;
use crate::output::{note, print, println};

pub(super) async fn run(config: &Config) -> Result<ExitCode> {
    let offered = offered(config).await;
    match &offered {
        Ok(models) if models.is_empty() => println!("This configuration offers no model.")?,
        Ok(models) => {
            let rows = models.iter().map(|model| [model.id.clone(), model.owned_by.clone(), context(model)]);
            let rows: Vec<_> = std::iter::once(headings(["MODEL", "FROM", "CONTEXT"])).chain(rows).collect();
            print!("{}", table(&rows))?;
        }
        // The files are listed even if an upstream does not answer.
        Err(error) => note!("The models on offer cannot be listed: {}", Causes(error)),
    }
    println!("")?;
    let models = folder(config);
    let files = tokio::task::spawn_blocking(move || files(&models)).await.map_err(Error::internal)?;
    if files.is_empty() {
        println!(
            "No model files in {}; `jan-server models pull URL` fetches one.",
            folder(config).display()
        )?;
    } else {
        let rows = files.iter().map(|file| file.row.clone());
        let rows: Vec<_> =
            std::iter::once(headings(["FILE", "SIZE", "ARCHITECTURE", "QUANTISATION", "NOTE"]))
                .chain(rows)
                .collect();
        print!("{}", table(&rows))?;
    }
    if let Some(model) = files.iter().find_map(|file| file.model.as_deref()) {
        println!("\nTo serve one: {}", serve_command(model))?;
    }
    Ok(if offered.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The models of the configured providers. The local model's name is taken from its file name: loading gigabytes to
/// find a name would take too long.
async fn offered(config: &Config) -> Result<Vec<Model>> {
    let mut others = config.clone();
    let local = others.local.model.take();
    let mut models: Vec<Model> = Vec::new();
    if let Some(path) = local {
        let stem = || path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        models.push(Model::new(config.local.name.clone().unwrap_or_else(stem), "local"));
    }
    if let Some(provider) = open::provider(&others).await? {
        models.extend(provider.models().await?);
    }
    Ok(models)
}

/// A model's context in tokens, under the names that different servers use for it.
fn context(model: &Model) -> String {
    let names = ["context_length", "max_model_len", "context_window"];
    let length = names.iter().find_map(|name| model.rest.get(*name)?.as_u64());
    length.map(|tokens| tokens.to_string()).unwrap_or_default()
}

/// A row of the table of files.
struct FileRow {
    row: [String; 5],
    /// The path of the file, if it is a complete model.
    model: Option<PathBuf>,
}

/// The model files in a folder, then the unfinished downloads.
fn files(folder: &Path) -> Vec<FileRow> {
    let mut found: Vec<FileRow> = with_extension(folder, "gguf").iter().map(|path| describe(path)).collect();
    for part in with_extension(&folder.join(UNFINISHED), "part") {
        // An empty file was left by a download that was killed before the first byte arrived.
        if std::fs::metadata(&part).is_ok_and(|meta| meta.len() == 0) {
            continue;
        }
        found.push(incomplete(&part, part.file_stem(), "not whole yet: pull it again to go on"));
    }
    found
}

fn describe(path: &Path) -> FileRow {
    let Ok(file) = ModelFile::read(path) else {
        return incomplete(path, path.file_name(), "not a whole model");
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let row = [name, size(file.bytes), file.architecture().to_owned(), quantisation(&file), String::new()];
    FileRow { row, model: Some(path.to_owned()) }
}

fn incomplete(path: &Path, name: Option<&OsStr>, note: &str) -> FileRow {
    let name = name.unwrap_or_default().to_string_lossy().into_owned();
    let bytes = std::fs::metadata(path).map_or(0, |meta| meta.len());
    FileRow { row: [name, size(bytes), String::new(), String::new(), note.to_owned()], model: None }
}

/// The files of a folder with this extension, by name; none if the folder does not exist.
fn with_extension(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut paths: Vec<_> = entries.filter(|path| path.extension() == Some(OsStr::new(extension))).collect();
    paths.sort();
    paths
}
