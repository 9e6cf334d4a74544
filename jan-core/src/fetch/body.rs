//! The reply to a fetch: its head, and a body that ends with an error when it is too large.

use std::fmt;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE};
use reqwest::{Error as HttpError, Response};

use super::resolve::Refused;
use super::{FetchLimits, guard};
use crate::{BoxStream, Error, ErrorKind, Result};

/// The reply of the last URL after all redirects, with any status.
pub struct Fetched {
    /// The URL after all redirects, without a fragment.
    pub url: String,
    /// The status code, for example 200 or 404. The statuses of followed redirects are not reported.
    pub status: u16,
    /// The `Content-Type` header, which the bytes may contradict.
    pub content_type: Option<String>,
    /// The `Content-Length` header. It is not over the limit, but the body's real length may differ.
    pub length: Option<u64>,
    /// The body. The stream ends after a complete body, or with an error: `TooLarge` when the body exceeds the limit,
    /// `UpstreamTimeout` when the time limit of the fetch is reached, `Upstream` when the body is cut off. Dropping
    /// the stream stops the download.
    pub body: BoxStream<Result<Bytes>>,
}

impl Fetched {
    pub(super) fn new(reply: Response, limits: FetchLimits) -> Result<Self> {
        // The request asked for uncompressed bytes. A reply that is compressed anyway could expand to a huge size, and
        // nothing here decompresses it.
        let plain = |encoding: &str| encoding.is_empty() || encoding.eq_ignore_ascii_case("identity");
        let mut encodings = reply.headers().get_all(CONTENT_ENCODING).iter();
        if !encodings.all(|encoding| encoding.to_str().is_ok_and(|text| plain(text.trim()))) {
            return Err(Error::upstream("The server compressed its reply although it was asked not to."));
        }
        let length = reply.content_length();
        if length.is_some_and(|length| length > limits.bytes) {
            return Err(too_large());
        }
        let content_type = reply.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        Ok(Self {
            url: reply.url().to_string(),
            status: reply.status().as_u16(),
            content_type: content_type.map(str::to_owned),
            length,
            body: bounded(reply, limits.bytes),
        })
    }

    /// The same reply, if its status is a success.
    ///
    /// # Errors
    /// [`ErrorKind::Upstream`] for every status that is not 2xx.
    pub fn success(self) -> Result<Self> {
        match self.status {
            200..300 => Ok(self),
            status => Err(Error::upstream(format!("The server answered with status {status}."))),
        }
    }

    /// Reads the whole body. Memory is allocated for the bytes that arrive, not for the announced length.
    ///
    /// # Errors
    /// Those of [`Fetched::body`].
    pub async fn bytes(mut self) -> Result<Bytes> {
        let mut whole = BytesMut::new();
        while let Some(piece) = self.body.next().await {
            whole.extend_from_slice(&piece?);
        }
        Ok(whole.freeze())
    }
}

impl fmt::Debug for Fetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, status, content_type, length, body: _ } = self;
        let mut out = f.debug_struct("Fetched");
        out.field("url", url).field("status", status);
        out.field("content_type", content_type).field("length", length).finish_non_exhaustive()
    }
}

/// The body with its bytes counted; the stream ends with its first error.
fn bounded(reply: Response, limit: u64) -> BoxStream<Result<Bytes>> {
    let pieces = stream::try_unfold((reply, limit), |(mut reply, left)| async move {
        let Some(piece) = reply.chunk().await.map_err(failed)? else { return Ok(None) };
        let left = left.checked_sub(piece.len() as u64).ok_or_else(too_large)?;
        Ok::<_, Error>(Some((piece, (reply, left))))
    });
    pieces.boxed()
}

fn too_large() -> Error {
    Error::new(ErrorKind::TooLarge, "What the URL leads to is too large.")
}

/// Converts an error of the HTTP client into one for the caller. The URL is removed from the cause in the log, since
/// its query may contain a secret.
pub(super) fn failed(error: HttpError) -> Error {
    let mut causes = std::iter::successors(std::error::Error::source(&error), |cause| cause.source());
    if causes.any(|cause| cause.is::<Refused>()) {
        return guard::not_public();
    }
    let failure = if error.is_timeout() {
        Error::new(ErrorKind::UpstreamTimeout, "The server did not answer in time.")
    } else if error.is_connect() {
        Error::upstream("The server could not be reached.")
    } else {
        Error::upstream("The server broke off, or answered nonsense.")
    };
    failure.because(error.without_url())
}
