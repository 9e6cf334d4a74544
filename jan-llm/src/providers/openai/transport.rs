//! One request to an upstream: what is sent, how long it may take, what comes back.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::connect::HttpConnector;
use jan_core::{Error, ErrorKind, Result};
use rustls::{ClientConfig, RootCertStore};
use thread_local::ThreadLocal;

use super::events::Events;
use super::pool::{Pool, ReplyBody};
use super::{Upstream, fixed_headers, reply, stream};
use crate::sse::MAX_EVENT;

/// A whole answer of more than this is refused: 16 MiB.
const MAX_ANSWER: usize = 16 * 1024 * 1024;
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
            .map_err(|sentence| Error::unavailable(sentence.clone()).code("bad_upstream"))?;
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = Uri::try_from([&target.base, path].concat()).map_err(Error::internal)?;
        *request.headers_mut() = target.headers.clone();
        if let Some(content_type) = content_type {
            request.headers_mut().insert(CONTENT_TYPE, content_type);
        }
        let sent = tokio::time::timeout(self.reply_timeout, self.pool().send(&target.server, request)).await;
        let response = sent.unwrap_or_else(|_| Err(too_slow()))?;
        let (head, body) = response.into_parts();
        let reply = Reply { headers: head.headers, body, idle_timeout: self.idle_timeout };
        if head.status.is_success() { Ok(reply) } else { Err(reply::into_error(head.status, reply).await) }
    }
}

/// The head of a reply, and its body still to come.
pub(super) struct Reply {
    pub(super) headers: HeaderMap,
    body: ReplyBody,
    idle_timeout: Duration,
}

impl Reply {
    pub(super) fn is_event_stream(&self) -> bool {
        let kind = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        kind.trim_start().to_ascii_lowercase().starts_with("text/event-stream")
    }

    /// The whole body.
    pub(super) async fn bytes(self) -> Result<Bytes> {
        self.bytes_up_to(MAX_ANSWER).await
    }

    pub(super) async fn bytes_up_to(self, limit: usize) -> Result<Bytes> {
        let mut body = Limited::new(self.body, limit);
        let mut whole: Option<Bytes> = None;
        loop {
            let frame = match tokio::time::timeout(self.idle_timeout, body.frame()).await {
                Err(_) => return Err(too_slow()),
                Ok(None) => return Ok(whole.unwrap_or_default()),
                Ok(Some(Ok(frame))) => frame,
                Ok(Some(Err(error))) if error.is::<http_body_util::LengthLimitError>() => {
                    let message = format!("The upstream's answer is over {limit} bytes.");
                    return Err(Error::upstream(message).code("upstream_too_large"));
                }
                Ok(Some(Err(error))) => return Err(cut(error)),
            };
            let Ok(data) = frame.into_data() else { continue };
            // One frame is the rule, and needs no copy.
            whole = Some(match whole {
                None => data,
                Some(before) => [before, data].concat().into(),
            });
        }
    }

    /// The body as the chunks of a streamed answer.
    pub(super) fn into_chunks(self) -> stream::Chunks {
        stream::Chunks::new(self.into_events(MAX_EVENT))
    }

    /// The body as events, none larger than `largest`.
    pub(super) fn into_events(self, largest: usize) -> Events {
        Events::new(self.body, self.idle_timeout, largest)
    }
}

impl Target {
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
        let base = url.path().trim_end_matches('/').to_owned();
        let mut server = url.into_parts();
        server.path_and_query = Some(PathAndQuery::from_static("/"));
        Ok(Self { server: Uri::from_parts(server).map_err(Error::internal)?, base, headers })
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

pub(super) fn cut(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::upstream("The model's answer broke off.").code("upstream_cut").because(cause)
}

pub(super) fn too_slow() -> Error {
    Error::new(ErrorKind::UpstreamTimeout, "The upstream did not answer in time.")
}
