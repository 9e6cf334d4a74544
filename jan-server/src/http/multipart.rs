//! `multipart/form-data`, read part by part while it arrives. The parser is multer. It would read ahead as long as
//! bytes are available, so its memory is bounded here: it gets one piece at a time, and at most [`MAX_HEAD`] bytes and
//! a piece before it has found the next part.

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

/// The most bytes between two parts: a boundary and the head of the next part.
const MAX_HEAD: usize = 64 * 1024;
/// The value of `held` while a part is read: its bytes leave the parser as they arrive, so they are not counted.
const UNCOUNTED: usize = usize::MAX;

/// The parts of a form, in order.
pub(super) struct Parts {
    parts: Multipart<'static>,
    /// Bytes given to the parser since it last found a part.
    held: Arc<AtomicUsize>,
}

/// One part of a form, whose bytes are not read yet.
pub(super) struct Part(Field<'static>);

impl Parts {
    /// Reads the form in `body` that `headers` describe.
    ///
    /// # Errors
    /// [`ErrorKind::UnsupportedMediaType`] when it is not a form, [`ErrorKind::Invalid`] when its boundary is missing.
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
        let bounded = BoundedBody { body, held: held.clone(), yields: false };
        Ok(Self { parts: Multipart::new(bounded, boundary), held })
    }

    /// The next part; the one before it must have been read to its end.
    ///
    /// # Errors
    /// The body's; [`ErrorKind::Invalid`] for a form that is malformed or incomplete.
    pub(super) async fn next(&mut self) -> Result<Option<Part>> {
        self.held.store(0, Ordering::Relaxed);
        let next = self.parts.next_field().await.map_err(form_error)?;
        self.held.store(UNCOUNTED, Ordering::Relaxed);
        Ok(next.map(Part))
    }
}

impl Part {
    /// The name of the form's field.
    pub(super) fn name(&self) -> &str {
        self.0.name().unwrap_or_default()
    }

    /// The file's name, if the part is a file.
    pub(super) fn filename(&self) -> Option<String> {
        self.0.file_name().map(str::to_owned)
    }

    /// The content type that the client states.
    pub(super) fn content_type(&self) -> Option<String> {
        self.0.content_type().map(ToString::to_string)
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// As [`Parts::next`].
    pub(super) async fn piece(&mut self) -> Result<Option<Bytes>> {
        self.0.chunk().await.map_err(form_error)
    }
}

/// The body as multer reads it. After each piece it is pending once, so that multer parses what it has before it reads
/// the next piece.
struct BoundedBody {
    body: BoxStream<Result<Bytes>>,
    held: Arc<AtomicUsize>,
    yields: bool,
}

impl Stream for BoundedBody {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.yields) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let held = self.held.load(Ordering::Relaxed);
        if held != UNCOUNTED && held > MAX_HEAD {
            return Poll::Ready(Some(Err(invalid("It has no part where one should begin."))));
        }
        let next = self.body.as_mut().poll_next(cx);
        if let Poll::Ready(Some(Ok(piece))) = &next {
            self.yields = true;
            if held != UNCOUNTED {
                self.held.store(held.saturating_add(piece.len()).min(UNCOUNTED - 1), Ordering::Relaxed);
            }
        }
        next
    }
}

/// The error of a form. Errors of the body itself are passed on unchanged.
fn form_error(error: multer::Error) -> Error {
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
