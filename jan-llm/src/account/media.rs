//! The media of an account: lines that say what it is, each followed by lines with its bytes in base64. Neither the one
//! who writes nor the one who reads holds more of it than a piece.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::future::{BoxFuture, Either, select};
use futures_util::stream::{self, Stream, StreamExt, TryStreamExt};
use jan_core::media::{ArchivedMedia, MediaArchive};
use jan_core::page::{MAX_LIMIT, Order, PageRequest};
use jan_core::{Error, ErrorKind, Result, UserId};
use tokio::sync::mpsc;

use super::export::pages;
use super::line::Line;

/// How many bytes stand in one line.
const PIECE: usize = 48 * 1024;

/// What an account does about its media.
#[derive(Clone)]
pub(super) enum Media {
    /// Nobody said where it is: an export of somebody who has any fails, and so does its import.
    Unknown,
    /// It stays where it is.
    Left,
    /// It goes along.
    Along(Arc<dyn MediaArchive>),
}

impl Media {
    /// Refuses to leave media behind that nobody spoke of.
    pub(super) fn refusal() -> Error {
        let message = "There is media, and nothing was said of where its bytes are. Name its archive, or leave it behind.";
        Error::invalid("media", message)
    }
}

/// All media of an owner.
pub(super) fn lines(
    archive: Arc<dyn MediaArchive>,
    owner: UserId,
) -> impl Stream<Item = Result<Line>> + Send {
    let all = PageRequest { limit: MAX_LIMIT, after: None, order: Order::Asc };
    let (inner, whose) = (archive.clone(), owner.clone());
    let media = pages(all, move |page| {
        let (archive, owner) = (archive.clone(), owner.clone());
        async move {
            let found = archive.archived(&owner, &page).await?;
            let after = found.items.last().map(|last| last.id.clone()).filter(|_| found.has_more);
            Ok((found.items, after.map(|after| PageRequest { after: Some(after), ..page })))
        }
    });
    media.map_ok(move |media| one(inner.clone(), whose.clone(), media)).try_flatten()
}

/// Media and its bytes; nothing when it was deleted meanwhile.
fn one(
    archive: Arc<dyn MediaArchive>,
    owner: UserId,
    media: ArchivedMedia,
) -> impl Stream<Item = Result<Line>> + Send {
    let whole = async move {
        let bytes = match archive.archived_bytes(&owner, &media.id).await {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(stream::empty().boxed()),
            Err(error) if error.kind() == ErrorKind::Gone => {
                let message =
                    format!("The bytes of media `{}` were lost. An export can leave media out.", media.id);
                return Err(Error::new(ErrorKind::Gone, message).because(error));
            }
            bytes => bytes?,
        };
        let pieces = bytes.map_ok(|bytes| {
            let lines: Vec<_> =
                bytes.chunks(PIECE).map(|piece| Ok(Line::MediaBytes(STANDARD.encode(piece)))).collect();
            stream::iter(lines)
        });
        Ok(super::export::one(Line::Media(media)).chain(pieces.try_flatten()).boxed())
    };
    stream::once(whole).try_flatten()
}

/// Media whose bytes are still being read.
pub(super) struct Arriving {
    id: String,
    /// How many bytes are missing.
    left: u64,
    bytes: Option<mpsc::Sender<Result<Bytes>>>,
    /// Keeps them; absent once it has ended.
    keeping: Option<BoxFuture<'static, Result<()>>>,
    /// How it ended.
    result: Result<()>,
}

impl Arriving {
    pub(super) fn new(archive: Option<Arc<dyn MediaArchive>>, owner: UserId, media: ArchivedMedia) -> Self {
        let (bytes, received) = mpsc::channel(1);
        let (id, left) = (media.id.clone(), media.bytes);
        let keeping = archive.map(|archive| -> BoxFuture<'static, Result<()>> {
            let received = stream::unfold(received, |mut received| async move {
                let piece = received.recv().await?;
                Some((piece, received))
            });
            Box::pin(async move { archive.restore(&owner, media, received.boxed()).await })
        });
        Self { id, left, bytes: Some(bytes), keeping, result: Ok(()) }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Whether all bytes were given.
    pub(super) fn is_whole(&self) -> bool {
        self.left == 0
    }

    /// Gives the next bytes on.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for what is not base64, or more than was said.
    pub(super) async fn give(&mut self, base64: &str) -> Result<()> {
        let wrong =
            |what: &str| Error::invalid("line", format!("The bytes of media `{}` are {what}.", self.id));
        let piece = STANDARD.decode(base64).map_err(|error| wrong("not base64").because(error))?;
        let left = u64::try_from(piece.len()).ok().and_then(|length| self.left.checked_sub(length));
        self.left = left.ok_or_else(|| wrong("more than it has"))?;
        let (Some(keeping), Some(bytes)) = (&mut self.keeping, &self.bytes) else { return Ok(()) };
        let send = std::pin::pin!(bytes.send(Ok(piece.into())));
        let ended = match select(send, keeping).await {
            Either::Left(_) => return Ok(()),
            Either::Right((ended, _)) => ended,
        };
        (self.result, self.keeping) = (ended, None);
        Ok(())
    }

    /// All bytes are there. Says whether the media was kept: not where nobody keeps media.
    ///
    /// # Errors
    /// As [`MediaArchive::restore`].
    pub(super) async fn finish(mut self) -> Result<()> {
        drop(self.bytes.take());
        match self.keeping.take() {
            Some(keeping) => keeping.await,
            None => self.result,
        }
    }
}
