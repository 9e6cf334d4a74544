//! The HTTP client for URLs that a caller chooses (feature `fetch`). A caller who chooses a URL also chooses which
//! host this machine connects to. So it connects only to public addresses, and all limits are set by us.
//!
//! | file | idea |
//! |---|---|
//! | `address` | which addresses are public (pure) |
//! | `guard` | which URLs, names and addresses may be fetched (pure) |
//! | `resolve` | resolves names and checks their addresses, once for every connection |
//! | `fetcher` | one fetch: sends the request, follows redirects, checks every step again |
//! | `body` | the reply, whose bytes are counted while they arrive |
//!
//! This module starts no task. The client below it (reqwest, hyper) has one for each open connection, which ends with
//! the connection, and the system's resolver runs on tokio's threads for blocking work.
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

/// The rules of a [`Fetcher`]. Each field's documentation ends with its default.
#[derive(Clone)]
pub struct FetchSettings {
    /// Hosts that may be fetched from although they are not public, such as a company's own: none.
    pub allow: Vec<Allowed>,
    /// Whether loopback addresses, private networks and local names may be fetched: false. Link-local addresses, the
    /// metadata services of clouds and reserved addresses stay forbidden.
    pub allow_private: bool,
    /// The ports that may be connected to, also for those hosts in `allow` that have no port: 80, 443, 8080, 8443.
    pub ports: Vec<u16>,
    /// Whether a redirect from https to http is followed: false.
    pub allow_downgrade: bool,
    /// The time limit for opening a connection, including the name's lookup: 10 seconds.
    pub connect_timeout: Duration,
    /// The `User-Agent` header: `jan/` and the version.
    pub user_agent: String,
    /// The resolver of host names: the operating system's.
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

/// The limits of one fetch. Each field's documentation ends with its default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchLimits {
    /// The largest body in bytes: 20 MiB.
    pub bytes: u64,
    /// The time limit for the whole fetch, from the first lookup to the last byte of the body: 15 seconds.
    pub time: Duration,
    /// The largest number of redirects that are followed: 5.
    pub redirects: usize,
}

impl Default for FetchLimits {
    fn default() -> Self {
        Self { bytes: 20 << 20, time: Duration::from_secs(15), redirects: 5 }
    }
}
