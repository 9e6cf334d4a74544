//! Documentation of the Media API.

use jan_media::{
    BulkDeleteMedia, CreateMedia, LinkShape, MediaPatch, MediaShape, NewUpload, ResolveMedia, UploadShape,
};
use serde_json::{Value, json};

use super::{Doc, PAGE};
use crate::http::reply::Deleted;
use crate::openapi::doc::Components;
use crate::openapi::document::named;
use crate::routes::media::{BulkDeleted, ResolvedMedia};
use crate::routes::media_upload::{PutMedia, UploadForm};

const TAG: &str = "Media";
const LINK: &[(&str, &str)] = &[
    ("exp", "When the link expires, in seconds since the Unix epoch; part of a signed link."),
    ("sig", "The signature; part of a signed link."),
];
const BYTES_TEXT: &str = "`Range`, `If-Range` and `If-None-Match` are supported. Types that a browser could run (SVG, HTML) or \
                     cannot show are sent as a download.";

pub(crate) static CREATE: Doc = Doc::new(
    "createMedia",
    TAG,
    "Store a file by URL or data URL",
    "The type is detected from the bytes. Storing the same bytes again returns the same media, with `deduped`. 400 for a \
     malformed data URL or a URL that must not be fetched, 413 over the limit, 415 for a type that is not accepted, 422 \
     for an image with too many pixels, 502 and 504 when the other server fails or is slow.",
)
.body(named::<CreateMedia>)
.example(r#"{"source": {"type": "data_url", "data_url": "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="}, "filename": "dot.png"}"#)
.enveloped(200, named::<MediaShape>);

pub(crate) static UPLOAD: Doc = Doc::new(
    "uploadMedia",
    TAG,
    "Upload a file",
    "A form with one `file`, stored while it arrives. An `Idempotency-Key` is not needed: the same bytes are the same media.",
)
.body_as("multipart/form-data", named::<UploadForm>)
.enveloped(200, named::<MediaShape>);

pub(crate) static LIST: Doc =
    Doc::new("listMedia", TAG, "List your files", "Ordered by the time of creation.")
        .query(PAGE)
        .enveloped_list(named::<MediaShape>);

const PREPARE_TEXT: &str = "Returns the id that it will have (unless you have stored the same bytes before) and a link to PUT \
                             the bytes to, with `Content-Type` as announced. With a link of this server the file is stored at \
                             once; with a link of a cloud store, call `complete` afterwards.";

pub(crate) static PREPARE: Doc = Doc::new("prepareUpload", TAG, "Announce an upload", PREPARE_TEXT)
    .body(named::<NewUpload>)
    .example(r#"{"mime_type": "image/png", "filename": "dot.png"}"#)
    .enveloped(200, named::<UploadShape>);

pub(crate) static PREPARE_ALIAS: Doc =
    Doc::new("uploadPresigned", TAG, "Announce an upload (older path)", PREPARE_TEXT)
        .body(named::<NewUpload>)
        .example(r#"{"mime_type": "image/png", "filename": "dot.png"}"#)
        .enveloped(200, named::<UploadShape>);

pub(crate) static COMPLETE: Doc = Doc::new(
    "completeUpload",
    TAG,
    "Complete an announced upload",
    "Needed after an upload to a link of a cloud store. 409 when no bytes have arrived yet. Repeating it returns the same.",
)
.enveloped(200, named::<MediaShape>);

pub(crate) static RESOLVE: Doc = Doc::new(
    "resolveMedia",
    TAG,
    "Get links to several files",
    "For `ids` in their order, or for every `jan_…` and `data:<mime>;jan_…` in a `payload`, which is returned with links in \
     their places. 400 naming the first that is not yours.",
)
.body(named::<ResolveMedia>)
.example(r#"{"payload": {"text": "Every jan_ id in here becomes a link."}}"#)
.enveloped(200, named::<ResolvedMedia>);

pub(crate) static BULK_DELETE: Doc =
    Doc::new("bulkDeleteMedia", TAG, "Delete several files", "Ids that are not yours are ignored.")
        .body(named::<BulkDeleteMedia>)
        .example(r#"{"ids": ["jan_01hqr8v9k2x3f4g5h6j7k8m9n0"]}"#)
        .enveloped(200, named::<BulkDeleted>);

pub(crate) static GET: Doc = Doc::new("getMedia", TAG, "Read a file", BYTES_TEXT).bytes();

pub(crate) static HEAD: Doc =
    Doc::new("headMedia", TAG, "Get the headers of a file", "The head of the same reply.").head();

pub(crate) static UPDATE: Doc = Doc::new(
    "updateMedia",
    TAG,
    "Set who may read a file",
    "With `public` everyone who knows its id can read it, under `/api/media/{id}`. Caches may keep a file that was public.",
)
.body(named::<MediaPatch>)
.example(r#"{"public": true}"#)
.enveloped(200, named::<MediaShape>);

pub(crate) static DELETE: Doc =
    Doc::new("deleteMedia", TAG, "Delete a file", "Permanently; its links stop working.")
        .enveloped(200, named::<Deleted<'static>>);

pub(crate) static METADATA: Doc =
    Doc::new("getMediaMetadata", TAG, "Get the metadata of a file", "Without its bytes.")
        .enveloped(200, named::<MediaShape>);

pub(crate) static PRESIGN: Doc = Doc::new(
    "presignMedia",
    TAG,
    "Get a link to a file",
    "Everyone who has the link can read the file until it expires, without a credential.",
)
.enveloped(200, named::<LinkShape>);

const PUBLIC_TEXT: &str = "Needs no credential: either its owner marked it as public, or the link is signed. Everything else is \
                           404; a changed or expired link is 403. May be cached for as long as it may be read.";

pub(crate) static PUBLIC: Doc =
    Doc::new("getPublicMedia", TAG, "Read a public file, or one by its link", PUBLIC_TEXT)
        .query(LINK)
        .bytes();

pub(crate) static PUBLIC_HEAD: Doc =
    Doc::new("headPublicMedia", TAG, "Get the headers of a public file", PUBLIC_TEXT).query(LINK).head();

pub(crate) static PUT: Doc = Doc::new(
    "putMedia",
    TAG,
    "Upload to a link",
    "The body is the file. The link is the credential; a repeated upload returns the stored file.",
)
.query(LINK)
.body_as("application/octet-stream", bytes)
.enveloped(200, named::<PutMedia>);

/// The schema of arbitrary bytes.
fn bytes(_: &mut Components) -> Value {
    json!({"type": "string", "format": "binary"})
}
