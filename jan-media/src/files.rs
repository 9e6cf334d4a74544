//! Files as OpenAI's Files API knows them: media of which its owner says what it is for. The same store, ids and limits;
//! a purpose that shows nothing to anybody takes more kinds of files than pages of pictures do.

use std::time::Duration;

use bytes::Bytes;
use jan_core::media::{MediaObject, NewMedia};
use jan_core::page::{Page, PageRequest};
use jan_core::{BoxStream, Error, Result, UserId};

use crate::kind::must_allow;
use crate::media::Media;
use crate::row::object;

/// What files may be for.
const PURPOSES: &[&str] = &["assistants", "batch", "evals", "fine-tune", VISION, "user_data"];
/// To be looked at: only what the Media API takes.
const VISION: &str = "vision";
/// What every other purpose takes besides.
const DOCUMENTS: &[&str] =
    &["text/*", "application/json", "application/jsonl", "application/x-ndjson", "application/pdf"];
/// The soonest and the latest that a file may be said to end, in seconds.
const ENDS: std::ops::RangeInclusive<u64> = 3600..=30 * 24 * 60 * 60;

impl Media {
    /// Keeps a file. The same bytes brought twice are two files, each with its own id, name, purpose and end; their bytes
    /// are stored once. `said` gives the form's fields `purpose`, `expires_after[anchor]` and `expires_after[seconds]`; it is
    /// asked again when the last byte has come, because a form may say them behind its file.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::Invalid`] naming the field; as [`Media::ingest`]. Nothing is kept.
    pub async fn keep_file(
        &self,
        owner: &UserId,
        bytes: BoxStream<Result<Bytes>>,
        new: NewMedia,
        said: impl Fn(&str) -> Option<String> + Send + Sync,
    ) -> Result<MediaObject> {
        if said("purpose").is_some() {
            purpose(&said)?;
        }
        let last = |new: &mut NewMedia, mime: &str| {
            let purpose = purpose(&said)?;
            if purpose == VISION {
                must_allow(&self.settings.allowed, mime)?;
            }
            new.purpose = Some(purpose);
            new.keep_for = ends(&said)?;
            Ok(())
        };
        let mut incoming = self.incoming(bytes, new, Box::new(last));
        incoming.wanted.allowed.extend(documents());
        incoming.dedupe = false;
        self.keep_as(owner, incoming).await
    }

    /// A page of the owner's files, of those with a purpose if it is named, by their making. Otherwise as
    /// [`Media::list`], which lists the same things.
    ///
    /// # Errors
    /// As [`Media::list`].
    pub async fn list_for(
        &self,
        owner: &UserId,
        purpose: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<MediaObject>> {
        let mut page = self.rows.list(owner, purpose, page).await?;
        page.items.retain(|row| !row.body.ended);
        Ok(page.map(|row| object(row, false)))
    }
}

/// What files may be besides what all media may be.
pub(crate) fn documents() -> impl Iterator<Item = String> {
    DOCUMENTS.iter().map(|kind| (*kind).to_owned())
}

fn purpose(said: &impl Fn(&str) -> Option<String>) -> Result<String> {
    let word = said("purpose").ok_or_else(|| Error::missing("purpose"))?;
    if PURPOSES.contains(&word.as_str()) {
        return Ok(word);
    }
    Err(Error::invalid("purpose", format!("`purpose` must be one of {}.", PURPOSES.join(", "))))
}

fn ends(said: &impl Fn(&str) -> Option<String>) -> Result<Option<Duration>> {
    let (anchor, seconds) = (said("expires_after[anchor]"), said("expires_after[seconds]"));
    if anchor.is_none() && seconds.is_none() {
        return Ok(None);
    }
    if anchor.as_deref() != Some("created_at") {
        return Err(Error::invalid("expires_after", "`expires_after[anchor]` must be `created_at`."));
    }
    let seconds = seconds.and_then(|seconds| seconds.parse().ok()).filter(|seconds| ENDS.contains(seconds));
    let seconds = seconds.ok_or_else(|| {
        let (soonest, latest) = (ENDS.start(), ENDS.end());
        Error::invalid("expires_after", format!("`expires_after[seconds]` must be {soonest} to {latest}."))
    })?;
    Ok(Some(Duration::from_secs(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_form_says_is_taken_or_named() {
        let form = |fields: &'static [(&'static str, &'static str)]| {
            move |name: &str| {
                fields.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned())
            }
        };
        assert_eq!(purpose(&form(&[("purpose", "fine-tune")])).unwrap(), "fine-tune");
        assert_eq!(purpose(&form(&[])).unwrap_err().code(), "missing_parameter");
        assert_eq!(purpose(&form(&[("purpose", "fun")])).unwrap_err().param(), Some("purpose"));
        assert_eq!(ends(&form(&[])).unwrap(), None);
        let hour = form(&[("expires_after[anchor]", "created_at"), ("expires_after[seconds]", "3600")]);
        assert_eq!(ends(&hour).unwrap(), Some(Duration::from_secs(3600)));
        for (anchor, seconds) in
            [("now", "3600"), ("created_at", "3599"), ("created_at", "2592001"), ("created_at", "x")]
        {
            let said = |name: &str| match name {
                "expires_after[anchor]" => Some(anchor.to_owned()),
                _ => Some(seconds.to_owned()),
            };
            assert_eq!(ends(&said).unwrap_err().param(), Some("expires_after"), "{anchor} {seconds}");
        }
    }
}
