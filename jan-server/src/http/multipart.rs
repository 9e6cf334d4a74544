//! `multipart/form-data`, part by part while it comes. The parser is multer's; what it may hold in memory is bounded here:
//! it reads on for as long as bytes are there, so it is fed one piece at a time, and no more than a head's worth of them
//! until it has found the next part.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use jan_core::{BoxStream, Error, ErrorKind, Result};
use multer::{Field, Multipart};

/// What may stand between two parts: a boundary and the head of the next. A piece more can be in memory.
const MAX_HEAD: usize = 64 * 1024;
/// Where nothing is counted: the bytes of a part are taken away as they come.
const UNCOUNTED: usize = usize::MAX;

/// A form that is being read.
pub(super) struct Parts {
    parts: Multipart<'static>,
    held: Arc<AtomicUsize>,
}

/// One part of it, its bytes still to be read.
pub(super) struct Part(Field<'static>);

impl Parts {
    /// The form that these headers announce, in this body.
    ///
    /// # Errors
    /// [`ErrorKind::UnsupportedMediaType`] when it is none, [`ErrorKind::Invalid`] when it says no boundary.
    pub(super) fn of(headers: &HeaderMap, body: BoxStream<Result<Bytes>>) -> Result<Self> {
        let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let boundary = multer::parse_boundary(kind).map_err(|error| match error {
            multer::Error::NoBoundary => {
                Error::invalid("Content-Type", "The form's boundary is missing in `Content-Type`.")
                    .with_code("invalid_form")
            }
            _ => Error::new(ErrorKind::UnsupportedMediaType, "This route takes `multipart/form-data`.")
                .because(error),
        })?;
        let held = Arc::new(AtomicUsize::new(0));
        let fed = Fed { body, held: held.clone(), rests: false };
        Ok(Self { parts: Multipart::new(fed, boundary), held })
    }

    /// The next part; the one before it must have been read to its end.
    ///
    /// # Errors
    /// The body's; [`ErrorKind::Invalid`] for what is no form or breaks off.
    pub(super) async fn next(&mut self) -> Result<Option<Part>> {
        self.held.store(0, Ordering::Relaxed);
        let next = self.parts.next_field().await.map_err(bent)?;
        self.held.store(UNCOUNTED, Ordering::Relaxed);
        Ok(next.map(Part))
    }
}

impl Part {
    /// The name of the form's field.
    pub(super) fn name(&self) -> &str {
        self.0.name().unwrap_or_default()
    }

    /// What the file is called, if it is one.
    pub(super) fn filename(&self) -> Option<String> {
        self.0.file_name().map(str::to_owned)
    }

    /// What the part is said to be.
    pub(super) fn content_type(&self) -> Option<String> {
        self.0.content_type().map(ToString::to_string)
    }

    /// The next bytes; none at the end.
    ///
    /// # Errors
    /// As [`Parts::next`].
    pub(super) async fn piece(&mut self) -> Result<Option<Bytes>> {
        self.0.chunk().await.map_err(bent)
    }
}

/// The body as multer is fed with it: after each piece a pause, in which it works on what it has.
struct Fed {
    body: BoxStream<Result<Bytes>>,
    held: Arc<AtomicUsize>,
    rests: bool,
}

impl Stream for Fed {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.rests) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let held = self.held.load(Ordering::Relaxed);
        if held != UNCOUNTED && held > MAX_HEAD {
            return Poll::Ready(Some(Err(invalid("It has no part where one should begin."))));
        }
        let next = self.body.as_mut().poll_next(cx);
        if let Poll::Ready(Some(Ok(piece))) = &next {
            self.rests = true;
            if held != UNCOUNTED {
                self.held.store(held.saturating_add(piece.len()).min(UNCOUNTED - 1), Ordering::Relaxed);
            }
        }
        next
    }
}

/// The body's own errors come out as they went in.
fn bent(error: multer::Error) -> Error {
    match error {
        multer::Error::StreamReadFailed(cause) => match cause.downcast::<Error>() {
            Ok(own) => *own,
            Err(other) => invalid("It could not be read.").because(other),
        },
        other => invalid("It is not well formed, or breaks off.").because(other),
    }
}

fn invalid(why: &str) -> Error {
    Error::new(ErrorKind::Invalid, format!("The form is not valid: {why}")).with_code("invalid_form")
}
