//! Reading an export line by line: each entry goes to the part whose kind it is.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::list::{FIRST, FORMAT, Head, LAST};
use super::{Entry, ImportData};
use crate::{Error, ErrorKind, Result};

/// A part that takes entries of these kinds.
type Part = (&'static [&'static str], Box<dyn ImportData>);

/// An import on its way: give it every [`Import::line`], then [`Import::finish`] it. Dropping it keeps what it has kept.
#[must_use = "an import is done when it was finished"]
pub struct Import {
    parts: Vec<Part>,
    left_out: &'static [&'static str],
    /// The part whose entries are being read, by its place.
    current: Option<usize>,
    read: u64,
    ended: bool,
    done: Imported,
}

/// What was imported, and what was not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    kept: BTreeMap<&'static str, u64>,
    /// What was there already, or was to be left out, each by its kind and id.
    pub skipped: Vec<String>,
}

impl Imported {
    /// How many things of a kind were kept.
    pub fn count(&self, kind: &str) -> u64 {
        self.kept.get(kind).copied().unwrap_or(0)
    }

    /// Counts things of a kind as kept.
    pub fn add(&mut self, kind: &'static str, count: u64) {
        *self.kept.entry(kind).or_default() += count;
    }

    /// Passes over what is there already; any other error ends the import.
    ///
    /// # Errors
    /// `error`, unless it is a [`ErrorKind::Conflict`].
    pub fn skip(&mut self, error: Error, what: String) -> Result<()> {
        if error.kind() != ErrorKind::Conflict {
            return Err(error);
        }
        self.skipped.push(what);
        Ok(())
    }
}

impl Import {
    pub(super) fn new(parts: Vec<Part>, left_out: &'static [&'static str]) -> Self {
        Self { parts, left_out, current: None, read: 0, ended: false, done: Imported::default() }
    }

    /// Takes the next line.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] naming the line when it is none of an export, or stands in the wrong place; the store's.
    pub async fn line(&mut self, text: &str) -> Result<()> {
        self.read += 1;
        let entry = read(text).ok_or_else(|| self.wrong("is no line of an export"))?;
        if self.read == 1 {
            if entry.kind != FIRST {
                return Err(self.wrong("is not the first line of an export"));
            }
            return match entry.read::<Head>() {
                Ok(Head { format: 1..=FORMAT, .. }) => Ok(()),
                Ok(_) => Err(self.wrong("names a form of export that is not known here")),
                Err(_) => Err(self.wrong("is no line of an export")),
            };
        }
        if self.ended {
            return Err(self.wrong("stands after the end"));
        }
        self.entry(entry).await.map_err(|error| match error.param() {
            Some("line") => {
                Error::invalid("line", format!("Line {}: {}", self.read, error.message())).because(error)
            }
            _ => error,
        })
    }

    async fn entry(&mut self, entry: Entry) -> Result<()> {
        if entry.kind == LAST {
            self.go_to(None).await?;
            self.ended = true;
            return Ok(());
        }
        if self.left_out.contains(&&*entry.kind) {
            self.done.skipped.extend(id_of(&entry).map(|id| format!("{} {id}", entry.kind)));
            return Ok(());
        }
        let place = self.parts.iter().position(|(kinds, _)| kinds.contains(&&*entry.kind));
        let unknown = || Error::invalid("line", format!("Nothing here takes a `{}`.", entry.kind));
        let place = place.ok_or_else(unknown)?;
        self.go_to(Some(place)).await?;
        match self.parts.get_mut(place) {
            Some((_, part)) => part.entry(entry, &mut self.done).await,
            None => Ok(()),
        }
    }

    /// Ends the run of the part before, if this is another.
    async fn go_to(&mut self, place: Option<usize>) -> Result<()> {
        let before = std::mem::replace(&mut self.current, place);
        match before.filter(|_| before != place).and_then(|before| self.parts.get_mut(before)) {
            Some((_, part)) => part.end_run(&mut self.done).await,
            None => Ok(()),
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

    fn wrong(&self, what: &str) -> Error {
        Error::invalid("line", format!("Line {} {what}.", self.read))
    }
}

/// The entry of a line: the one member of an object.
fn read(line: &str) -> Option<Entry> {
    let members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(line).ok()?;
    let mut members = members.into_iter();
    let (kind, body) = members.next()?;
    members.next().is_none().then(|| Entry { kind: kind.into(), body })
}

fn id_of(entry: &Entry) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Named {
        id: String,
    }
    serde_json::from_str::<Named>(entry.body.get()).ok().map(|named| named.id)
}
