//! Documentation of OpenAI's Files API.

use jan_media::FileShape;

use super::Doc;
use crate::http::reply::Deleted;
use crate::openapi::document::named;
use crate::routes::files::CreateFile;

const TAG: &str = "Files";
const QUERY: &[(&str, &str)] = &[
    ("limit", "How many at the most, 1 to 100. Default: 20."),
    ("after", "The id of the last one already seen."),
    ("order", "`asc` or `desc` (the default)."),
    ("purpose", "Only those that were uploaded for this."),
];
const UPLOAD_TEXT: &str = "A form with one `file` and its `purpose`, stored while it arrives. A file is media: its id works in chats \
                          (`file_id`) and under `/v1/media`, and each upload is a file of its own. `vision` accepts the \
                          image types of media; every other purpose also text, JSON, JSONL and PDF. \
                          `expires_after[anchor]` (`created_at`) and `expires_after[seconds]` state how long it is kept.";

pub(crate) static CREATE: Doc = Doc::new("createFile", TAG, "Upload a file", UPLOAD_TEXT)
    .body_as("multipart/form-data", named::<CreateFile>)
    .json(200, named::<FileShape>);

pub(crate) static UPLOAD: Doc = Doc::new(
    "uploadFile",
    TAG,
    "Upload a file (older path)",
    "The same; the default of `purpose` is `user_data`.",
)
.body_as("multipart/form-data", named::<CreateFile>)
.json(200, named::<FileShape>);

pub(crate) static LIST: Doc = Doc::new(
    "listFiles",
    TAG,
    "List your files",
    "Ordered by the time of creation. Files of the Media API are included, as `user_data`.",
)
.query(QUERY)
.list(named::<FileShape>);

pub(crate) static GET: Doc = Doc::new("getFile", TAG, "Get the metadata of a file", "Without its bytes.")
    .json(200, named::<FileShape>);

pub(crate) static METADATA: Doc =
    Doc::new("getFileMetadata", TAG, "Get the metadata of a file (older path)", "Without its bytes.")
        .json(200, named::<FileShape>);

pub(crate) static CONTENT: Doc =
    Doc::new("getFileContent", TAG, "Read a file", "As `GET /v1/media/{id}`.").bytes();

pub(crate) static DELETE: Doc =
    Doc::new("deleteFile", TAG, "Delete a file", "Permanently; its links stop working.")
        .json(200, named::<Deleted<'static>>);
