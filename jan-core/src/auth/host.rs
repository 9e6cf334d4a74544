//! Authentication by the host application. An app that already has users authenticates them in a layer of its own,
//! which attaches a [`Principal`] to the request.

use std::sync::Arc;

use async_trait::async_trait;

use super::{AuthVerifier, Presented};
use crate::{Principal, Result};

/// Accepts requests that a layer of the host authenticated: it reads the [`Principal`] (or `Arc<Principal>`) that the
/// layer put into the request's extensions. Callers cannot put one there. Other verifiers decide about requests
/// without one.
///
/// ```
/// use jan_core::auth::{AuthVerifier, HostPrincipal, Presented};
/// use jan_core::{AuthMethod, Principal};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let mut extensions = http::Extensions::new();
/// extensions.insert(Principal::new("ann", AuthMethod::Host));          // what a layer of the host does
///
/// let presented = Presented::nothing().with_extensions(&extensions);   // what the server does
/// let principal = HostPrincipal.verify(presented).await?.unwrap();
/// assert_eq!(principal.user.as_str(), "ann");
/// # Ok::<(), jan_core::Error>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct HostPrincipal;

#[async_trait]
impl AuthVerifier for HostPrincipal {
    async fn verify(&self, presented: Presented<'_>) -> Result<Option<Arc<Principal>>> {
        let shared = presented.extensions.get::<Arc<Principal>>().cloned();
        Ok(shared.or_else(|| presented.extensions.get::<Principal>().cloned().map(Arc::new)))
    }
}
