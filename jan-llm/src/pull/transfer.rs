//! Sends one request for the missing bytes of a file and writes them to disk.

use jan_core::secret::ExposeSecret;
use jan_core::{Error, ErrorKind, Result, Secret};
use reqwest::header::{ACCEPT_ENCODING, IF_RANGE, RANGE};
use reqwest::redirect::Policy;
use reqwest::{Client, NoProxy, Proxy, Response, Url};

use super::part::{Shared, lock};
use super::reply::{self, Failure, Reply};
use super::{Progress, Proxies, Pull, blocking};

const MAX_REDIRECTS: usize = 8;
/// How many bytes are collected before they are written. At most so many are lost when the future is dropped.
const PIECE: usize = 256 * 1024;

pub(super) fn parse(url: &str) -> Result<Url> {
    match Url::parse(url) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(url),
        _ => Err(Error::invalid("url", "The URL must look like `https://host/path/model.gguf`.")),
    }
}

pub(super) fn client(pull: &Pull) -> Result<Client> {
    let redirects = Policy::custom(|attempt| {
        let from_tls = attempt.previous().last().is_some_and(|url| url.scheme() == "https");
        if attempt.previous().len() > MAX_REDIRECTS {
            attempt.error("too many redirects")
        } else if from_tls && attempt.url().scheme() != "https" {
            attempt.error("a redirect from https to http")
        } else {
            attempt.follow()
        }
    });
    // `no_proxy` keeps reqwest from reading proxy settings from the environment.
    let mut client = Client::builder().redirect(redirects).no_proxy();
    client = client.connect_timeout(pull.connect_timeout).read_timeout(pull.idle_timeout);
    for proxy in proxies(&pull.proxies)? {
        client = client.proxy(proxy);
    }
    client.user_agent(concat!("jan-llm/", env!("CARGO_PKG_VERSION"))).build().map_err(Error::internal)
}

fn proxies(Proxies { http, https, except }: &Proxies) -> Result<Vec<Proxy>> {
    let http = http.iter().map(|proxy| Proxy::http(proxy_url(proxy)?).map_err(Error::internal));
    let https = https.iter().map(|proxy| Proxy::https(proxy_url(proxy)?).map_err(Error::internal));
    let direct = except.as_deref().and_then(NoProxy::from_string);
    http.chain(https).map(|proxy| Ok(proxy?.no_proxy(direct.clone()))).collect()
}

/// The URL of a proxy, which may be written without a scheme. reqwest would silently ignore a proxy with an unknown
/// scheme.
fn proxy_url(proxy: &Secret) -> Result<Url> {
    let text = proxy.expose_secret();
    let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    // The message does not contain the value, which may hold a password.
    parse(&text).map_err(|_| Error::invalid("proxy", "A proxy must look like `http://proxy:3128`."))
}

/// Requests the missing bytes and appends them until the file is complete.
pub(super) async fn attempt(
    client: &Client,
    url: &Url,
    part: &Shared,
    progress: &mut (impl FnMut(Progress) + Send),
) -> Result<(), Failure> {
    let received = lock(part).received().clone();
    if received.total().is_some_and(|total| total == received.len) && received.resumable().is_some() {
        report(part, progress);
        return Ok(());
    }
    // Without compression, so that lengths and ranges count the bytes of the file itself.
    let mut request = client.get(url.clone()).header(ACCEPT_ENCODING, "identity");
    if let Some(version) = received.resumable() {
        request = request.header(RANGE, format!("bytes={}-", received.len)).header(IF_RANGE, version);
    }
    let response = request.send().await.map_err(|e| not_sent(e, received.len))?;
    let decided = reply::read(response.status(), response.headers(), &received);
    match decided {
        Ok(Reply::Continues) => {}
        Ok(Reply::StartsOver(version)) => on_disk(part, |part| part.start_over(Some(version))).await?,
        Err(failure) => {
            if failure.discard {
                on_disk(part, |part| part.start_over(None)).await?;
            }
            return Err(failure);
        }
    }
    report(part, progress);
    receive(response, part, progress).await
}

async fn receive(
    mut response: Response,
    part: &Shared,
    progress: &mut (impl FnMut(Progress) + Send),
) -> Result<(), Failure> {
    let kind = reply::kind(response.headers()).map(str::to_owned);
    let mut piece = Vec::with_capacity(PIECE);
    loop {
        let chunk = response.chunk().await;
        if let Ok(Some(bytes)) = &chunk {
            piece.extend_from_slice(bytes);
        }
        let ended = !matches!(chunk, Ok(Some(_)));
        if piece.len() >= PIECE || (ended && !piece.is_empty()) {
            let full = std::mem::replace(&mut piece, Vec::with_capacity(PIECE));
            let kind = kind.clone();
            on_disk(part, move |part| part.append(&full, kind.as_deref())).await?;
            report(part, progress);
        }
        let received = lock(part).received().clone();
        let (len, total) = (received.len, received.total());
        match chunk {
            Ok(Some(_)) => {}
            Err(error) => return Err(broke_off(error, len)),
            // If the server stated no length, only the model's header can show whether the file is complete.
            Ok(None) if total.is_none_or(|total| total == len) => return Ok(()),
            Ok(None) => {
                let message = format!("The server sent {len} bytes and promised {}.", total.unwrap_or(0));
                return Err(Failure::temporary(Error::upstream(message).with_code("pull_cut")));
            }
        }
    }
}

/// Runs disk work on the part on a blocking thread. If the caller's future is dropped meanwhile, the thread still
/// completes the work and only then drops the part and its lock. So the next download never sees a half-written state.
async fn on_disk(
    part: &Shared,
    work: impl FnOnce(&mut super::Part) -> Result<()> + Send + 'static,
) -> Result<(), Failure> {
    let part = Shared::clone(part);
    blocking(move || work(&mut lock(&part))).await.map_err(Failure::permanent)
}

fn report(part: &Shared, progress: &mut (impl FnMut(Progress) + Send)) {
    let at = lock(part).received().clone();
    progress(Progress { done: at.len, total: at.total() });
}

fn not_sent(error: reqwest::Error, len: u64) -> Failure {
    // The URL may contain a signature or password, so it must not appear in messages or logs.
    let error = error.without_url();
    if error.is_redirect() {
        let message = "The server sends us around: too many redirects, or one from https to http.";
        return Failure::permanent(Error::upstream(message).because(error));
    }
    if error.is_builder() {
        return Failure::permanent(Error::invalid("url", "This URL cannot be asked for.").because(error));
    }
    if error.is_connect() && !error.is_timeout() {
        let message = format!("The server cannot be reached: {}.", innermost(&error));
        return Failure::temporary(Error::upstream(message).with_code("upstream_unreachable").because(error));
    }
    broke_off(error, len)
}

fn broke_off(error: reqwest::Error, len: u64) -> Failure {
    let error = error.without_url();
    let hint = if len > 0 {
        format!(" {len} bytes are kept; the next pull goes on from there.")
    } else {
        String::new()
    };
    Failure::temporary(if error.is_timeout() {
        Error::new(ErrorKind::UpstreamTimeout, format!("The server fell silent.{hint}")).because(error)
    } else {
        Error::upstream(format!("The connection broke off.{hint}")).with_code("pull_cut").because(error)
    })
}

/// The innermost cause, which is the message of the operating system.
fn innermost(error: &reqwest::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
