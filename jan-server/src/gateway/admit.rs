//! Who may come in, and how often: the host that was asked for, the limits, the credential.

use std::net::SocketAddr;
use std::sync::Arc;

use http::request::Parts;
use jan_core::{AuthMethod, AuthVerifier, Clock, Principal, Result};

use super::auth::authenticate;
use super::cors::Cors;
use super::exchange::Exchange;
use super::hosts::{Hosts, admit_page};
use super::idempotency::Keys;
use super::rate::{LimitGroup, RateLimits};

/// The address of the peer of a request, for limits counted by address. [`crate::Server::serve`] adds it to the request's
/// extensions; whoever mounts the service elsewhere can add it too.
#[derive(Debug, Clone, Copy)]
pub struct PeerAddr(pub SocketAddr);

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Everybody.
    Public,
    /// Whoever shows a valid credential.
    User,
}

/// What one route asks of its callers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    pub(crate) access: Access,
    pub(crate) limit: LimitGroup,
}

/// The parts that stand before all routes.
pub(crate) struct Gateway {
    pub(crate) verifier: Arc<dyn AuthVerifier>,
    pub(crate) rate: Option<RateLimits>,
    pub(crate) cors: Cors,
    pub(crate) hosts: Hosts,
    pub(crate) clock: Arc<dyn Clock>,
    /// The idempotency keys.
    pub(crate) keys: Keys,
}

impl Gateway {
    /// Refuses what is asked of a host that is not this server's, or changes something for a page that may not call.
    ///
    /// # Errors
    /// As [`Hosts::admit`].
    pub(crate) fn admit_host(&self, head: &Parts) -> Result<()> {
        self.hosts.admit(head, |page| self.cors.allows(page))
    }

    /// Counts the request and checks the credential: who it is that calls.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::RateLimited`], [`jan_core::ErrorKind::Unauthenticated`], or [`jan_core::ErrorKind::Forbidden`] for a
    /// page that may not use a browser's session.
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
        let who = authenticate(&*self.verifier, head).await?;
        exchange.authenticated(&who);
        if matches!(who.method, AuthMethod::Session | AuthMethod::Host) {
            // A browser sends a session's cookie along whichever page asks.
            admit_page(head, |page| self.cors.names(page))?;
        }
        if let Some(limits) = limits {
            limits.by_caller(rule.limit, &who.user, now, &mut exchange.count)?;
        }
        Ok(who)
    }
}
