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

/// Any error, as body types carry them.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The body of a request, wherever it came from.
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

/// A stream of events on its way out, as bytes.
pub(crate) trait EventBytes: Send {
    /// What can be written now.
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>>;

    /// Nothing follows what was written last.
    fn is_over(&self) -> bool;

    /// And nothing broke off.
    fn is_whole(&self) -> bool;
}

/// Learns how a body leaves. It is dropped when the body is: after the last byte, or when the client left.
pub(crate) trait BodyObserver: Send {
    /// A piece leaves.
    fn piece(&mut self);

    /// Nothing follows.
    fn end(&mut self);
}

/// The body of a reply. Dropping it before its end stops the work behind it.
pub struct Body(Kind);

/// What a body is made of.
pub(crate) enum Kind {
    Full(Option<Bytes>),
    Events(Box<dyn EventBytes>),
    /// The pieces of a file, and how many bytes are still to come.
    File(BoxStream<jan_core::Result<Bytes>>, u64),
    /// One of the others, with whoever learns how it leaves.
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
        Self(Kind::Full((!bytes.is_empty()).then_some(bytes)))
    }

    /// No body.
    pub(crate) fn empty() -> Self {
        Self(Kind::Full(None))
    }

    /// A stream of events.
    pub(crate) fn events(events: impl EventBytes + 'static) -> Self {
        Self(Kind::Events(Box::new(events)))
    }

    /// A file of `length` bytes, read while it is sent. When reading fails the connection breaks off, so that nobody takes
    /// half a file for a whole one.
    pub(crate) fn file(bytes: BoxStream<jan_core::Result<Bytes>>, length: u64) -> Self {
        Self(Kind::File(bytes, length))
    }

    /// The same body with an observer, who learns of the end now if all of the body is here, else when it is over.
    pub(crate) fn observed(self, mut observer: impl BodyObserver + 'static) -> Self {
        if matches!(self.0, Kind::Full(_)) {
            observer.end();
            return self;
        }
        Self(Kind::Observed(Box::new(Observed { body: self, observer })))
    }

    /// What it is made of.
    pub(crate) fn into_kind(self) -> Kind {
        self.0
    }
}

impl From<Kind> for Body {
    fn from(kind: Kind) -> Self {
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
            Kind::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Kind::Events(events) => {
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
            Kind::Observed(observed) => {
                let Observed { body, observer } = &mut **observed;
                let frame = Pin::new(&mut *body).poll_frame(cx);
                match &frame {
                    Poll::Ready(Some(Ok(_))) => observer.piece(),
                    Poll::Ready(None) => observer.end(),
                    Poll::Ready(Some(Err(_))) | Poll::Pending => {}
                }
                // A body whose length is known is not asked again after its last byte.
                if body.size_hint().exact() == Some(0) {
                    observer.end();
                }
                frame
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Full(bytes) => bytes.is_none(),
            Kind::Observed(observed) => observed.body.is_end_stream(),
            Kind::Events(_) | Kind::File(..) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Kind::File(_, left) => SizeHint::with_exact(*left),
            Kind::Events(_) => SizeHint::default(),
            Kind::Observed(observed) => observed.body.size_hint(),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Full(bytes) => f.debug_tuple("Full").field(&bytes.as_ref().map_or(0, Bytes::len)).finish(),
            Kind::Events(_) => f.write_str("Events"),
            Kind::File(_, left) => f.debug_tuple("File").field(left).finish(),
            Kind::Observed(observed) => observed.body.fmt(f),
        }
    }
}
