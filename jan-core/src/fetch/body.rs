//! What came back: a head, and a body that ends when it is too large.

use std::fmt;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE};
use reqwest::{Error as HttpError, Response};

use super::resolve::Refused;
use super::{FetchLimits, guard};
use crate::{BoxStream, Error, ErrorKind, Result};

/// A reply, whatever its status, of the last URL on the way.
pub struct Fetched {
    /// Where the redirects led, without a fragment.
    pub url: String,
    /// The status as the server said it, say 200 or 404. Redirects that were followed are not seen.
    pub status: u16,
    /// The `Content-Type` as the server said it; what the bytes are is another question.
    pub content_type: Option<String>,
    /// How long the server says the body is. It was compared with the limit; the truth may differ.
    pub length: Option<u64>,
    /// The body. It ends after a whole body or with an error: `TooLarge` when it passes the limit, `UpstreamTimeout` when
    /// the time for the whole runs out, `Upstream` when it breaks off. Dropping it stops the download.
    pub body: BoxStream<Result<Bytes>>,
}

impl Fetched {
    pub(super) fn new(reply: Response, limits: FetchLimits) -> Result<Self> {
        // Plain bytes were asked for. What is packed all the same could be a bomb, and nobody here unpacks it.
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

    /// The same reply, if its status says success.
    ///
    /// # Errors
    /// [`ErrorKind::Upstream`] for every status that is not 2xx.
    pub fn success(self) -> Result<Self> {
        match self.status {
            200..300 => Ok(self),
            status => Err(Error::upstream(format!("The server answered with status {status}."))),
        }
    }

    /// Reads the body whole. Memory grows with what comes, not with what was announced.
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

/// Counts what really comes; the stream ends with its first error.
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

/// What an error of the client means for whoever named the URL. The log's cause does without the URL, which may hold a
/// secret in its query.
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
