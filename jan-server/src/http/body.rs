//! Bodies of requests and replies, as our own types, so that no type of an HTTP framework is in a public signature.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use jan_core::BoxStream;
use jan_core::causes::Causes;

/// Any error, as body types carry them.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The body of a request, with the type of its source erased.
pub(crate) type RequestBody = UnsyncBoxBody<Bytes, BrokenBody>;

/// Why a request's body could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct BrokenBody(BoxError);

pub(crate) fn incoming<B>(body: B) -> RequestBody
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    body.map_err(|error| BrokenBody(error.into())).boxed_unsync()
}

/// The source of an event stream's bytes.
pub(crate) trait EventBytes: Send {
    /// The next bytes to send; `None` at the end.
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>>;

    /// Whether no bytes follow those returned last.
    fn is_over(&self) -> bool;

    /// Whether the stream ended as a success. Meaningful when it is over.
    fn is_whole(&self) -> bool;
}

/// Is notified while a body is sent. Dropped with the body: after the last byte, or when the client disconnects.
pub(crate) trait BodyObserver: Send {
    /// A piece of the body is being sent.
    fn piece(&mut self);

    /// The body is complete.
    fn end(&mut self);
}

/// The body of a reply. Dropping it before its end stops the work behind it.
pub struct Body(BodyKind);

/// The kinds of bodies.
pub(crate) enum BodyKind {
    Full(Option<Bytes>),
    Events(Box<dyn EventBytes>),
    /// The pieces of a file, and the number of bytes that are not sent yet.
    File(BoxStream<jan_core::Result<Bytes>>, u64),
    /// One of the other kinds, with an observer.
    Observed(Box<Observed<dyn BodyObserver>>),
}

/// A body and its observer.
pub(crate) struct Observed<O: ?Sized> {
    body: Body,
    observer: O,
}

impl Body {
    /// A body of these bytes.
    pub(crate) fn full(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self(BodyKind::Full((!bytes.is_empty()).then_some(bytes)))
    }

    /// No body.
    pub(crate) fn empty() -> Self {
        Self(BodyKind::Full(None))
    }

    /// A stream of events.
    pub(crate) fn events(events: impl EventBytes + 'static) -> Self {
        Self(BodyKind::Events(Box::new(events)))
    }

    /// A file of `length` bytes, read while it is sent. If reading fails, the connection is broken off, so that the
    /// client does not take a part of the file for the whole.
    pub(crate) fn file(bytes: BoxStream<jan_core::Result<Bytes>>, length: u64) -> Self {
        Self(BodyKind::File(bytes, length))
    }

    /// The same body with an observer. A body that is complete in memory notifies it of the end at once.
    pub(crate) fn observed(self, mut observer: impl BodyObserver + 'static) -> Self {
        if matches!(self.0, BodyKind::Full(_)) {
            observer.end();
            return self;
        }
        Self(BodyKind::Observed(Box::new(Observed { body: self, observer })))
    }

    /// The kind of this body.
    pub(crate) fn into_kind(self) -> BodyKind {
        self.0
    }
}

impl From<BodyKind> for Body {
    fn from(kind: BodyKind) -> Self {
        Self(kind)
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
            BodyKind::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            BodyKind::Events(events) => {
                events.poll_bytes(cx).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
            }
            BodyKind::File(bytes, unsent) => bytes.as_mut().poll_next(cx).map(|piece| {
                Some(match piece? {
                    Ok(piece) => {
                        *unsent = unsent.saturating_sub(piece.len() as u64);
                        Ok(Frame::data(piece))
                    }
                    Err(error) => {
                        tracing::warn!(error = %Causes(&error), "a file broke off while it was sent");
                        Err(error.into())
                    }
                })
            }),
            BodyKind::Observed(observed) => {
                let Observed { body, observer } = &mut **observed;
                let frame = Pin::new(&mut *body).poll_frame(cx);
                match &frame {
                    Poll::Ready(Some(Ok(_))) => observer.piece(),
                    Poll::Ready(None) => observer.end(),
                    Poll::Ready(Some(Err(_))) | Poll::Pending => {}
                }
                // hyper does not poll a body of known length again after its last byte.
                if body.size_hint().exact() == Some(0) {
                    observer.end();
                }
                frame
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            BodyKind::Full(bytes) => bytes.is_none(),
            BodyKind::Observed(observed) => observed.body.is_end_stream(),
            BodyKind::Events(_) | BodyKind::File(..) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            BodyKind::Full(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            BodyKind::File(_, unsent) => SizeHint::with_exact(*unsent),
            BodyKind::Events(_) => SizeHint::default(),
            BodyKind::Observed(observed) => observed.body.size_hint(),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            BodyKind::Full(bytes) => {
                f.debug_tuple("Full").field(&bytes.as_ref().map_or(0, Bytes::len)).finish()
            }
            BodyKind::Events(_) => f.write_str("Events"),
            BodyKind::File(_, unsent) => f.debug_tuple("File").field(unsent).finish(),
            BodyKind::Observed(observed) => observed.body.fmt(f),
        }
    }
}
