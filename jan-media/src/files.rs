//! OpenAI's Files API: media with a purpose that its owner states. Store, ids and limits are those of all media. Most
//! purposes do not display the file, so they accept more file types than the Media API.

use std::time::Duration;

use bytes::Bytes;
use jan_core::media::{MediaObject, NewMedia};
use jan_core::page::{Page, PageRequest};
use jan_core::{BoxStream, Error, Result, UserId};

use crate::kind::must_allow;
use crate::media::Media;
use crate::row::object;

/// The accepted purposes.
const PURPOSES: &[&str] = &["assistants", "batch", "evals", "fine-tune", VISION, "user_data"];
/// The purpose of images for models. It accepts only the types of the Media API.
const VISION: &str = "vision";
/// The types that all other purposes accept too.
const DOCUMENTS: &[&str] =
    &["text/*", "application/json", "application/jsonl", "application/x-ndjson", "application/pdf"];
/// The allowed range of `expires_after[seconds]`.
const EXPIRY_SECONDS: std::ops::RangeInclusive<u64> = 3600..=30 * 24 * 60 * 60;

impl Media {
    /// Stores a file. The same bytes stored twice become two files, each with its own id, name, purpose and expiry;
    /// the bytes are stored once. `field` returns the form's fields `purpose`, `expires_after[anchor]` and
    /// `expires_after[seconds]`. It is called again when the last byte has arrived, because these fields may come
    /// after the file in the form.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::Invalid`] naming the field; as [`Media::ingest`]. Nothing is stored then.
    pub async fn keep_file(
        &self,
        owner: &UserId,
        bytes: BoxStream<Result<Bytes>>,
        new: NewMedia,
        field: impl Fn(&str) -> Option<String> + Send + Sync,
    ) -> Result<MediaObject> {
        if field("purpose").is_some() {
            purpose(&field)?;
        }
        let final_check = |new: &mut NewMedia, mime: &str| {
            let purpose = purpose(&field)?;
            if purpose == VISION {
                must_allow(&self.settings.allowed, mime)?;
            }
            new.purpose = Some(purpose);
            new.keep_for = keep_for(&field)?;
            Ok(())
        };
        let mut incoming = self.incoming(bytes, new, Box::new(final_check));
        incoming.requirements.allowed.extend(documents());
        incoming.dedupe = false;
        self.keep_as(owner, incoming).await
    }

    /// A page of the owner's files, ordered by creation time; only those with `purpose` if it is given. Otherwise as
    /// [`Media::list`], which lists the same objects.
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

/// The types that files may have in addition to those of all media.
pub(crate) fn documents() -> impl Iterator<Item = String> {
    DOCUMENTS.iter().map(|kind| (*kind).to_owned())
}

fn purpose(field: &impl Fn(&str) -> Option<String>) -> Result<String> {
    let purpose = field("purpose").ok_or_else(|| Error::missing("purpose"))?;
    if PURPOSES.contains(&purpose.as_str()) {
        return Ok(purpose);
    }
    Err(Error::invalid("purpose", format!("`purpose` must be one of {}.", PURPOSES.join(", "))))
}

fn keep_for(field: &impl Fn(&str) -> Option<String>) -> Result<Option<Duration>> {
    let (anchor, seconds) = (field("expires_after[anchor]"), field("expires_after[seconds]"));
    if anchor.is_none() && seconds.is_none() {
        return Ok(None);
    }
    if anchor.as_deref() != Some("created_at") {
        return Err(Error::invalid("expires_after", "`expires_after[anchor]` must be `created_at`."));
    }
    let seconds =
        seconds.and_then(|seconds| seconds.parse().ok()).filter(|seconds| EXPIRY_SECONDS.contains(seconds));
    let seconds = seconds.ok_or_else(|| {
        let (soonest, latest) = (EXPIRY_SECONDS.start(), EXPIRY_SECONDS.end());
        Error::invalid("expires_after", format!("`expires_after[seconds]` must be {soonest} to {latest}."))
    })?;
    Ok(Some(Duration::from_secs(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_form_fields_are_read_and_an_error_names_the_wrong_one() {
        let form = |fields: &'static [(&'static str, &'static str)]| {
            move |name: &str| {
                fields.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned())
            }
        };
        assert_eq!(purpose(&form(&[("purpose", "fine-tune")])).unwrap(), "fine-tune");
        assert_eq!(purpose(&form(&[])).unwrap_err().code(), "missing_parameter");
        assert_eq!(purpose(&form(&[("purpose", "fun")])).unwrap_err().param(), Some("purpose"));
        assert_eq!(keep_for(&form(&[])).unwrap(), None);
        let hour = form(&[("expires_after[anchor]", "created_at"), ("expires_after[seconds]", "3600")]);
        assert_eq!(keep_for(&hour).unwrap(), Some(Duration::from_secs(3600)));
        for (anchor, seconds) in
            [("now", "3600"), ("created_at", "3599"), ("created_at", "2592001"), ("created_at", "x")]
        {
            let field = |name: &str| match name {
                "expires_after[anchor]" => Some(anchor.to_owned()),
                _ => Some(seconds.to_owned()),
            };
            assert_eq!(keep_for(&field).unwrap_err().param(), Some("expires_after"), "{anchor} {seconds}");
        }
    }
}
