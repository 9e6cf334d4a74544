//! Documentation of shares.

use jan_llm::shares::{NewItemShare, NewShare, PublicShareShape, ShareShape};

use super::Doc;
use crate::http::reply::Deleted;
use crate::openapi::document::named;

const TAG: &str = "Shares";

const LISTING: &[(&str, &str)] = &[
    ("limit", "How many at the most, 1 to 100. Default: 20."),
    ("after", "The id of the last one already seen."),
    ("order", "`asc` or `desc` (the default), by the time of creation."),
    ("include_revoked", "`true` also lists revoked ones."),
];
const BRANCH: &[(&str, &str)] =
    &[("branch", "The branch to share, instead of the body's. Default: the active one.")];

pub(crate) static CREATE: Doc = Doc::new(
    "createShare",
    TAG,
    "Share a conversation",
    "Takes a snapshot of the messages, or of one answer, and returns a link to it. An older share of the same is revoked. \
     The public form contains nothing private: no instructions, metadata, project or reasoning.",
)
.query(BRANCH)
.body(named::<NewShare>)
.example(r#"{"scope": "conversation"}"#)
.enveloped(201, named::<ShareShape>);

pub(crate) static CREATE_OF_ITEM: Doc = Doc::new(
    "createItemShare",
    TAG,
    "Share one answer",
    "A completed message of the assistant. No body is needed.",
)
.query(BRANCH)
.body(named::<NewItemShare>)
.example(r#"{"include_context_messages": true}"#)
.enveloped(201, named::<ShareShape>);

pub(crate) static LIST: Doc = Doc::new(
    "listShares",
    TAG,
    "List your shares",
    "Views are counted in batches: the last few may be missing.",
)
.query(LISTING)
.enveloped_list(named::<ShareShape>);

pub(crate) static OF_CONVERSATION: Doc = Doc::new(
    "listConversationShares",
    TAG,
    "List the shares of a conversation",
    "Ordered by the time of creation.",
)
.query(LISTING)
.enveloped_list(named::<ShareShape>);

const REVOKE_TEXT: &str =
    "Permanent: the link returns 410 from now on. Caches may show the share for five minutes more.";

pub(crate) static REVOKE: Doc =
    Doc::new("deleteShare", TAG, "Revoke a share", REVOKE_TEXT).enveloped(200, named::<Deleted<'static>>);

pub(crate) static REVOKE_OF_CONVERSATION: Doc =
    Doc::new("deleteConversationShare", TAG, "Revoke a share of a conversation", REVOKE_TEXT)
        .enveloped(200, named::<Deleted<'static>>);

const PUBLIC_TEXT: &str = "Needs no credential. 404 for an unknown slug, 410 for a revoked share. May be cached; \
                            `If-None-Match` is supported.";

pub(crate) static PUBLIC: Doc =
    Doc::new("getPublicShare", TAG, "Read a share", PUBLIC_TEXT).enveloped(200, named::<PublicShareShape>);

pub(crate) static PUBLIC_ALIAS: Doc =
    Doc::new("getPublicShareByAlias", TAG, "Read a share (older path)", PUBLIC_TEXT)
        .enveloped(200, named::<PublicShareShape>);

pub(crate) static PUBLIC_HEAD: Doc =
    Doc::new("headPublicShare", TAG, "Check that a share exists", "404 for an unknown slug.").head();
