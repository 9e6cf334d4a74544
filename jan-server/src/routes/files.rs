//! `/v1/files`: OpenAI's Files API over the media service. In the original Jan Server these paths were aliases of its
//! Media API, so a file's id is its media id.

use jan_core::media::NewMedia;
use jan_core::page::{Order, Page};
use jan_media::FileShape;

use super::call::Call;
use super::file::file;
use super::media_bytes::OWNER_CACHE;
use crate::http::form::FormFile;
use crate::http::reply::{Deleted, Listing, Reply, bare};

/// Stores the `file` of a form, for its `purpose`.
pub(crate) async fn create(call: Call) -> Reply {
    store(call, None).await
}

/// Stores the `file` of a form. Clients of the original state no purpose: it is `user_data` then.
pub(crate) async fn upload(call: Call) -> Reply {
    store(call, Some("user_data")).await
}

async fn store(mut call: Call, purpose: Option<&str>) -> Reply {
    let body = call.stream();
    let FormFile { filename, content_type, bytes, fields } =
        FormFile::of(&call.headers, body, "file").await?;
    let new = NewMedia { mime: content_type, filename, ..NewMedia::default() };
    let field_or_default = |field: &str| {
        let default = || purpose.filter(|_| field == "purpose").map(str::to_owned);
        fields.get(field).or_else(default)
    };
    let media = call.services.media.keep_file(call.owner(), bytes, new, field_or_default).await?;
    bare(&FileShape::from(media))
}

/// The form of an upload.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[expect(dead_code, reason = "forms are read field by field; it only describes")]
pub(crate) struct CreateFile {
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = Binary))]
    file: Vec<u8>,
    /// `assistants`, `batch`, `evals`, `fine-tune`, `user_data` or `vision`.
    #[cfg_attr(feature = "openapi", schema(example = "user_data"))]
    purpose: String,
    /// `created_at`, together with `expires_after[seconds]`.
    #[cfg_attr(feature = "openapi", schema(rename = "expires_after[anchor]"))]
    anchor: Option<String>,
    /// The seconds from then on, 3600 to 2592000.
    #[cfg_attr(feature = "openapi", schema(rename = "expires_after[seconds]"))]
    seconds: Option<u64>,
}

/// Lists the caller's files, of one purpose if the query names it.
pub(crate) async fn all(call: Call) -> Reply {
    let (purpose, page) = (call.query("purpose"), call.page(Order::Desc)?);
    let page = call.services.media.list_for(call.owner(), purpose.as_deref(), &page).await?;
    let items = page.items.into_iter().map(FileShape::from).collect();
    Listing::of(&Page { items, has_more: page.has_more }).reply(&call, FileShape::id)
}

/// Returns the metadata of a file.
pub(crate) async fn get(call: Call) -> Reply {
    let media = call.services.media.get(call.owner(), &call.path("id")?).await?;
    bare(&FileShape::from(media))
}

/// Returns the bytes of a file.
pub(crate) async fn content(call: Call) -> Reply {
    let found = call.services.media.find(call.owner(), &call.path("id")?).await?;
    file(&call, &found, OWNER_CACHE).await
}

/// Deletes a file.
pub(crate) async fn delete(call: Call) -> Reply {
    let deleted = call.services.media.delete(call.owner(), &call.path("id")?).await?;
    bare(&Deleted::one(&deleted.id, "file"))
}
