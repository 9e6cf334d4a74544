//! The limits on the size and the speed of a request body, and reading a body within them.

use std::num::NonZeroU64;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use jan_core::{Error, ErrorKind, Result};
use tokio::time::{Instant, timeout_at};

use super::body::{BoxError, RequestBody};

/// The limits of a request body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyLimit {
    /// The most bytes.
    pub(crate) bytes: usize,
    /// The code of the error for a larger body.
    pub(crate) code: &'static str,
    /// How long a body may take to arrive.
    pub(crate) time: Duration,
    /// A body may take longer than `time` while it arrives at this average rate, in bytes per second. `None`: no extra
    /// time.
    pub(crate) rate: Option<NonZeroU64>,
}

impl BodyLimit {
    /// The error for a body that is too large.
    pub(crate) fn too_large(self) -> Error {
        let message = format!("The body is over {} bytes.", self.bytes);
        Error::new(ErrorKind::TooLarge, message).with_code(self.code)
    }

    /// The time that is allowed for a body of which `read` bytes have arrived.
    fn time_for(self, read: usize) -> Duration {
        self.time + Duration::from_secs(self.rate.map_or(0, |rate| read as u64 / rate))
    }

    /// The error for a body that is too slow.
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
    started: Instant,
    read: usize,
}

impl Reading {
    pub(super) fn new(body: RequestBody, limit: BodyLimit) -> Self {
        Self { body, limit, started: Instant::now(), read: 0 }
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`], [`ErrorKind::Timeout`], or [`ErrorKind::Invalid`] when the connection breaks off.
    pub(super) async fn piece(&mut self) -> Result<Option<Bytes>> {
        loop {
            let until = self.started + self.limit.time_for(self.read);
            let frame = match timeout_at(until, self.body.frame()).await {
                Ok(Some(frame)) => frame.map_err(broke_off)?,
                Ok(None) => return Ok(None),
                Err(_) => return Err(self.limit.too_slow()),
            };
            // Other frames are trailers, which are ignored.
            let Ok(piece) = frame.into_data() else { continue };
            self.read = self.read.saturating_add(piece.len());
            if self.read > self.limit.bytes {
                return Err(self.limit.too_large());
            }
            return Ok(Some(piece));
        }
    }
}

fn broke_off(cause: impl Into<BoxError>) -> Error {
    Error::new(ErrorKind::Invalid, "The body broke off.").because(cause)
}
