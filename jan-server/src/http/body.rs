//! The bodies that come in and go out, as types of our own, so that no framework's type is in a public signature.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use jan_core::BoxStream;
use jan_core::causes::Causes;

use super::idempotency::Recorder;
use super::request_log::RequestLog;
use super::sse;

/// Any error, as body types carry them.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The body of a request, wherever it came from.
pub(crate) type RequestBody = UnsyncBoxBody<Bytes, BrokenBody>;

/// Why a request's body could not be read.
#[derive(Debug)]
pub(crate) struct BrokenBody(BoxError);

impl fmt::Display for BrokenBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for BrokenBody {}

pub(crate) fn incoming<B>(body: B) -> RequestBody
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    body.map_err(|error| BrokenBody(error.into())).boxed_unsync()
}

/// The body of a reply. Dropping it before its end stops the work behind it.
pub struct Body(pub(super) Kind);

pub(super) enum Kind {
    Full(Option<Bytes>),
    Events(Box<sse::Events>),
    Recorded(Box<Recorder>),
    /// The pieces of a file, and how many bytes are still to come.
    File(BoxStream<jan_core::Result<Bytes>>, u64),
    /// One of the others, with the log line that is written when it is over.
    Logged(Box<(Body, RequestLog)>),
}

impl Body {
    /// A body of these bytes.
    pub(crate) fn full(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self(Kind::Full((!bytes.is_empty()).then_some(bytes)))
    }

    /// No body.
    pub(crate) fn empty() -> Self {
        Self(Kind::Full(None))
    }

    /// A stream of events.
    pub(crate) fn events(events: sse::Events) -> Self {
        Self(Kind::Events(Box::new(events)))
    }

    /// A file of `length` bytes, read while it is sent. When reading fails the connection breaks off, so that nobody takes
    /// half a file for a whole one.
    pub(crate) fn file(bytes: BoxStream<jan_core::Result<Bytes>>, length: u64) -> Self {
        Self(Kind::File(bytes, length))
    }

    /// The same body, with the log line of its request: written now if all of it is here, else when it is over.
    pub(crate) fn logged(self, mut log: RequestLog) -> Self {
        if matches!(self.0, Kind::Full(_)) {
            log.end();
            return self;
        }
        Self(Kind::Logged(Box::new((self, log))))
    }

    /// A stream of events that is kept while it is sent.
    pub(super) fn recorded(events: Recorder) -> Self {
        Self(Kind::Recorded(Box::new(events)))
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.0 {
            Kind::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Kind::Events(events) => {
                events.poll_bytes(cx).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
            }
            Kind::Recorded(events) => {
                events.poll_bytes(cx).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
            }
            Kind::File(bytes, left) => bytes.as_mut().poll_next(cx).map(|piece| {
                Some(match piece? {
                    Ok(piece) => {
                        *left = left.saturating_sub(piece.len() as u64);
                        Ok(Frame::data(piece))
                    }
                    Err(error) => {
                        tracing::warn!(error = %Causes(&error), "a file broke off while it was sent");
                        Err(error.into())
                    }
                })
            }),
            Kind::Logged(logged) => {
                let (body, log) = &mut **logged;
                let frame = Pin::new(&mut *body).poll_frame(cx);
                match &frame {
                    Poll::Ready(Some(Ok(_))) => log.piece(),
                    Poll::Ready(None) => log.end(),
                    Poll::Ready(Some(Err(_))) | Poll::Pending => {}
                }
                // A body whose length is known is not asked again after its last byte.
                if body.size_hint().exact() == Some(0) {
                    log.end();
                }
                frame
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Full(bytes) => bytes.is_none(),
            Kind::Logged(logged) => logged.0.is_end_stream(),
            Kind::Events(_) | Kind::Recorded(_) | Kind::File(..) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Kind::File(_, left) => SizeHint::with_exact(*left),
            Kind::Events(_) | Kind::Recorded(_) => SizeHint::default(),
            Kind::Logged(logged) => logged.0.size_hint(),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Full(bytes) => f.debug_tuple("Full").field(&bytes.as_ref().map_or(0, Bytes::len)).finish(),
            Kind::Events(_) => f.write_str("Events"),
            Kind::Recorded(events) => events.fmt(f),
            Kind::File(_, left) => f.debug_tuple("File").field(left).finish(),
            Kind::Logged(logged) => logged.0.fmt(f),
        }
    }
}
