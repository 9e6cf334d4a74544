//! Documentation of shares.

use jan_llm::shares::{NewItemShare, NewShare, PublicShareShape, ShareShape};

use super::Doc;
use crate::http::reply::Deleted;
use crate::openapi::document::named;

const TAG: &str = "Shares";

const LISTING: &[(&str, &str)] = &[
    ("limit", "How many at the most, 1 to 100. Default: 20."),
    ("after", "The id of the last one already seen."),
    ("order", "`asc` or `desc` (the default), by their making."),
    ("include_revoked", "`true` lists those that were taken back too."),
];
const BRANCH: &[(&str, &str)] =
    &[("branch", "The branch to share, before the body's; the active one unless named.")];

pub(crate) static CREATE: Doc = Doc::new(
    "createShare",
    TAG,
    "Share a conversation",
    "Freezes what was said, or one answer, and gives a link to it. An older share of the same is taken back. What the public \
     sees holds nothing of its owner: no instructions, metadata, project or thoughts.",
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

pub(crate) static OF_CONVERSATION: Doc =
    Doc::new("listConversationShares", TAG, "List the shares of a conversation", "By their making.")
        .query(LISTING)
        .enveloped_list(named::<ShareShape>);

const REVOKE_WORDS: &str =
    "For good: the link answers 410 from now on. Caches may show it for five minutes more.";

pub(crate) static REVOKE: Doc =
    Doc::new("deleteShare", TAG, "Take a share back", REVOKE_WORDS).enveloped(200, named::<Deleted<'static>>);

pub(crate) static REVOKE_OF_CONVERSATION: Doc =
    Doc::new("deleteConversationShare", TAG, "Take a share of a conversation back", REVOKE_WORDS)
        .enveloped(200, named::<Deleted<'static>>);

const PUBLIC_WORDS: &str = "Needs no credential. 404 for an unknown slug, 410 for one that was taken back. May be cached; \
                            `If-None-Match` is honoured.";

pub(crate) static PUBLIC: Doc =
    Doc::new("getPublicShare", TAG, "Read a share", PUBLIC_WORDS).enveloped(200, named::<PublicShareShape>);

pub(crate) static PUBLIC_ALIAS: Doc =
    Doc::new("getPublicShareByAlias", TAG, "Read a share (older path)", PUBLIC_WORDS)
        .enveloped(200, named::<PublicShareShape>);

pub(crate) static PUBLIC_HEAD: Doc =
    Doc::new("headPublicShare", TAG, "Ask whether a share is there", "404 for what is no slug, too.").head();
