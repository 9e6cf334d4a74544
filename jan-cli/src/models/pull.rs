//! `models pull`: downloads a model with the library's `Pull` and shows the progress: as a bar on a terminal, otherwise
//! as one line for every five percent.

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use jan_core::causes::Causes;
use jan_core::{Error, Result};
use jan_llm::gguf::ModelFile;
use jan_llm::pull::{Progress, Proxies, Pull, file_name};

use super::check::rows;
use super::table::table;
use super::{folder, serve_command, size};
use crate::config::Config;
use crate::output::{note, print, println};
use crate::serve::stop_signal;

/// The exit code by convention of a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;
/// A server that sends nothing for so long is tried again, or given up.
const SILENCE: Duration = Duration::from_secs(30);
/// A line is printed for each step of so many percent, or bytes if the size is unknown.
const STEP_PERCENT: u64 = 5;
const STEP_BYTES: u64 = 64 << 20;

/// What to pull.
#[derive(clap::Args)]
pub(crate) struct PullArgs {
    /// Where the GGUF file is
    url: String,
    /// The SHA-256 that the file must have
    #[arg(long, value_name = "HEX")]
    sha256: Option<String>,
    /// The name to keep it under [default: the URL's]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

pub(super) async fn run(config: &Config, args: PullArgs) -> Result<ExitCode> {
    let path = folder(config).join(name(&args)?);
    crate::open::data_folder(&config.data_dir)?;
    let mut pull = Pull::new(args.url, &path);
    pull.sha256 = args.sha256;
    pull.idle_timeout = SILENCE;
    let crate::config::Pull { http_proxy, https_proxy, no_proxy } = config.pull.clone();
    pull.proxies = Proxies { http: http_proxy, https: https_proxy, except: no_proxy };
    let mut output = ProgressOutput::new();
    note!("Asking for {} …", without_query(&pull.url));
    let pulling = pull.run_with_retries(|progress| output.at(progress), print_wait);
    let pulled = tokio::select! {
        pulled = pulling => Some(pulled),
        () = stop_signal() => None,
    };
    output.end();
    match pulled {
        None => {
            note!("Stopped. The same command goes on from here.");
            return Ok(ExitCode::from(INTERRUPTED));
        }
        Some(Err(error)) if error.code() == "model_exists" && pull.sha256.is_none() => {
            note!(
                "{} is there already; nothing was pulled. Remove it first to pull it anew.",
                path.display()
            );
        }
        Some(Err(error)) => return Err(error),
        Some(Ok(pulled)) if pulled.already_existed => note!("It is there already, and has this digest."),
        Some(Ok(pulled)) => println!("{}  {}", pulled.sha256, path.display())?,
    }
    let read = path.clone();
    let file =
        tokio::task::spawn_blocking(move || ModelFile::read(&read)).await.map_err(Error::internal)??;
    print!("{}", table(&rows(config, &path, &file)))?;
    println!("\nTo serve it: {}", serve_command(&path))?;
    Ok(ExitCode::SUCCESS)
}

/// Prints why the download waits, and for how long.
fn print_wait(error: &Error, wait: Duration) {
    note!("{} Trying again in {} s …", Causes(error), wait.as_secs().max(1));
}

/// The URL without its query, which may contain a signature.
fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or(url)
}

/// The file's name in the models folder. A name cannot point outside of that folder.
fn name(args: &PullArgs) -> Result<String> {
    let Some(name) = &args.name else {
        return file_name(&args.url)
            .ok_or_else(|| Error::invalid("name", "The URL ends in no file name; give one with --name."));
    };
    let one_name = Path::new(name).file_name().is_some_and(|last| last == name.as_str());
    if !one_name || name.contains('\\') || name.starts_with('.') {
        return Err(Error::invalid(
            "name",
            format!("--name takes a file name without folders, not `{name}`."),
        ));
    }
    Ok(if name.to_ascii_lowercase().ends_with(".gguf") { name.clone() } else { format!("{name}.gguf") })
}

/// Shows the progress on standard error.
enum ProgressOutput {
    Bar(ProgressBar),
    Lines(Steps),
}

impl ProgressOutput {
    fn new() -> Self {
        if !std::io::stderr().is_terminal() {
            return Self::Lines(Steps::default());
        }
        let bar = ProgressBar::no_length();
        let template =
            "{wide_bar} {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self::Bar(bar)
    }

    fn at(&mut self, progress: Progress) {
        match self {
            Self::Lines(steps) => {
                if let Some(line) = steps.line(progress) {
                    note!("{line}");
                }
            }
            Self::Bar(bar) => {
                if bar.length() != progress.total
                    && let Some(total) = progress.total
                {
                    bar.set_length(total);
                    // Bytes of an earlier download must not count for the present speed.
                    bar.set_position(progress.done);
                    bar.reset_eta();
                }
                bar.set_position(progress.done);
            }
        }
    }

    fn end(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

/// Decides when a line is printed: once for each step.
#[derive(Default)]
struct Steps {
    last: Option<u64>,
}

impl Steps {
    fn line(&mut self, Progress { done, total }: Progress) -> Option<String> {
        let step = match total {
            Some(total) => done.saturating_mul(100) / total.max(1) / STEP_PERCENT,
            None => done / STEP_BYTES,
        };
        if self.last.replace(step) == Some(step) {
            return None;
        }
        Some(match total {
            Some(total) => format!("{:>3} %  {} of {}", step * STEP_PERCENT, size(done), size(total)),
            None => size(done),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_printed_for_every_five_percent() {
        let mut steps = Steps::default();
        let lines: Vec<_> =
            (0..=1000).filter_map(|done| steps.line(Progress { done, total: Some(1000) })).collect();
        assert_eq!(lines.len(), 21);
        assert_eq!(
            (lines[0].as_str(), lines[20].as_str()),
            ("  0 %  0 B of 1000 B", "100 %  1000 B of 1000 B")
        );
        let mut steps = Steps::default();
        let unknown = (0..10).filter_map(|i| steps.line(Progress { done: i * STEP_BYTES / 2, total: None }));
        assert_eq!(unknown.count(), 5);
    }

    #[test]
    fn a_name_cannot_point_outside_of_the_models_folder() {
        let named = |name: &str| {
            name_of("https://h/m.gguf", Some(name)).map_err(|error| error.param().map(str::to_owned))
        };
        assert_eq!(named("tiny"), Ok("tiny.gguf".into()));
        assert_eq!(name_of("https://h/a/m.gguf?x", None).unwrap(), "m.gguf");
        for bad in ["../m", "a/b", "a\\b", "", ".", "..", ".pull"] {
            assert_eq!(named(bad), Err(Some("name".into())), "{bad}");
        }
    }

    fn name_of(url: &str, name: Option<&str>) -> Result<String> {
        super::name(&PullArgs { url: url.into(), sha256: None, name: name.map(str::to_owned) })
    }
}
