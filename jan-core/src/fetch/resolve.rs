//! Names become addresses, and only those that the guard lets through. The client asks here for every connection that it
//! makes and connects to what it gets, so that a DNS server that changes its mind in between has no in-between.

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
/// /// Knows one name.
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
    /// All addresses of `name`, best first; none if it has none. Asked once for every connection; an answer that is
    /// kept is kept by the implementation. Dropping the future gives up.
    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>>;
}

/// The operating system's resolver. It blocks, so tokio runs it among its blocking threads; a lookup that was given up
/// ends there by itself.
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

/// A resolver behind the guard, as the client asks it. Literal addresses never come here: they were checked in the URL.
pub(super) struct Guarded {
    pub(super) resolver: Arc<dyn Resolve>,
    pub(super) guard: Arc<Guard>,
    /// The port that is connected to, if an allowed host is named with it: it is not in the question.
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
            // Port 0 stands for the URL's.
            let addresses = addresses.into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(addresses) as Addrs)
        })
    }
}

/// The guard's no, on its way through the client's errors.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to an address that is not allowed")]
pub(super) struct Refused;
