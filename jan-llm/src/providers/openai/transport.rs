//! One request to an upstream: what is sent, how long it may take, what comes back.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use http_body_util::Full;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::connect::HttpConnector;
use jan_core::{Error, Result};
use rustls::{ClientConfig, RootCertStore};
use thread_local::ThreadLocal;

use super::faults::{Place, too_slow};
use super::pool::Pool;
use super::reply::Reply;
use super::{Upstream, fixed_headers, refusal};

/// Sends requests to one upstream.
pub(super) struct Transport {
    /// A wrong URL is kept as the sentence that says so.
    target: Result<Target, String>,
    /// A pool of connections for each thread: where a thread runs a runtime of its own, as in our server, a request then
    /// never wakes another thread, which costs more than all that we do to it.
    pools: ThreadLocal<Pool>,
    connect_timeout: Duration,
    tls: ClientConfig,
    reply_timeout: Duration,
    idle_timeout: Duration,
}

/// Where requests go and what they all carry, made once.
struct Target {
    /// The scheme and authority to connect to.
    server: Uri,
    /// The same for the log: without a name and a password.
    shown: String,
    /// The path that every request's begins with.
    base: String,
    headers: HeaderMap,
}

impl Transport {
    pub(super) fn new(upstream: &Upstream) -> Result<Self> {
        let target = Target::read(upstream)?;
        Ok(Self { target: Ok(target), ..Self::deferred(upstream) })
    }

    pub(super) fn deferred(upstream: &Upstream) -> Self {
        Self {
            target: Target::read(upstream).map_err(|e| e.message().to_owned()),
            pools: ThreadLocal::new(),
            connect_timeout: upstream.connect_timeout,
            tls: tls(&upstream.url),
            reply_timeout: upstream.reply_timeout,
            idle_timeout: upstream.idle_timeout,
        }
    }

    fn pool(&self) -> &Pool {
        self.pools.get_or(|| {
            let mut tcp = HttpConnector::new();
            tcp.enforce_http(false);
            tcp.set_nodelay(true);
            tcp.set_connect_timeout(Some(self.connect_timeout));
            let builder = HttpsConnectorBuilder::new().with_tls_config(self.tls.clone());
            Pool::new(builder.https_or_http().enable_http1().wrap_connector(tcp))
        })
    }

    /// Sends one request and waits for the head of a successful reply; any other reply is an error that says what the
    /// upstream said. Dropping the future, or the reply's body, closes the connection.
    pub(super) async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<Reply> {
        self.send_head(method, path, None, body).await
    }

    /// As [`Transport::send`], for a body that is not JSON.
    pub(super) async fn send_as(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: Bytes,
    ) -> Result<Reply> {
        let content_type = HeaderValue::try_from(content_type).map_err(Error::internal)?;
        self.send_head(method, path, Some(content_type), body).await
    }

    async fn send_head(
        &self,
        method: Method,
        path: &str,
        content_type: Option<HeaderValue>,
        body: Bytes,
    ) -> Result<Reply> {
        let target = self
            .target
            .as_ref()
            .map_err(|sentence| Error::unavailable(sentence.clone()).with_code("bad_upstream"))?;
        let place = target.place(path);
        let uri = Uri::try_from([&target.base, path].concat()).map_err(Error::internal)?;
        let request = || {
            let mut request = Request::new(Full::new(body.clone()));
            *request.method_mut() = method.clone();
            *request.uri_mut() = uri.clone();
            *request.headers_mut() = target.headers.clone();
            if let Some(content_type) = &content_type {
                request.headers_mut().insert(CONTENT_TYPE, content_type.clone());
            }
            request
        };
        let sent = tokio::time::timeout(self.reply_timeout, self.pool().send(&target.server, request)).await;
        let response = sent.unwrap_or_else(|_| Err(too_slow())).map_err(|error| place.blame(error))?;
        let (head, body) = response.into_parts();
        let reply = Reply::new(head.headers, body, self.idle_timeout);
        if head.status.is_success() {
            Ok(reply)
        } else {
            Err(refusal::into_error(head.status, &place, reply).await)
        }
    }

    /// Adds the address to what the log is told of a reply that cannot be used.
    pub(super) fn blame(&self, path: &str, error: Error) -> Error {
        match &self.target {
            Ok(target) => target.place(path).blame(error),
            Err(_) => error,
        }
    }
}

impl Target {
    fn place<'a>(&'a self, path: &'a str) -> Place<'a> {
        Place { server: &self.shown, base: &self.base, path }
    }

    fn read(upstream: &Upstream) -> Result<Self> {
        let url = Uri::try_from(upstream.url.trim_end_matches('/')).ok();
        let good = |url: &Uri| {
            matches!(url.scheme_str(), Some("http" | "https"))
                && url.host().is_some()
                && url.query().is_none()
        };
        let Some(url) = url.filter(good) else {
            let message = "The upstream URL must look like `http://localhost:11434/v1`.";
            return Err(Error::invalid("url", message));
        };
        let mut headers = fixed_headers(upstream)?;
        headers.insert(HOST, HeaderValue::try_from(host(&url)).map_err(Error::internal)?);
        let shown = format!("{}://{}", url.scheme_str().unwrap_or_default(), host(&url));
        let base = url.path().trim_end_matches('/').to_owned();
        let mut server = url.into_parts();
        server.path_and_query = Some(PathAndQuery::from_static("/"));
        Ok(Self { server: Uri::from_parts(server).map_err(Error::internal)?, shown, base, headers })
    }
}

/// The host as the `Host` header names it: with the port if it is not the scheme's own.
fn host(url: &Uri) -> String {
    let usual = if url.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 };
    let host = url.host().unwrap_or_default();
    match url.port_u16().filter(|port| *port != usual) {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// HTTPS by the machine's own certificates. They are read only for an `https` upstream: a model server next door is
/// reached by plain HTTP, and reading them costs time and memory.
fn tls(url: &str) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    if url.starts_with("https") {
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            tracing::warn!(errors = ?found.errors, "no certificates on this machine: https upstreams cannot be trusted");
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    // The provider is named and not the process's default: an embedder's other crates may have chosen another.
    match ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions() {
        Ok(builder) => builder.with_root_certificates(roots).with_no_client_auth(),
        Err(_) => ClientConfig::builder().with_root_certificates(roots).with_no_client_auth(),
    }
}
