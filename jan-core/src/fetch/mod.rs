//! The one HTTP client for URLs that a caller names (feature `fetch`). Whoever names a URL chooses where this machine
//! connects to, so it goes to public addresses only, and every bound is ours.
//!
//! | file | idea |
//! |---|---|
//! | `address` | which addresses are public (pure) |
//! | `guard` | which URLs, names and answers are open (pure) |
//! | `resolve` | names become addresses behind the guard, once for every connection |
//! | `fetcher` | one fetch: ask, follow, check every step anew |
//! | `body` | the reply, counted as it comes |
//!
//! Nothing here starts a task. The client below (reqwest, hyper) has one for each open connection, which ends with it,
//! and the system's resolver runs on tokio's blocking threads.
//!
//! ```no_run
//! # async fn fetch() -> jan_core::Result<()> {
//! use jan_core::fetch::{FetchLimits, FetchSettings, Fetcher};
//!
//! let fetcher = Fetcher::new(FetchSettings::default())?;
//! let page = fetcher.get("https://example.org/", FetchLimits::default()).await?.success()?;
//! println!("{} bytes", page.bytes().await?.len());
//! # Ok(())
//! # }
//! ```

mod address;
mod body;
mod fetcher;
mod guard;
mod resolve;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use body::Fetched;
pub use fetcher::Fetcher;
pub use guard::Allowed;
pub use resolve::{Resolve, SystemResolver};

/// The rules of a [`Fetcher`]. The defaults are those that the fields name.
#[derive(Clone)]
pub struct FetchSettings {
    /// A company's own hosts, open although they are not public: none.
    pub allow: Vec<Allowed>,
    /// Opens loopback, private networks and local names: false. Link-local addresses, the metadata of clouds and what
    /// is reserved stay closed.
    pub allow_private: bool,
    /// The ports that may be asked, also of the hosts of `allow` that are named without one: 80, 443, 8080, 8443.
    pub ports: Vec<u16>,
    /// Follows a redirect from https to http: false.
    pub allow_downgrade: bool,
    /// Until a connection stands, the name's lookup included: 10 seconds.
    pub connect_timeout: Duration,
    /// Who we say we are: `jan` and a version.
    pub user_agent: String,
    /// Who knows the addresses of names: the operating system.
    pub resolver: Arc<dyn Resolve>,
}

impl Default for FetchSettings {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            allow_private: false,
            ports: vec![80, 443, 8080, 8443],
            allow_downgrade: false,
            connect_timeout: Duration::from_secs(10),
            user_agent: concat!("jan/", env!("CARGO_PKG_VERSION")).to_owned(),
            resolver: Arc::new(SystemResolver),
        }
    }
}

impl fmt::Debug for FetchSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("FetchSettings");
        out.field("allow", &self.allow)
            .field("allow_private", &self.allow_private)
            .field("ports", &self.ports);
        out.field("allow_downgrade", &self.allow_downgrade).finish_non_exhaustive()
    }
}

/// The bounds of one fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchLimits {
    /// The longest body: 20 MiB.
    pub bytes: u64,
    /// For the whole, from the first lookup to the last byte of the body that somebody reads: 15 seconds.
    pub time: Duration,
    /// How many redirects are followed: 5.
    pub redirects: usize,
}

impl Default for FetchLimits {
    fn default() -> Self {
        Self { bytes: 20 << 20, time: Duration::from_secs(15), redirects: 5 }
    }
}
