//! One fetch: sends the request, follows redirects itself, and checks the URL of every step like the first one.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT_ENCODING, HeaderValue, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use tokio::time::Instant;
use url::Url;

use super::body::{Fetched, failed};
use super::guard::{Guard, parse};
use super::resolve::{Guarded, Resolve};
use super::{FetchLimits, FetchSettings};
use crate::{Error, Result};

/// Fetches URLs that a caller chooses. Cheap to create and to clone: the HTTP client, which loads the system's
/// certificates, is created at the first fetch.
#[derive(Clone)]
pub struct Fetcher {
    /// One client for each port that an entry of the allow-list names, and one for all other ports. The reason: a
    /// client's resolver gets only the host name and not the port, so the port must be known from the client.
    clients: Arc<Mutex<HashMap<Option<u16>, Client>>>,
    guard: Arc<Guard>,
    resolver: Arc<dyn Resolve>,
    connect_timeout: Duration,
    user_agent: HeaderValue,
}

impl Fetcher {
    /// A fetcher with these settings.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] when the user agent is not a valid header value.
    pub fn new(settings: FetchSettings) -> Result<Self> {
        let FetchSettings { allow, allow_private, ports, allow_downgrade, resolver, .. } = settings;
        let user_agent = HeaderValue::try_from(settings.user_agent)
            .map_err(|error| Error::invalid("user_agent", "The user agent is no header.").because(error))?;
        Ok(Self {
            clients: Arc::default(),
            guard: Arc::new(Guard { allow, allow_private, ports, allow_downgrade }),
            resolver,
            connect_timeout: settings.connect_timeout,
            user_agent,
        })
    }

    fn client(&self, port: Option<u16>) -> Result<Client> {
        let mut clients = self.clients.lock();
        if let Some(client) = clients.get(&port) {
            return Ok(client.clone());
        }
        let (resolver, guard) = (self.resolver.clone(), self.guard.clone());
        let client = Client::builder()
            .dns_resolver(Guarded { resolver, guard, port })
            // Redirects are followed and checked here, and no header of one request is sent with the next.
            .redirect(Policy::none())
            .referer(false)
            // A proxy would resolve names without the guard. This also ignores proxy settings of the environment.
            .no_proxy()
            // Another crate in the build may enable these features of reqwest.
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            // A connection was checked for one request, so it is not reused; it closes when the body is dropped.
            .http1_only()
            .pool_max_idle_per_host(0)
            .connect_timeout(self.connect_timeout)
            .user_agent(self.user_agent.clone())
            .build()
            .map_err(Error::internal)?;
        clients.insert(port, client.clone());
        Ok(client)
    }

    /// Fetches a URL, follows redirects, and returns the last reply as soon as its head has arrived. The request
    /// contains nothing of the caller: no credential, no cookie, no referrer.
    ///
    /// Dropping the future, or the body that it returns, closes the connection.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] with the code `invalid_url` for text that is not a URL, and `forbidden_url` for a
    /// URL that must not be fetched or that redirects to such a one; `TooLarge` when the announced length is over the
    /// limit; `Upstream` when the server cannot be reached, closes the connection early, compresses its reply, or
    /// redirects too often (`too_many_redirects`); `UpstreamTimeout` when it is too slow; `Internal` when the system's
    /// certificates cannot be used. A status like 404 is no error here, see [`Fetched::success`].
    pub async fn get(&self, url: &str, limits: FetchLimits) -> Result<Fetched> {
        let (started, mut url) = (Instant::now(), parse(url)?);
        self.guard.check(&url)?;
        for _ in 0..=limits.redirects {
            let reply = self.send(&url, limits.time.saturating_sub(started.elapsed())).await?;
            let Some(next) = redirect(&url, &reply)? else { return Fetched::new(reply, limits) };
            self.guard.check_step(&url, &next)?;
            url = next;
        }
        Err(Error::upstream("The URL redirects too often.").with_code("too_many_redirects"))
    }

    async fn send(&self, url: &Url, time: Duration) -> Result<Response> {
        let port = url.port_or_known_default().and_then(|port| self.guard.named_port(port));
        let request = self.client(port)?.get(url.clone()).timeout(time);
        let request = request.header(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        request.send().await.map_err(failed)
    }
}

/// The target of a redirect; `None` when the reply is not a redirect.
fn redirect(from: &Url, reply: &Response) -> Result<Option<Url>> {
    let (301 | 302 | 303 | 307 | 308) = reply.status().as_u16() else { return Ok(None) };
    let Some(to) = reply.headers().get(LOCATION) else { return Ok(None) };
    let to = to.to_str().ok().and_then(|to| from.join(to).ok());
    to.map(Some).ok_or_else(|| Error::upstream("The server redirects to something that is no URL."))
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetcher").field("guard", &self.guard).finish_non_exhaustive()
    }
}
