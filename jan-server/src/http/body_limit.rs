//! How large a body may be and how slow, and reading one within these bounds.

use std::num::NonZeroU64;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use jan_core::{Error, ErrorKind, Result};
use tokio::time::{Instant, timeout_at};

use super::body::{BoxError, RequestBody};

/// How large a body may be, and how slow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyLimit {
    pub(crate) bytes: usize,
    /// The code that tells a client that it has more.
    pub(crate) code: &'static str,
    /// How long it may take,
    pub(crate) time: Duration,
    /// and longer as long as so many bytes have come for each second. Without it the time is all there is.
    pub(crate) rate: Option<NonZeroU64>,
}

impl BodyLimit {
    /// What is said of a body that has more.
    pub(crate) fn broken(self) -> Error {
        let message = format!("The body is over {} bytes.", self.bytes);
        Error::new(ErrorKind::TooLarge, message).with_code(self.code)
    }

    /// How long a body may have taken of which so much has come.
    fn time_for(self, read: usize) -> Duration {
        self.time + Duration::from_secs(self.rate.map_or(0, |rate| read as u64 / rate))
    }

    /// What is said of a body that takes longer.
    fn too_slow(self) -> Error {
        let seconds = self.time.as_secs_f32();
        let message = match self.rate {
            None => format!("The body took longer than {seconds} s."),
            Some(rate) => {
                format!("The body came slower than {rate} bytes a second, for longer than {seconds} s.")
            }
        };
        Error::new(ErrorKind::Timeout, message)
    }
}

/// A body that is being read.
pub(super) struct Reading {
    body: RequestBody,
    limit: BodyLimit,
    since: Instant,
    read: usize,
}

impl Reading {
    pub(super) fn new(body: RequestBody, limit: BodyLimit) -> Self {
        Self { body, limit, since: Instant::now(), read: 0 }
    }

    /// The next bytes; none at the end.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`], [`ErrorKind::Timeout`], or [`ErrorKind::Invalid`] when it breaks off.
    pub(super) async fn piece(&mut self) -> Result<Option<Bytes>> {
        loop {
            let until = self.since + self.limit.time_for(self.read);
            let frame = match timeout_at(until, self.body.frame()).await {
                Ok(Some(frame)) => frame.map_err(broke_off)?,
                Ok(None) => return Ok(None),
                Err(_) => return Err(self.limit.too_slow()),
            };
            // What is no data are trailers, which say nothing to us.
            let Ok(piece) = frame.into_data() else { continue };
            self.read = self.read.saturating_add(piece.len());
            if self.read > self.limit.bytes {
                return Err(self.limit.broken());
            }
            return Ok(Some(piece));
        }
    }
}

fn broke_off(cause: impl Into<BoxError>) -> Error {
    Error::new(ErrorKind::Invalid, "The body broke off.").because(cause)
}
