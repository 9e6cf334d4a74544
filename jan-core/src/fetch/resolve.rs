//! Resolves names and lets only allowed addresses through. The HTTP client calls this for every connection and
//! connects to exactly the addresses that it returns. So a DNS server cannot return one address for the check and
//! another for the connection.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolving};

use super::guard::Guard;
use crate::{Error, Result};

/// Finds the addresses of a name.
///
/// ```
/// use std::net::IpAddr;
///
/// use jan_core::fetch::Resolve;
/// use jan_core::{Result, async_trait};
///
/// /// Resolves one name.
/// struct Hosts;
///
/// #[async_trait]
/// impl Resolve for Hosts {
///     async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>> {
///         Ok(if name == "files.example" { vec![[192, 0, 2, 1].into()] } else { Vec::new() })
///     }
/// }
/// ```
#[async_trait]
pub trait Resolve: Send + Sync + 'static {
    /// All addresses of `name`, the preferred one first; an empty list if it has none. Called once for every
    /// connection; an implementation may cache. Dropping the future gives up.
    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>>;
}

/// The operating system's resolver. It blocks, so tokio runs it on a thread for blocking work; a lookup that was given
/// up goes on there until it ends.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>> {
        let found = tokio::net::lookup_host((name, 0)).await;
        let found = found.map_err(|e| Error::upstream("The host name was not found.").because(e))?;
        Ok(found.map(|address| address.ip()).collect())
    }
}

/// A resolver whose addresses are checked by the guard, in the form that reqwest calls. It is not called for IP
/// addresses in a URL, which are checked with the URL.
pub(super) struct Guarded {
    pub(super) resolver: Arc<dyn Resolve>,
    pub(super) guard: Arc<Guard>,
    /// The port of the connection, if an entry of the allow-list names it. reqwest does not pass the port to its
    /// resolver.
    pub(super) port: Option<u16>,
}

impl reqwest::dns::Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let (resolver, guard, port) = (Arc::clone(&self.resolver), Arc::clone(&self.guard), self.port);
        Box::pin(async move {
            let addresses = resolver.resolve(name.as_str()).await?;
            if !guard.opens(name.as_str(), port, &addresses) {
                return Err(Refused.into());
            }
            // Port 0 means the port of the URL.
            let addresses = addresses.into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(addresses) as Addrs)
        })
    }
}

/// The guard's refusal, wrapped in errors of the HTTP client.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to an address that is not allowed")]
pub(super) struct Refused;
