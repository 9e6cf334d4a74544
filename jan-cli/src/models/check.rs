//! `models check`: describes a model file, estimates the memory it needs, and tests whether the engine of this build
//! runs it: the file is loaded and generates one token.

use std::path::Path;
use std::process::ExitCode;

use jan_core::{Error, Result};
use jan_llm::gguf::ModelFile;

use super::table::table;
use super::{serve_command, size};
use crate::config::Config;
use crate::output::{print, println};

/// The context, in tokens, unless the configuration states another.
const DEFAULT_CONTEXT: u64 = 4096;
/// The label of the last line of the table, as wide as those above. It is printed later, because the test takes time.
const ENGINE: &str = "engine         ";
/// Number types below this share of a file, in percent, are not listed (norms are always F32).
const MIN_SHARE: u64 = 5;

pub(super) async fn run(config: &Config, path: &Path) -> Result<ExitCode> {
    let owned_path = path.to_owned();
    let file = tokio::task::spawn_blocking(move || ModelFile::read(&owned_path))
        .await
        .map_err(Error::internal)??;
    print!("{}", table(&rows(config, path, &file)))?;
    match engine::load_and_run(config, path).await {
        Ok(how) => println!("{ENGINE}{how}")?,
        Err(error) => {
            println!("{ENGINE}does not run it")?;
            return Err(error);
        }
    }
    println!("\nTo serve it: {}", serve_command(path))?;
    Ok(ExitCode::SUCCESS)
}

/// The rows that are read from the header alone.
pub(super) fn rows(config: &Config, path: &Path, file: &ModelFile) -> Vec<[String; 2]> {
    let or_unknown = |text: Option<String>| text.filter(|text| !text.is_empty()).unwrap_or("not said".into());
    let longest = file.arch_number("context_length");
    let configured = config.local.context.map_or(DEFAULT_CONTEXT, |tokens| tokens as u64);
    let context = longest.unwrap_or(configured).min(configured);
    let template = if file.text("tokenizer.chat_template").is_some() { "yes" } else { "no" };
    [
        ("file", path.display().to_string()),
        ("name", or_unknown(file.text("general.name").map(without_control))),
        ("architecture", or_unknown(Some(without_control(file.architecture())))),
        ("context", or_unknown(longest.map(|tokens| format!("{tokens} tokens")))),
        ("quantisation", or_unknown(Some(quantisation(file)))),
        ("vocabulary", or_unknown(file.vocabulary().map(|tokens| format!("{tokens} tokens")))),
        ("chat template", template.to_owned()),
        ("size", size(file.bytes)),
        ("memory", format!("about {} with a context of {context} tokens", size(file.memory(context)))),
    ]
    .map(|(what, value)| [what.to_owned(), value])
    .into()
}

/// The number types that make up most of the file, the largest first.
pub(super) fn quantisation(file: &ModelFile) -> String {
    let total = file.tensors.values().fold(0u64, |sum, bytes| sum.saturating_add(*bytes)).max(1);
    let mut types: Vec<_> =
        file.tensors.iter().map(|(kind, bytes)| (bytes.saturating_mul(100) / total, kind)).collect();
    types.sort_by_key(|(share, _)| std::cmp::Reverse(*share));
    let named = types.iter().filter(|(share, _)| *share >= MIN_SHARE).map(|(share, kind)| match share {
        95.. => kind.to_string(),
        share => format!("{kind} {share} %"),
    });
    named.collect::<Vec<_>>().join(", ")
}

/// A text from the file without control characters, which could change the state of the terminal.
fn without_control(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(feature = "local")]
mod engine {
    use std::path::Path;
    use std::time::Instant;

    use jan_core::{ChatRequest, Error, Principal, Result};
    use jan_llm::Chat;
    use jan_llm::local::{LocalModel, LocalOptions};

    use crate::config::Config;

    /// Loads the model and generates one token.
    pub(super) async fn load_and_run(config: &Config, path: &Path) -> Result<String> {
        let started = Instant::now();
        let options = LocalOptions { context: config.local.context, ..LocalOptions::default() };
        let path = path.to_owned();
        let model = tokio::task::spawn_blocking(move || LocalModel::open_with(path, options)).await;
        let model = model.map_err(Error::internal)??;
        let loaded = started.elapsed();
        let request = ChatRequest::new(model.name()).user("Hi").with("max_tokens", &1);
        Chat::new(model).complete(request, &Principal::open("terminal")).await?;
        let first = started.elapsed().saturating_sub(loaded);
        Ok(format!(
            "runs it: loaded in {:.1} s, first token after {:.1} s",
            loaded.as_secs_f32(),
            first.as_secs_f32()
        ))
    }
}

#[cfg(not(feature = "local"))]
mod engine {
    use std::path::Path;

    use jan_core::Result;

    use crate::config::Config;

    #[expect(clippy::unused_async, reason = "the same signature as with an engine")]
    pub(super) async fn load_and_run(_: &Config, _: &Path) -> Result<String> {
        Ok("none in this build (feature `local`)".to_owned())
    }
}
