//! Reading: line by line. What is there already stays as it is and is named as skipped; a conversation comes whole or not
//! at all, so it is held in memory until its last item was read, and so does media, whose bytes are stored as they come
//! and count only when all of them are there and are the right ones.

use jan_core::conversation::{Archived, PlacedItem};
use jan_core::media::{ArchivedMedia, RECORDS};
use jan_core::record::Record;
use jan_core::{Error, ErrorKind, Result, UserId};

use super::line::{FIRST_FORMAT, FORMAT, Line};
use super::media::{Arriving, Media};
use crate::shares;
use crate::store::Store;

/// An import on its way: give it every [`Import::line`], then [`Import::finish`] it. Dropping it keeps what it has kept.
#[must_use = "an import is done when it was finished"]
pub struct Import {
    store: Store,
    media: Media,
    owner: UserId,
    read: u64,
    ended: bool,
    pending: Option<(Archived, Vec<PlacedItem>)>,
    arriving: Option<Arriving>,
    done: Imported,
}

/// What was imported, and what was not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// How many records, public shares among them.
    pub records: u64,
    /// How many pictures and files.
    pub media: u64,
    /// How many conversations.
    pub conversations: u64,
    /// How many items in them.
    pub items: u64,
    /// What was there already, or was to be left out (media), each by its kind and id.
    pub skipped: Vec<String>,
}

impl Import {
    pub(super) fn new(store: Store, media: Media, owner: UserId) -> Self {
        let done = Imported::default();
        Self { store, media, owner, read: 0, ended: false, pending: None, arriving: None, done }
    }

    /// Takes the next line.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] naming the line when it is none of an export, or stands in the wrong place; the store's.
    pub async fn line(&mut self, text: &str) -> Result<()> {
        self.read += 1;
        let line =
            serde_json::from_str(text).map_err(|e| self.wrong("is no line of an export").because(e))?;
        match (line, self.read) {
            (Line::Account { format: FIRST_FORMAT..=FORMAT, .. }, 1) => Ok(()),
            (Line::Account { .. }, 1) => Err(self.wrong("names a form of export that is not known here")),
            (_, 1) => Err(self.wrong("is not the first line of an export")),
            _ if self.ended => Err(self.wrong("stands after the end")),
            (Line::MediaBytes(bytes), _) => self.media_bytes(&bytes).await,
            _ if self.arriving.is_some() => Err(self.wrong("stands where bytes of media are missing")),
            (Line::Media(media), _) => {
                self.settle().await?;
                self.begin_media(media).await
            }
            (Line::Record(record), _) => {
                self.settle().await?;
                self.record(&self.owner.clone(), record.into()).await
            }
            (Line::PublicShare(record), _) if record.kind == shares::PUBLIC => {
                let group = Some(self.owner.as_str().to_owned());
                self.record(&shares::house(), Record { group, ..record.into() }).await
            }
            (Line::Conversation(archived), _) => {
                self.settle().await?;
                self.pending = Some((archived, Vec::new()));
                Ok(())
            }
            (Line::Item(item), _) => match &mut self.pending {
                Some((_, items)) => {
                    items.push(item);
                    Ok(())
                }
                None => Err(self.wrong("is an item of no conversation")),
            },
            (Line::End {}, _) => {
                self.ended = true;
                self.settle().await
            }
            _ => Err(self.wrong("stands in the wrong place")),
        }
    }

    /// Ends the import.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] when the export breaks off; the conversation in which it does was not imported.
    pub fn finish(self) -> Result<Imported> {
        if self.ended {
            return Ok(self.done);
        }
        Err(Error::invalid("line", format!("The export breaks off after line {}.", self.read)))
    }

    async fn begin_media(&mut self, media: ArchivedMedia) -> Result<()> {
        let archive = match &self.media {
            Media::Unknown => return Err(Media::refusal()),
            Media::Left => None,
            Media::Along(archive) => Some(archive.clone()),
        };
        self.arriving = Some(Arriving::new(archive, self.owner.clone(), media));
        self.settle_media().await
    }

    async fn media_bytes(&mut self, bytes: &str) -> Result<()> {
        match &mut self.arriving {
            Some(arriving) => arriving.give(bytes).await?,
            None => return Err(self.wrong("has bytes of no media")),
        }
        self.settle_media().await
    }

    /// Ends with the media whose last byte was read.
    async fn settle_media(&mut self) -> Result<()> {
        let Some(arriving) = self.arriving.take_if(|arriving| arriving.is_whole()) else { return Ok(()) };
        let name = format!("media {}", arriving.id());
        if matches!(self.media, Media::Left) {
            self.done.skipped.push(name);
            return Ok(());
        }
        match arriving.finish().await {
            Ok(()) => {
                self.done.media += 1;
                Ok(())
            }
            Err(error) => self.skip(error, &name),
        }
    }

    /// Keeps the conversation that was read whole.
    async fn settle(&mut self) -> Result<()> {
        let Some((archived, items)) = self.pending.take() else { return Ok(()) };
        let (id, count) = (archived.conversation.id.clone(), items.len() as u64);
        match self.store.archive.restore(&self.owner, archived, items).await {
            Ok(()) => {
                self.done.conversations += 1;
                self.done.items += count;
                Ok(())
            }
            Err(error) => self.skip(error, &format!("conversation {id}")),
        }
    }

    async fn record(&mut self, owner: &UserId, record: Record) -> Result<()> {
        let name = format!("{} {}", record.kind, record.id);
        // It names bytes of the house that it comes from; here they would be somebody else's.
        if record.kind == RECORDS {
            self.done.skipped.push(name);
            return Ok(());
        }
        match self.store.records.insert(owner, vec![record]).await {
            Ok(()) => {
                self.done.records += 1;
                Ok(())
            }
            Err(error) => self.skip(error, &name),
        }
    }

    /// What is there already is skipped; anything else ends the import.
    fn skip(&mut self, error: Error, what: &str) -> Result<()> {
        if error.kind() != ErrorKind::Conflict {
            return Err(error);
        }
        self.done.skipped.push(what.to_owned());
        Ok(())
    }

    fn wrong(&self, what: &str) -> Error {
        Error::invalid("line", format!("Line {} {what}.", self.read))
    }
}
