//! Admits a request or refuses it: checks its host, the rate limits and the credential.

use std::net::SocketAddr;
use std::sync::Arc;

use http::request::Parts;
use jan_core::{AuthMethod, AuthVerifier, Clock, Principal, Result};

use super::auth::authenticate;
use super::cors::Cors;
use super::exchange::Exchange;
use super::hosts::{Hosts, check_origin};
use super::idempotency::Keys;
use super::rate::{LimitGroup, RateLimits};

/// The network address of a request's client, for rate limits that count by address. [`crate::Server::serve`] adds it
/// to the request's extensions; an app that mounts the service can add it as well.
#[derive(Debug, Clone, Copy)]
pub struct PeerAddr(pub SocketAddr);

/// Whether a route requires a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// No credential is required.
    Public,
    /// A valid credential is required.
    User,
}

/// What one route requires of its callers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    pub(crate) access: Access,
    pub(crate) limit: LimitGroup,
}

/// The checks that run before every handler, and their parts.
pub(crate) struct Gateway {
    pub(crate) verifier: Arc<dyn AuthVerifier>,
    pub(crate) rate: Option<RateLimits>,
    pub(crate) cors: Cors,
    pub(crate) hosts: Hosts,
    pub(crate) clock: Arc<dyn Clock>,
    /// Requests with an `Idempotency-Key` that run or have been answered.
    pub(crate) keys: Keys,
}

impl Gateway {
    /// Refuses a request for a host name that is not this server's, and a request that changes something for a web page
    /// that may not call.
    ///
    /// # Errors
    /// As [`Hosts::check`].
    pub(crate) fn check_host(&self, head: &Parts) -> Result<()> {
        self.hosts.check(head, |page| self.cors.allows(page))
    }

    /// Counts the request against the rate limits and authenticates its caller. The limits by address come first,
    /// because a credential can be expensive to verify.
    ///
    /// # Errors
    /// [`ErrorKind::RateLimited`](jan_core::ErrorKind::RateLimited), `Unauthenticated`, or `Forbidden` for a page that
    /// may not use a browser's session.
    pub(crate) async fn admit(
        &self,
        rule: Rule,
        head: &Parts,
        exchange: &mut Exchange,
    ) -> Result<Arc<Principal>> {
        let (limits, now) = (self.rate.as_ref(), self.clock.now());
        if let Some(limits) = limits {
            let peer = head.extensions.get::<PeerAddr>().map(|peer| peer.0.ip());
            limits.by_address(rule.limit, peer, now, &mut exchange.count)?;
        }
        if rule.access == Access::Public {
            return Ok(Arc::new(Principal::open("public")));
        }
        let principal = authenticate(&*self.verifier, head).await?;
        exchange.set_principal(&principal);
        if matches!(principal.method, AuthMethod::Session | AuthMethod::Host) {
            // A browser sends a session cookie with the requests of every page, so the page must be one that CORS lists
            // by name.
            check_origin(head, |page| self.cors.lists(page))?;
        }
        if let Some(limits) = limits {
            limits.by_caller(rule.limit, &principal.user, now, &mut exchange.count)?;
        }
        Ok(principal)
    }
}
