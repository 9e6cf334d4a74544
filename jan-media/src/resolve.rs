//! Converts media ids into URLs that a model provider can read: data URLs with the bytes, or links.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::TryStreamExt;
use futures_util::future::try_join_all;
use jan_core::media::{MediaResolver, Resolved, Want};
use jan_core::record::TypedRecord;
use jan_core::{Error, ErrorKind, Result, UserId};

use crate::media::Media;
use crate::row::Row;

/// The largest number of ids in one call.
const MAX_IDS: usize = 100;

#[async_trait]
impl MediaResolver for Media {
    async fn resolve(&self, owner: &UserId, ids: &[String], want: Want) -> Result<HashMap<String, Resolved>> {
        if ids.len() > MAX_IDS {
            return Err(Error::invalid(
                "ids",
                format!("At most {MAX_IDS} files can be named in one request."),
            ));
        }
        let rows = try_join_all(ids.iter().map(|id| self.named(owner, id))).await?;
        let all = rows.iter().map(|row| row.body.bytes).fold(0, u64::saturating_add);
        if want == Want::DataUrl && all > self.settings.max_resolved {
            let message =
                format!("The files of one request may have {} bytes together.", self.settings.max_resolved);
            return Err(Error::new(ErrorKind::TooLarge, message).with_code("media_too_large"));
        }
        let resolved = try_join_all(rows.into_iter().map(|row| self.one(owner, row, want))).await?;
        Ok(resolved.into_iter().collect())
    }

    async fn existing(&self, owner: &UserId, ids: &[String]) -> Result<HashSet<String>> {
        let rows = try_join_all(ids.iter().map(|id| self.rows.get(owner, id))).await?;
        Ok(rows.into_iter().flatten().filter(|row| !row.body.ended).map(|row| row.id).collect())
    }
}

impl Media {
    async fn named(&self, owner: &UserId, id: &str) -> Result<TypedRecord<Row>> {
        self.row(owner, id).await.map_err(|error| match error.kind() {
            ErrorKind::NotFound => {
                Error::invalid("media", format!("There is no media `{id}`.")).with_code("unknown_media")
            }
            _ => error,
        })
    }

    async fn one(&self, owner: &UserId, row: TypedRecord<Row>, want: Want) -> Result<(String, Resolved)> {
        let (url, expires_at) = match want {
            Want::DataUrl => (self.data_url(&row.body).await?, None),
            Want::Link => {
                let link = self.link(owner, &row, None).await?;
                (link.url, Some(link.expires_at))
            }
        };
        let Row { mime, bytes, filename, .. } = row.body;
        Ok((row.id, Resolved { mime, bytes, filename, url, expires_at }))
    }

    /// Encodes piece by piece, so that memory holds only the base64 text and not the bytes as well.
    async fn data_url(&self, row: &Row) -> Result<String> {
        let mut bytes = self.read(&row.blob, None).await?;
        let mut url = format!("data:{};base64,", row.mime);
        let length = usize::try_from(row.bytes).unwrap_or_default();
        url.reserve(length.div_ceil(3).saturating_mul(4));
        // Base64 encodes three bytes as four characters. One or two bytes at the end of a piece wait for the next
        // piece.
        let mut pending: Vec<u8> = Vec::with_capacity(3);
        while let Some(piece) = bytes.try_next().await? {
            let missing = (3 - pending.len()).min(piece.len());
            let (first, rest) = piece.split_at(if pending.is_empty() { 0 } else { missing });
            pending.extend_from_slice(first);
            if pending.len() == 3 {
                STANDARD.encode_string(&pending, &mut url);
                pending.clear();
            }
            let (whole, end) = rest.split_at(rest.len() / 3 * 3);
            STANDARD.encode_string(whole, &mut url);
            pending.extend_from_slice(end);
        }
        STANDARD.encode_string(&pending, &mut url);
        Ok(url)
    }
}
