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
    ("exp", "When the link ends, in seconds since the Unix epoch; part of a signed link."),
    ("sig", "The signature; part of a signed link."),
];
const BYTES_WORDS: &str = "`Range`, `If-Range` and `If-None-Match` are honoured. What a browser could run (SVG, HTML) and what it \
                     does not show anyway comes as a file to be saved.";

pub(crate) static CREATE: Doc = Doc::new(
    "createMedia",
    TAG,
    "Keep a file by URL or data URL",
    "What it is, is judged by its bytes. The same bytes are the same media to you: `deduped` says so. 400 for a bent data \
     URL or an address that may not be asked, 413 over the limit, 415 for a type that is not taken, 422 for a picture with \
     too many pixels, 502 and 504 when the other server fails or is slow.",
)
.body(named::<CreateMedia>)
.example(r#"{"source": {"type": "data_url", "data_url": "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="}, "filename": "dot.png"}"#)
.enveloped(200, named::<MediaShape>);

pub(crate) static UPLOAD: Doc = Doc::new(
    "uploadMedia",
    TAG,
    "Upload a file",
    "A form with one `file`, kept while it comes. An `Idempotency-Key` is not needed: the same bytes are the same media.",
)
.body_as("multipart/form-data", named::<UploadForm>)
.enveloped(200, named::<MediaShape>);

pub(crate) static LIST: Doc = Doc::new("listMedia", TAG, "List your files", "By their making.")
    .query(PAGE)
    .enveloped_list(named::<MediaShape>);

const PREPARE_WORDS: &str = "Answers with the id that it will have (unless you have the same bytes already) and a link to PUT \
                             the bytes to, with `Content-Type` as announced. Our own links keep it at once; after a cloud's, \
                             say `complete`.";

pub(crate) static PREPARE: Doc = Doc::new("prepareUpload", TAG, "Announce an upload", PREPARE_WORDS)
    .body(named::<NewUpload>)
    .example(r#"{"mime_type": "image/png", "filename": "dot.png"}"#)
    .enveloped(200, named::<UploadShape>);

pub(crate) static PREPARE_ALIAS: Doc =
    Doc::new("uploadPresigned", TAG, "Announce an upload (older path)", PREPARE_WORDS)
        .body(named::<NewUpload>)
        .example(r#"{"mime_type": "image/png", "filename": "dot.png"}"#)
        .enveloped(200, named::<UploadShape>);

pub(crate) static COMPLETE: Doc = Doc::new(
    "completeUpload",
    TAG,
    "Say that an announced upload is there",
    "Needed after a cloud's link. 409 when nothing is there yet. Said again it answers the same.",
)
.enveloped(200, named::<MediaShape>);

pub(crate) static RESOLVE: Doc = Doc::new(
    "resolveMedia",
    TAG,
    "Get links to several files",
    "For `ids` in their order, or for every `jan_…` and `data:<mime>;jan_…` in a `payload`, which comes back with links in \
     their places. 400 naming the first that is not yours.",
)
.body(named::<ResolveMedia>)
.example(r#"{"payload": {"text": "Every jan_ id in here becomes a link."}}"#)
.enveloped(200, named::<ResolvedMedia>);

pub(crate) static BULK_DELETE: Doc =
    Doc::new("bulkDeleteMedia", TAG, "Delete several files", "Ids that are not yours are passed over.")
        .body(named::<BulkDeleteMedia>)
        .example(r#"{"ids": ["jan_01hqr8v9k2x3f4g5h6j7k8m9n0"]}"#)
        .enveloped(200, named::<BulkDeleted>);

pub(crate) static GET: Doc = Doc::new("getMedia", TAG, "Read a file", BYTES_WORDS).bytes();

pub(crate) static HEAD: Doc =
    Doc::new("headMedia", TAG, "Ask what a file is", "The head of the same reply.").head();

pub(crate) static UPDATE: Doc = Doc::new(
    "updateMedia",
    TAG,
    "Say who may see a file",
    "`public` shows it to everybody who knows its id, under `/api/media/{id}`. Caches may keep what was public.",
)
.body(named::<MediaPatch>)
.example(r#"{"public": true}"#)
.enveloped(200, named::<MediaShape>);

pub(crate) static DELETE: Doc =
    Doc::new("deleteMedia", TAG, "Delete a file", "For good; its links end with it.")
        .enveloped(200, named::<Deleted<'static>>);

pub(crate) static METADATA: Doc =
    Doc::new("getMediaMetadata", TAG, "Get what is known of a file", "Without its bytes.")
        .enveloped(200, named::<MediaShape>);

pub(crate) static PRESIGN: Doc = Doc::new(
    "presignMedia",
    TAG,
    "Get a link to a file",
    "Whoever has the link can read until it ends; no credential is asked.",
)
.enveloped(200, named::<LinkShape>);

const PUBLIC_WORDS: &str = "Needs no credential: either its owner marked it as public, or the link is signed. Everything else is \
                           404; a link that was changed or has ended is 403. May be cached for as long as it may be seen.";

pub(crate) static PUBLIC: Doc =
    Doc::new("getPublicMedia", TAG, "Read a public file, or one by its link", PUBLIC_WORDS)
        .query(LINK)
        .bytes();

pub(crate) static PUBLIC_HEAD: Doc =
    Doc::new("headPublicMedia", TAG, "Ask what a public file is", PUBLIC_WORDS).query(LINK).head();

pub(crate) static PUT: Doc = Doc::new(
    "putMedia",
    TAG,
    "Upload to a link",
    "The body is the file. The link is the credential; used again it answers what it became.",
)
.query(LINK)
.body_as("application/octet-stream", bytes)
.enveloped(200, named::<PutMedia>);

/// The schema of arbitrary bytes.
fn bytes(_: &mut Components) -> Value {
    json!({"type": "string", "format": "binary"})
}
