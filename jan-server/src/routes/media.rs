//! `/v1/media`: what is kept, by JSON. Its bytes go in and out in files of their own.

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

/// Keeps what is at a URL, or in a data URL.
pub(crate) async fn create(mut call: Call) -> Reply {
    let CreateMedia { source, filename, public } = call.read().await?;
    let (source, new) =
        (source.or_own(&call.own_hosts()), NewMedia { filename, public, ..NewMedia::default() });
    let kept = call.rooms.media.ingest(call.owner(), source, new).await?;
    enveloped(&call, &shape(&call, kept).await?)
}

/// The caller's.
pub(crate) async fn all(call: Call) -> Reply {
    let page = call.rooms.media.list(call.owner(), &call.page(Order::Desc)?).await?;
    let mut items = Vec::with_capacity(page.items.len());
    for media in page.items {
        match shape(&call, media).await {
            // Deleted in this moment.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            shape => items.push(shape?),
        }
    }
    Listing::of(&Page { items, has_more: page.has_more }).enveloped(&call, MediaShape::id)
}

/// What is known of one.
pub(crate) async fn metadata(call: Call) -> Reply {
    let media = call.rooms.media.get(call.owner(), &call.path("id")?).await?;
    enveloped(&call, &shape(&call, media).await?)
}

/// Says whether everybody may see one.
pub(crate) async fn update(mut call: Call) -> Reply {
    let (id, MediaPatch { public }) = (call.path("id")?, call.read().await?);
    let media = call.rooms.media.set_public(call.owner(), &id, public).await?;
    enveloped(&call, &shape(&call, media).await?)
}

/// Deletes one.
pub(crate) async fn delete(call: Call) -> Reply {
    let gone = call.rooms.media.delete(call.owner(), &call.path("id")?).await?;
    enveloped(&call, &Deleted::one(&gone.id, "media.deleted"))
}

/// Deletes those that the body names; ids that are not the caller's are passed over.
pub(crate) async fn bulk_delete(mut call: Call) -> Reply {
    let ids = call.read::<BulkDeleteMedia>().await?.ids(&call.own_hosts());
    let gone = call.rooms.media.bulk_delete(call.owner(), &ids).await?;
    enveloped(&call, &BulkDeleted { deleted_count: gone.len(), deleted_ids: gone })
}

/// The files that were deleted.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct BulkDeleted {
    deleted_count: usize,
    deleted_ids: Vec<String>,
}

/// A link to one that ends.
pub(crate) async fn presign(call: Call) -> Reply {
    let id = call.path("id")?;
    let links = call.rooms.media.links(call.owner(), std::slice::from_ref(&id), None).await?;
    let mut links = links.into_iter().map(|link| {
        LinkShape::new(link.id, call.absolute(link.url), Some(link.expires_at), &*call.rooms.clock)
    });
    enveloped(&call, &links.next())
}

/// Links to several, by their ids or in a payload that names them.
pub(crate) async fn resolve(mut call: Call) -> Reply {
    let hosts = call.own_hosts();
    let asked = call.read::<ResolveMedia>().await?.resolvable(&hosts);
    let (Resolvable::Ids(ids) | Resolvable::Payload(_, ids)) = &asked;
    let resolved = call.rooms.media.resolve(call.owner(), ids, Want::Link).await.map_err(not_there)?;
    match asked {
        Resolvable::Ids(ids) => {
            let link = |id: String| {
                let found = resolved.get(&id)?;
                Some(LinkShape::new(
                    id,
                    call.absolute(found.url.clone()),
                    found.expires_at,
                    &*call.rooms.clock,
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

/// The links, or the payload with links in the places of its ids.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct ResolvedMedia {
    #[serde(skip_serializing_if = "Option::is_none")]
    media: Option<Vec<LinkShape>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Value>,
}

/// Who asks for links to media asks for the media: it is not found. (In a message an unknown picture is a wrong message.)
fn not_there(error: Error) -> Error {
    if error.code() != "unknown_media" {
        return error;
    }
    Error::not_found(error.message().to_owned()).with_code("unknown_media").with_param("media")
}

/// Announces an upload, and gives the link to PUT it to.
pub(crate) async fn prepare(mut call: Call) -> Reply {
    let new: NewUpload = call.read().await?;
    let mut upload = call.rooms.media.prepare_upload(call.owner(), new).await?;
    upload.url = call.absolute(upload.url);
    enveloped(&call, &UploadShape::new(upload, &*call.rooms.clock))
}

/// The bytes are where the link led.
pub(crate) async fn complete(call: Call) -> Reply {
    let kept = call.rooms.media.complete(call.owner(), &call.path("id")?).await?;
    enveloped(&call, &shape(&call, kept).await?)
}

/// The caller's media, and where it is found by whoever is told.
pub(super) async fn shape(call: &Call, media: MediaObject) -> Result<MediaShape> {
    let url = call.rooms.media.url(call.owner(), &media).await?;
    Ok(MediaShape::new(media, call.absolute(url)))
}
