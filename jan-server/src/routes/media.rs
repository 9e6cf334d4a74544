//! `/v1/media`: the routes that take and return JSON. Bytes go in and out in files of their own.

use jan_core::media::{MediaObject, MediaResolver, NewMedia, Want};
use jan_core::page::{Order, Page};
use jan_core::{Error, ErrorKind, Result};
use jan_media::placeholders::replace;
use jan_media::{
    BulkDeleteMedia, CreateMedia, LinkShape, MediaPatch, MediaShape, NewUpload, Resolvable, ResolveMedia,
    UploadShape,
};
use serde::Serialize;
use serde_json::Value;

use super::call::Call;
use crate::http::reply::{Deleted, Listing, Reply, enveloped};

/// Stores the file at a URL, or in a data URL.
pub(crate) async fn create(mut call: Call) -> Reply {
    let CreateMedia { source, filename, public } = call.read().await?;
    let (source, new) =
        (source.or_own(&call.own_hosts()), NewMedia { filename, public, ..NewMedia::default() });
    let media = call.services.media.ingest(call.owner(), source, new).await?;
    enveloped(&call, &shape(&call, media).await?)
}

/// Lists the caller's media.
pub(crate) async fn all(call: Call) -> Reply {
    let page = call.services.media.list(call.owner(), &call.page(Order::Desc)?).await?;
    let mut items = Vec::with_capacity(page.items.len());
    for media in page.items {
        match shape(&call, media).await {
            // Deleted since the list was read.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            shape => items.push(shape?),
        }
    }
    Listing::of(&Page { items, has_more: page.has_more }).enveloped(&call, MediaShape::id)
}

/// Returns the metadata of a file.
pub(crate) async fn metadata(call: Call) -> Reply {
    let media = call.services.media.get(call.owner(), &call.path("id")?).await?;
    enveloped(&call, &shape(&call, media).await?)
}

/// Sets whether a file is public.
pub(crate) async fn update(mut call: Call) -> Reply {
    let (id, MediaPatch { public }) = (call.path("id")?, call.read().await?);
    let media = call.services.media.set_public(call.owner(), &id, public).await?;
    enveloped(&call, &shape(&call, media).await?)
}

/// Deletes a file.
pub(crate) async fn delete(call: Call) -> Reply {
    let deleted = call.services.media.delete(call.owner(), &call.path("id")?).await?;
    enveloped(&call, &Deleted::one(&deleted.id, "media.deleted"))
}

/// Deletes the media that the body names; ids that are not the caller's are ignored.
pub(crate) async fn bulk_delete(mut call: Call) -> Reply {
    let ids = call.read::<BulkDeleteMedia>().await?.ids(&call.own_hosts());
    let deleted = call.services.media.bulk_delete(call.owner(), &ids).await?;
    enveloped(&call, &BulkDeleted { deleted_count: deleted.len(), deleted_ids: deleted })
}

/// The media that were deleted.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct BulkDeleted {
    deleted_count: usize,
    deleted_ids: Vec<String>,
}

/// Returns a link to a file that is valid for a limited time.
pub(crate) async fn presign(call: Call) -> Reply {
    let id = call.path("id")?;
    let links = call.services.media.links(call.owner(), std::slice::from_ref(&id), None).await?;
    let mut links = links.into_iter().map(|link| {
        LinkShape::new(link.id, call.absolute(link.url), Some(link.expires_at), &*call.services.clock)
    });
    enveloped(&call, &links.next())
}

/// Returns links to several files, by their ids or in a payload that contains the ids.
pub(crate) async fn resolve(mut call: Call) -> Reply {
    let hosts = call.own_hosts();
    let resolvable = call.read::<ResolveMedia>().await?.resolvable(&hosts);
    let (Resolvable::Ids(ids) | Resolvable::Payload(_, ids)) = &resolvable;
    let resolved = call.services.media.resolve(call.owner(), ids, Want::Link).await.map_err(to_not_found)?;
    match resolvable {
        Resolvable::Ids(ids) => {
            let link = |id: String| {
                let found = resolved.get(&id)?;
                Some(LinkShape::new(
                    id,
                    call.absolute(found.url.clone()),
                    found.expires_at,
                    &*call.services.clock,
                ))
            };
            let media = Some(ids.into_iter().filter_map(link).collect());
            enveloped(&call, &ResolvedMedia { media, payload: None })
        }
        Resolvable::Payload(mut payload, _) => {
            replace(&mut payload, &hosts, |id| {
                resolved.get(id).map(|found| call.absolute(found.url.clone()))
            });
            enveloped(&call, &ResolvedMedia { media: None, payload: Some(payload) })
        }
    }
}

/// The links, or the payload in which ids are replaced by links.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct ResolvedMedia {
    #[serde(skip_serializing_if = "Option::is_none")]
    media: Option<Vec<LinkShape>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Value>,
}

/// An unknown id is "not found" here, because the media itself is requested. (In a message, an unknown id makes the
/// message invalid.)
fn to_not_found(error: Error) -> Error {
    if error.code() != "unknown_media" {
        return error;
    }
    Error::not_found(error.message().to_owned()).with_code("unknown_media").with_param("media")
}

/// Announces an upload and returns the link for its PUT.
pub(crate) async fn prepare(mut call: Call) -> Reply {
    let new: NewUpload = call.read().await?;
    let mut upload = call.services.media.prepare_upload(call.owner(), new).await?;
    upload.url = call.absolute(upload.url);
    enveloped(&call, &UploadShape::new(upload, &*call.services.clock))
}

/// Completes an announced upload whose bytes have been put to its link.
pub(crate) async fn complete(call: Call) -> Reply {
    let media = call.services.media.complete(call.owner(), &call.path("id")?).await?;
    enveloped(&call, &shape(&call, media).await?)
}

/// The shape of the caller's media, with its link.
pub(super) async fn shape(call: &Call, media: MediaObject) -> Result<MediaShape> {
    let url = call.services.media.url(call.owner(), &media).await?;
    Ok(MediaShape::new(media, call.absolute(url)))
}
