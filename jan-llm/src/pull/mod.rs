//! Downloads a model file: gigabytes over lines that break, so what came is kept, a later call goes on from there, and
//! only a file that is whole and is a model ever gets its name.
//!
//! | file | idea |
//! |---|---|
//! | `mod` | what to pull and when to try again |
//! | `transfer` | one request and the bytes that come of it |
//! | `reply` | what a server's reply means for the bytes that are here already (pure) |
//! | `part` | the unfinished file: lock, record, digest, the last rename |
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

/// The folder beside the model files in which unfinished pulls lie, as `NAME.part` and what is known of them.
pub const UNFINISHED: &str = ".pull";

/// After this many new bytes a line counts as good again, and the count of failed tries starts anew.
const GOOD_RUN: u64 = 1 << 20;
/// So often a server is tried again from which nothing came yet.
const FIRST_RETRIES: u32 = 2;
/// No wait between two tries is longer, whatever the server asks for.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// A download to be made. [`Pull::new`] fills in the defaults that the fields name.
#[derive(Debug, Clone)]
pub struct Pull {
    /// Where the file is: `http` or `https`. Redirects are followed, a few, and never from `https` to `http`.
    pub url: String,
    /// Where the file shall be. Its folder is made; a file that is there already is never overwritten.
    pub path: PathBuf,
    /// The SHA-256 that the whole file must have, as 64 hexadecimal digits. None: any.
    pub sha256: Option<String>,
    /// Until a connection stands: 15 seconds.
    pub connect_timeout: Duration,
    /// How long a server may say nothing: 60 seconds. There is no limit for the whole.
    pub idle_timeout: Duration,
    /// How often to try again after a broken connection or an overloaded server before giving up: 6 times in a row
    /// without a mebibyte of progress between them; twice at the most while nothing has come at all.
    pub retries: u32,
    /// The proxies on the way: none. The environment is not read for any.
    pub proxies: Proxies,
    /// The wait before the first further try: 1 second. It doubles with each, up to a minute.
    pub backoff: Duration,
}

/// Proxies by the scheme of the URL that is asked for, each like `http://user:password@proxy:3128`.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    /// For `http`.
    pub http: Option<Secret>,
    /// For `https`.
    pub https: Option<Secret>,
    /// Hosts that are asked directly, between commas, as `NO_PROXY` has them: names with all below them, addresses, `*`.
    pub except: Option<String>,
}

/// How far a pull is. `done` goes back to 0 when the file changed on the server, or the server cannot go on from the
/// middle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the file that are here, those of earlier pulls included.
    pub done: u64,
    /// Bytes of the whole file, if the server says.
    pub total: Option<u64>,
}

/// A model file that is here, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// Where it is.
    pub path: PathBuf,
    /// How long it is.
    pub bytes: u64,
    /// Its SHA-256 in hexadecimal digits.
    pub sha256: String,
    /// It was here before, with the digest asked for; nothing was transferred.
    pub was_here: bool,
}

impl Pull {
    /// A pull of `url` into the file `path`.
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

    /// Transfers the file, checks it, and gives it its name in one step. `progress` is called at the start and after
    /// every few hundred kilobytes.
    ///
    /// Dropping the future stops the transfer. What came lies in [`UNFINISHED`] beside the file, and the next pull of
    /// the same path goes on from there if the server still has the same version. Two pulls of one path exclude each
    /// other, also across processes; the operating system ends the claim of a process that died.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::Invalid`] for a URL, proxy or digest that is none; `Conflict` when the file is there already
    /// (`model_exists`) or being pulled by somebody else (`pull_running`); `NotFound` when the server has no such
    /// file; `Upstream` when it fails, sends something that is no GGUF model (`not_a_model`) or other bytes than the
    /// digest says (`digest_mismatch`; both take the part away); `UpstreamTimeout` when it falls silent; `Internal`
    /// when the disk does not take the bytes.
    pub async fn run(&self, progress: impl FnMut(Progress) + Send) -> Result<Pulled> {
        self.run_told(progress, |_, _| {}).await
    }

    /// The same; `waiting` is called before each further try with what went wrong and how long is waited.
    ///
    /// # Errors
    /// As [`Pull::run`].
    pub async fn run_told(
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

        let (mut failed, mut best) = (0, part::lock(&part).held().len);
        while let Err(failure) = transfer::attempt(&client, &url, &part, &mut progress).await {
            let len = part::lock(&part).held().len;
            if len >= best + GOOD_RUN {
                (failed, best) = (0, len);
            }
            // A server from which nothing ever came is given up sooner.
            let retries = if len == 0 { self.retries.min(FIRST_RETRIES) } else { self.retries };
            if !failure.again || failed >= retries {
                return Err(failure.error);
            }
            let backoff = self.backoff.saturating_mul(1 << failed.min(16));
            failed += 1;
            let wait = failure.wait.unwrap_or(backoff).min(LONGEST_WAIT);
            waiting(&failure.error, wait);
            tracing::info!(reason = %failure.error, ?wait, at = len, "the pull is tried again");
            tokio::time::sleep(wait).await;
        }
        blocking(move || part::lock(&part).finish(expected.as_deref())).await
    }
}

/// The name under which the file of a URL is kept: the last piece of its path, made safe, ending in `.gguf`. None when
/// the URL ends in no name.
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

/// A digest in one spelling: lower case, without the prefix that some sites put in front.
fn digest(text: &str) -> Result<String> {
    let hex = text.trim().to_ascii_lowercase();
    let hex = hex.strip_prefix("sha256:").unwrap_or(&hex);
    if hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(hex.to_owned());
    }
    Err(Error::invalid("sha256", "A SHA-256 digest is written as 64 hexadecimal digits."))
}

/// Runs work that blocks (disk, digests) where it holds up nobody.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)?
}
