//! Imports: an export is read line by line, and each entry goes to the part that handles its kind.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::list::{FIRST, FORMAT, Head, LAST};
use super::{Entry, ImportData};
use crate::{Error, ErrorKind, Result};

/// The import of one part, and the kinds of entries that it accepts.
type Part = (&'static [&'static str], Box<dyn ImportData>);

/// An import in progress. Call [`Import::line`] for every line, then [`Import::finish`]. Dropping it keeps what was
/// imported so far.
#[must_use = "an import is complete only after `finish`"]
pub struct Import {
    parts: Vec<Part>,
    skipped_kinds: &'static [&'static str],
    /// The index of the part whose entries are being read.
    current: Option<usize>,
    read: u64,
    ended: bool,
    done: Imported,
}

/// The result of an import.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    kept: BTreeMap<&'static str, u64>,
    /// The kind and id of each entry that was not imported, because it exists already or its kind was to be skipped.
    pub skipped: Vec<String>,
}

impl Imported {
    /// The number of imported entries of a kind.
    pub fn count(&self, kind: &str) -> u64 {
        self.kept.get(kind).copied().unwrap_or(0)
    }

    /// Counts entries of a kind as imported.
    pub fn add(&mut self, kind: &'static str, count: u64) {
        *self.kept.entry(kind).or_default() += count;
    }

    /// Records an entry as skipped if `error` says that it exists already. Any other error ends the import.
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
    pub(super) fn new(parts: Vec<Part>, skipped_kinds: &'static [&'static str]) -> Self {
        Self { parts, skipped_kinds, current: None, read: 0, ended: false, done: Imported::default() }
    }

    /// Imports the next line.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] naming the line when it is not a line of an export, or is in the wrong place; the
    /// store's errors.
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
        if self.skipped_kinds.contains(&&*entry.kind) {
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

    /// Switches to the part with this index. If another part was current, its run of entries ends.
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
    /// [`ErrorKind::Invalid`] when the export is cut off; the conversation in which it ends was then not imported.
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

/// The entry of a line: the only member of a JSON object.
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
