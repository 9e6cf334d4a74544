//! `/v1/files`: OpenAI's Files API over the same media, in its shapes. What the original knew of these paths was another
//! name for its Media API, so a file's id is its media's id.

use jan_core::media::NewMedia;
use jan_core::page::{Order, Page};
use jan_media::FileShape;

use super::call::Call;
use super::file::file;
use super::media_bytes::OWNERS;
use crate::http::form::FormFile;
use crate::http::reply::{Deleted, Listing, Reply, bare};

/// Keeps the `file` of a form, for its `purpose`.
pub(crate) async fn create(call: Call) -> Reply {
    keep(call, None).await
}

/// The same for clients of the original, who say no purpose.
pub(crate) async fn upload(call: Call) -> Reply {
    keep(call, Some("user_data")).await
}

async fn keep(mut call: Call, purpose: Option<&str>) -> Reply {
    let body = call.stream();
    let FormFile { filename, content_type, bytes, fields } =
        FormFile::of(&call.headers, body, "file").await?;
    let new = NewMedia { mime: content_type, filename, ..NewMedia::default() };
    let said = |field: &str| {
        let unsaid = || purpose.filter(|_| field == "purpose").map(str::to_owned);
        fields.get(field).or_else(unsaid)
    };
    let kept = call.rooms.media.keep_file(call.owner(), bytes, new, said).await?;
    bare(&FileShape::from(kept))
}

/// A form with a file.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[expect(dead_code, reason = "forms are read field by field; it only describes")]
pub(crate) struct CreateFile {
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = Binary))]
    file: Vec<u8>,
    /// `assistants`, `batch`, `evals`, `fine-tune`, `user_data` or `vision`.
    #[cfg_attr(feature = "openapi", schema(example = "user_data"))]
    purpose: String,
    /// `created_at`, with `expires_after[seconds]`.
    #[cfg_attr(feature = "openapi", schema(rename = "expires_after[anchor]"))]
    anchor: Option<String>,
    /// 3600 to 2592000.
    #[cfg_attr(feature = "openapi", schema(rename = "expires_after[seconds]"))]
    seconds: Option<u64>,
}

/// The caller's, of one purpose if it is named.
pub(crate) async fn all(call: Call) -> Reply {
    let (purpose, page) = (call.query("purpose"), call.page(Order::Desc)?);
    let page = call.rooms.media.list_for(call.owner(), purpose.as_deref(), &page).await?;
    let items = page.items.into_iter().map(FileShape::from).collect();
    Listing::of(&Page { items, has_more: page.has_more }).reply(&call, FileShape::id)
}

/// What is known of one.
pub(crate) async fn get(call: Call) -> Reply {
    let media = call.rooms.media.get(call.owner(), &call.path("id")?).await?;
    bare(&FileShape::from(media))
}

/// Its bytes.
pub(crate) async fn content(call: Call) -> Reply {
    let found = call.rooms.media.find(call.owner(), &call.path("id")?).await?;
    file(&call, &found, OWNERS).await
}

/// Deletes one.
pub(crate) async fn delete(call: Call) -> Reply {
    let gone = call.rooms.media.delete(call.owner(), &call.path("id")?).await?;
    bare(&Deleted::one(&gone.id, "file"))
}
