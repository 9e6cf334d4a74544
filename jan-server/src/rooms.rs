//! The services that answer one server's requests, and its settings. Made by the builder, shared by every request.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use bytes::Bytes;
use jan_core::account::Account;
use jan_core::{Clock, TokenIssuer};
use jan_llm::completions::Completions;
use jan_llm::prompt::Orchestration;
use jan_llm::turn::TitleSettings;
use jan_llm::{Chat, Conversations, Images, Meter, Projects, SettingsStore, Shares, Templates};
use jan_media::Media;

pub(crate) struct Rooms {
    pub(crate) chat: Chat,
    pub(crate) completions: Completions,
    pub(crate) conversations: Conversations,
    pub(crate) projects: Projects,
    /// What users chose for themselves.
    pub(crate) user_settings: SettingsStore,
    pub(crate) shares: Shares,
    pub(crate) templates: Templates,
    /// Counts tokens; whoever answers chats tells it.
    pub(crate) usage: Meter,
    pub(crate) account: Account,
    /// Pictures and files.
    pub(crate) media: Media,
    /// Makes pictures.
    pub(crate) images: Images,
    /// Absent when tokens come from somebody else.
    pub(crate) issuer: Option<Arc<dyn TokenIssuer>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: Settings,
    pub(crate) started: Duration,
    pub(crate) draining: AtomicBool,
    /// The OpenAPI document, whose examples ask the named model. It is made from the table, which names the handlers, so that
    /// a handler can only get it from here. Absent without the feature `openapi`.
    pub(crate) document: Option<fn(Option<&str>) -> Bytes>,
}

/// What the server does in its own right, apart from the services behind it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    /// Answers as clients of the original read it: single objects without the `{data, meta}` envelope, answers as parts of
    /// type `text`, errors with `code` and `message` at their top too, lists with `total`. Default: no.
    pub bare: bool,
    /// The largest body of a JSON route, in bytes. Default: 8 MiB.
    pub body_limit: usize,
    /// How long a body may take to come in. Default: 60 s.
    pub body_timeout: Duration,
    /// A body may take longer than that, as long as so many bytes of it have come for each second; with 0 it may
    /// not. Default: 8 KiB.
    pub body_rate: u64,
    /// Serves the OpenAPI document and Swagger UI. Default: yes.
    pub docs: bool,
    /// Lets owners show conversations to whoever has the link. Default: yes.
    pub sharing: bool,
    /// Where the world finds this server (`https://chat.example`, with the path before its routes if there is one), for
    /// links that it gives away. Default: the host that each request names.
    pub public_url: Option<String>,
    /// The path under which the server is mounted in another (`/ai`), for links where no public URL is set. Default:
    /// what a router of axum's says (feature `axum`), or none.
    pub mounted_at: Option<String>,
    /// Gives the bytes of media under `/v1/media/{id}`; without it, the link to them. Default: yes.
    pub media_proxy: bool,
    /// How long a streamed chat waits for the model's first word before the reply's head is sent without it. Until then
    /// a failure is a JSON error with its status; later it is an error event. Default: 5 s.
    pub first_word: Duration,
    /// How conversations get their titles. Default: from the words of the first message.
    pub titles: TitleSettings,
    /// Which prompt modules are put before a conversation, besides the project's instruction and the user's profile.
    /// Default: none.
    pub orchestration: Orchestration,
    /// How long what was deleted is kept before it is taken away for good ([`crate::Server::sweep`]). Default: 30 days.
    pub retention: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            bare: false,
            body_limit: 8 * 1024 * 1024,
            body_timeout: Duration::from_secs(60),
            body_rate: 8 * 1024,
            docs: true,
            sharing: true,
            public_url: None,
            mounted_at: None,
            media_proxy: true,
            first_word: Duration::from_secs(5),
            titles: TitleSettings::default(),
            orchestration: Orchestration::default(),
            retention: Duration::from_secs(30 * 24 * 60 * 60),
        }
    }
}
