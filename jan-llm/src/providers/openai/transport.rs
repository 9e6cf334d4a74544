//! The connection pool to one upstream, and one request over it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use jan_core::{Error, ErrorKind, Result};

use rustls::{ClientConfig, RootCertStore};
use thread_local::ThreadLocal;

use super::{Upstream, fixed_headers, reply, stream};

/// A whole answer of more than this is refused: 16 MiB.
const MAX_ANSWER: usize = 16 * 1024 * 1024;
/// Idle connections are closed before the usual upstream would close them under our hands.
const POOL_IDLE: Duration = Duration::from_secs(25);

type HttpClient = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// Sends requests to one upstream.
pub(super) struct Transport {
    /// A wrong URL is kept as the sentence that says so.
    target: Result<Target, String>,
    /// A pool of connections for each thread: where a thread runs a runtime of its own, as in our server, a request then
    /// never wakes another thread, which costs more than all that we do to it.
    clients: ThreadLocal<HttpClient>,
    connect_timeout: Duration,
    tls: ClientConfig,
    reply_timeout: Duration,
    idle_timeout: Duration,
}

struct Target {
    base: String,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Transport {
    pub(super) fn new(upstream: &Upstream) -> Result<Self> {
        let target = Target::read(upstream)?;
        Ok(Self { target: Ok(target), ..Self::deferred(upstream) })
    }

    pub(super) fn deferred(upstream: &Upstream) -> Self {
        Self {
            target: Target::read(upstream).map_err(|e| e.message().to_owned()),
            clients: ThreadLocal::new(),
            connect_timeout: upstream.connect_timeout,
            tls: tls(&upstream.url),
            reply_timeout: upstream.reply_timeout,
            idle_timeout: upstream.idle_timeout,
        }
    }

    fn client(&self) -> &HttpClient {
        self.clients.get_or(|| {
            let mut tcp = HttpConnector::new();
            tcp.enforce_http(false);
            tcp.set_nodelay(true);
            tcp.set_connect_timeout(Some(self.connect_timeout));
            let builder = HttpsConnectorBuilder::new().with_tls_config(self.tls.clone());
            Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(POOL_IDLE)
                .build(builder.https_or_http().enable_http1().wrap_connector(tcp))
        })
    }

    /// Sends one request and waits for the head of a successful reply; any other reply is an error that says what the
    /// upstream said. Dropping the future, or the reply's body, closes the connection.
    pub(super) async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<Reply> {
        let target = self
            .target
            .as_ref()
            .map_err(|sentence| Error::unavailable(sentence.clone()).code("bad_upstream"))?;
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = Uri::try_from(format!("{}{path}", target.base)).map_err(Error::internal)?;
        request.headers_mut().reserve(target.headers.len() + 2);
        for (name, value) in &target.headers {
            request.headers_mut().insert(name, value.clone());
        }
        let sent = tokio::time::timeout(self.reply_timeout, self.client().request(request)).await;
        let response = match sent {
            Err(_) => return Err(too_slow()),
            Ok(Err(error)) => return Err(not_sent(error)),
            Ok(Ok(response)) => response,
        };
        let (head, body) = response.into_parts();
        let reply = Reply { headers: head.headers, body, idle_timeout: self.idle_timeout };
        if head.status.is_success() { Ok(reply) } else { Err(reply::into_error(head.status, reply).await) }
    }
}

/// The head of a reply, and its body still to come.
pub(super) struct Reply {
    pub(super) headers: HeaderMap,
    body: hyper::body::Incoming,
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
        stream::Chunks::new(self.body, self.idle_timeout)
    }
}

impl Target {
    fn read(upstream: &Upstream) -> Result<Self> {
        let base = upstream.url.trim_end_matches('/');
        let uri = Uri::try_from(base).ok();
        let good = uri.is_some_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.host().is_some()
                && uri.query().is_none()
        });
        if !good {
            let message = "The upstream URL must look like `http://localhost:11434/v1`.";
            return Err(Error::invalid("url", message));
        }
        let mut headers = fixed_headers(upstream)?;
        headers.retain(|(name, _)| name != HOST);
        Ok(Self { base: base.to_owned(), headers })
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

fn not_sent(error: hyper_util::client::legacy::Error) -> Error {
    if error.is_connect() {
        let message = "The upstream cannot be reached.";
        return Error::new(ErrorKind::Upstream, message).code("upstream_unreachable").because(error);
    }
    Error::upstream("The upstream closed the connection without an answer.")
        .code("upstream_cut")
        .because(error)
}

pub(super) fn cut(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::upstream("The model's answer broke off.").code("upstream_cut").because(cause)
}

pub(super) fn too_slow() -> Error {
    Error::new(ErrorKind::UpstreamTimeout, "The upstream did not answer in time.")
}
