//! Downloads a model file. Connections break during gigabytes, so received bytes are kept and a later call resumes from
//! there. A file gets its final name only when it is complete and is a model.
//!
//! | file | purpose |
//! |---|---|
//! | `mod` | the options of a download, and the retries |
//! | `transfer` | one request, and the writing of its bytes |
//! | `reply` | decides whether a reply continues the existing bytes (no I/O) |
//! | `part` | the unfinished file: lock, record, digest, final rename |
//!
//! ```no_run
//! # async fn pull() -> jan_core::Result<()> {
//! let pull = jan_llm::pull::Pull::new("https://example.org/tiny.gguf", "models/tiny.gguf");
//! let pulled = pull.run(|at| eprintln!("{} of {:?} bytes", at.done, at.total)).await?;
//! println!("{} bytes, sha256 {}", pulled.bytes, pulled.sha256);
//! # Ok(())
//! # }
//! ```

mod part;
mod reply;
#[cfg(test)]
mod tests;
mod transfer;

use parking_lot::Mutex;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jan_core::{Error, Result, Secret};

use part::Part;

/// The folder beside the model files for unfinished downloads: `NAME.part` and its record `NAME.json`.
pub const UNFINISHED: &str = ".pull";

/// After this many new bytes the count of failed attempts is reset to 0.
const RESET_AFTER: u64 = 1 << 20;
/// The most retries while no byte has been received.
const FIRST_RETRIES: u32 = 2;
/// The longest wait between two attempts, even if the server asks for a longer one.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// The options of a download. [`Pull::new`] sets the defaults.
#[derive(Debug, Clone)]
pub struct Pull {
    /// The URL of the file, `http` or `https`. A few redirects are followed, but none from `https` to `http`.
    pub url: String,
    /// The path for the file. Its folder is created if needed; an existing file is never overwritten.
    pub path: PathBuf,
    /// The SHA-256 that the complete file must have, as 64 hexadecimal digits; `None`: not checked.
    pub sha256: Option<String>,
    /// The time limit for connecting; default: 15 seconds.
    pub connect_timeout: Duration,
    /// The longest time without data; default: 60 seconds. The whole download has no time limit.
    pub idle_timeout: Duration,
    /// The most retries after a broken connection or from an overloaded server; default: 6. The count is reset after
    /// each mebibyte of progress. While no byte has been received, the limit is 2.
    pub retries: u32,
    /// The proxies to use; default: none. Environment variables are not read.
    pub proxies: Proxies,
    /// The wait before the first retry; default: 1 second. It doubles with each retry, up to a minute.
    pub backoff: Duration,
}

/// Proxies by the scheme of the requested URL, each like `http://user:password@proxy:3128`.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    /// The proxy for `http` URLs.
    pub http: Option<Secret>,
    /// The proxy for `https` URLs.
    pub https: Option<Secret>,
    /// Hosts that are contacted without a proxy, separated by commas, in the format of `NO_PROXY`: domain names (with
    /// their subdomains), addresses, or `*`.
    pub except: Option<String>,
}

/// The progress of a download. `done` is reset to 0 when the file changed on the server, or the server cannot resume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The bytes received so far, including those of earlier calls.
    pub done: u64,
    /// The size of the complete file in bytes, if the server states it.
    pub total: Option<u64>,
}

/// A completely downloaded model file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// The path of the file.
    pub path: PathBuf,
    /// The size of the file in bytes.
    pub bytes: u64,
    /// The SHA-256 of the file in hexadecimal digits.
    pub sha256: String,
    /// Whether the file existed already with the requested digest, so that nothing was transferred.
    pub already_existed: bool,
}

impl Pull {
    /// A download of `url` to the file `path`, with the default options.
    pub fn new(url: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        Self {
            url: url.into(),
            path: path.into(),
            sha256: None,
            connect_timeout: Duration::from_secs(15),
            idle_timeout: Duration::from_secs(60),
            retries: 6,
            proxies: Proxies::default(),
            backoff: Duration::from_secs(1),
        }
    }

    /// Downloads the file, checks it, and renames it to its final name. `progress` is called at the start and after
    /// every few hundred kilobytes.
    ///
    /// Dropping the future stops the transfer. The received bytes stay in [`UNFINISHED`] beside the file, and the next
    /// download to the same path resumes from there if the server still has the same version. Only one download to a
    /// path can run at a time, also across processes; when a process dies, the operating system releases its lock.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::Invalid`] for an invalid URL, proxy or digest; `Conflict` when the file exists already
    /// (`model_exists`) or another download to it is running (`pull_running`); `NotFound` when the server has no such
    /// file; `Upstream` when the server fails, or sends something that is not a GGUF model (`not_a_model`) or has
    /// another digest (`digest_mismatch`; both delete the received bytes); `UpstreamTimeout` when no data arrives;
    /// `Internal` when the bytes cannot be written.
    pub async fn run(&self, progress: impl FnMut(Progress) + Send) -> Result<Pulled> {
        self.run_with_retries(progress, |_, _| {}).await
    }

    /// Like [`Pull::run`]; in addition `waiting` is called before each retry, with the error and the length of the
    /// wait.
    ///
    /// # Errors
    /// As [`Pull::run`].
    pub async fn run_with_retries(
        &self,
        mut progress: impl FnMut(Progress) + Send,
        mut waiting: impl FnMut(&Error, Duration) + Send,
    ) -> Result<Pulled> {
        let url = transfer::parse(&self.url)?;
        let expected = self.sha256.as_deref().map(digest).transpose()?;
        let client = transfer::client(self)?;
        let (path, wanted) = (self.path.clone(), expected.clone());
        let part = match blocking(move || Part::open(&path, wanted.as_deref())).await? {
            part::Opened::Whole(pulled) => return Ok(pulled),
            part::Opened::Part(part) => Arc::new(Mutex::new(part)),
        };

        let (mut failed, mut best) = (0, part::lock(&part).received().len);
        while let Err(failure) = transfer::attempt(&client, &url, &part, &mut progress).await {
            let len = part::lock(&part).received().len;
            if len >= best + RESET_AFTER {
                (failed, best) = (0, len);
            }
            // A wrong address is more likely than a broken connection while no byte was received, so fewer retries.
            let retries = if len == 0 { self.retries.min(FIRST_RETRIES) } else { self.retries };
            if !failure.retry || failed >= retries {
                return Err(failure.error);
            }
            let backoff = self.backoff.saturating_mul(1 << failed.min(16));
            failed += 1;
            let wait = failure.wait.unwrap_or(backoff).min(MAX_WAIT);
            waiting(&failure.error, wait);
            tracing::info!(reason = %failure.error, ?wait, at = len, "the pull is tried again");
            tokio::time::sleep(wait).await;
        }
        blocking(move || part::lock(&part).finish(expected.as_deref())).await
    }
}

/// A safe file name for the file of a URL: the last segment of its path with other characters replaced, ending in
/// `.gguf`. `None` when the path ends with `/` or is empty.
pub fn file_name(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let (_, path) = rest.split(['?', '#']).next()?.split_once('/')?;
    let last = path.rsplit('/').next().unwrap_or_default();
    let safe = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let name: String = last.chars().map(safe).collect();
    let name = name.trim_start_matches('.');
    if name.is_empty() {
        return None;
    }
    Some(if Path::new(name).extension().is_some_and(|e| e.eq_ignore_ascii_case("gguf")) {
        name.to_owned()
    } else {
        format!("{name}.gguf")
    })
}

/// Normalises a digest: lower case, without the prefix `sha256:`.
fn digest(text: &str) -> Result<String> {
    let hex = text.trim().to_ascii_lowercase();
    let hex = hex.strip_prefix("sha256:").unwrap_or(&hex);
    if hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(hex.to_owned());
    }
    Err(Error::invalid("sha256", "A SHA-256 digest is written as 64 hexadecimal digits."))
}

/// Runs blocking work (disk, digests) on tokio's thread pool for blocking work.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)?
}
