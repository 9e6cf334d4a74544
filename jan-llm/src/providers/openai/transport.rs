//! Sends one request to an upstream: the headers, the time limits, and the conversion of error replies.

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

use super::faults::{Endpoint, too_slow};
use super::pool::Pool;
use super::reply::Reply;
use super::{Upstream, fixed_headers, refusal};

/// Sends requests to one upstream.
pub(super) struct Transport {
    /// For an invalid URL, key or header: the message that each request fails with.
    target: Result<Target, String>,
    /// A connection pool for each thread. In jan-server each thread has its own runtime; with a shared pool a request
    /// could wake another thread, which costs more than the rest of our work on the request.
    pools: ThreadLocal<Pool>,
    connect_timeout: Duration,
    tls: ClientConfig,
    reply_timeout: Duration,
    idle_timeout: Duration,
}

/// The upstream's address and the headers of every request, computed once.
struct Target {
    /// The scheme and authority to connect to.
    server: Uri,
    /// The same for the log, without user name and password.
    log_address: String,
    /// The path with which the path of every request begins.
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

    /// Sends a request with a JSON body and waits for the head of a successful reply; any other reply becomes an error
    /// (see `refusal`). Dropping the future, or the unread body of the reply, closes the connection.
    pub(super) async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<Reply> {
        self.send_head(method, path, None, body).await
    }

    /// Like [`Transport::send`], for a body with another content type.
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
            .map_err(|message| Error::unavailable(message.clone()).with_code("bad_upstream"))?;
        let endpoint = target.endpoint(path);
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
        let response =
            sent.unwrap_or_else(|_| Err(too_slow())).map_err(|error| endpoint.with_address(error))?;
        let (head, body) = response.into_parts();
        let reply = Reply::new(head.headers, body, self.idle_timeout);
        if head.status.is_success() {
            Ok(reply)
        } else {
            Err(refusal::into_error(head.status, &endpoint, reply).await)
        }
    }

    /// Adds the address to the cause of an error, for the log.
    pub(super) fn with_address(&self, path: &str, error: Error) -> Error {
        match &self.target {
            Ok(target) => target.endpoint(path).with_address(error),
            Err(_) => error,
        }
    }
}

impl Target {
    fn endpoint<'a>(&'a self, path: &'a str) -> Endpoint<'a> {
        Endpoint { server: &self.log_address, base: &self.base, path }
    }

    fn read(upstream: &Upstream) -> Result<Self> {
        let url = Uri::try_from(upstream.url.trim_end_matches('/')).ok();
        let is_valid = |url: &Uri| {
            matches!(url.scheme_str(), Some("http" | "https"))
                && url.host().is_some()
                && url.query().is_none()
        };
        let Some(url) = url.filter(is_valid) else {
            let message = "The upstream URL must look like `http://localhost:11434/v1`.";
            return Err(Error::invalid("url", message));
        };
        let mut headers = fixed_headers(upstream)?;
        headers.insert(HOST, HeaderValue::try_from(host(&url)).map_err(Error::internal)?);
        let log_address = format!("{}://{}", url.scheme_str().unwrap_or_default(), host(&url));
        let base = url.path().trim_end_matches('/').to_owned();
        let mut server = url.into_parts();
        server.path_and_query = Some(PathAndQuery::from_static("/"));
        Ok(Self { server: Uri::from_parts(server).map_err(Error::internal)?, log_address, base, headers })
    }
}

/// The host for the `Host` header, with the port unless it is the scheme's default.
fn host(url: &Uri) -> String {
    let default_port = if url.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 };
    let host = url.host().unwrap_or_default();
    match url.port_u16().filter(|port| *port != default_port) {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// The TLS configuration with the root certificates of the operating system. They are loaded only for an `https`
/// upstream, because loading them costs time and memory and local model servers use plain HTTP.
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
    // The cryptography provider is set here. The process-wide default may have been set by another crate of the
    // embedder.
    match ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions() {
        Ok(builder) => builder.with_root_certificates(roots).with_no_client_auth(),
        Err(_) => ClientConfig::builder().with_root_certificates(roots).with_no_client_auth(),
    }
}
