//! The services that handlers call, and the server's settings. The builder makes them once; every request shares them.

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

/// What a handler may call.
pub(crate) struct Services {
    pub(crate) chat: Chat,
    pub(crate) completions: Completions,
    pub(crate) conversations: Conversations,
    pub(crate) projects: Projects,
    /// The settings that users set for themselves.
    pub(crate) user_settings: SettingsStore,
    pub(crate) shares: Shares,
    pub(crate) templates: Templates,
    /// Counts used tokens. The `Metered` layer around the model reports to it.
    pub(crate) usage: Meter,
    /// Export, import and deletion of everything that one user owns.
    pub(crate) account: Account,
    /// Stores pictures and files.
    pub(crate) media: Media,
    /// Generates pictures.
    pub(crate) images: Images,
    /// `None` when this server issues no tokens.
    pub(crate) issuer: Option<Arc<dyn TokenIssuer>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: Settings,
    /// When the server was built, as time since the Unix epoch.
    pub(crate) started: Duration,
    /// Set by the accept loop when the server is stopping.
    pub(crate) draining: AtomicBool,
    /// Returns the OpenAPI document, whose examples use the given model. A function pointer, because the document is
    /// generated from the table and the table names the handlers: a handler that imported the document would close an
    /// import circle. `None` without the feature `openapi`.
    pub(crate) document: Option<fn(Option<&str>) -> Bytes>,
}

/// Settings of the server itself, apart from those of the services behind it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    /// Replies in the form that clients of the original Jan Server read: single objects without the `{data, meta}`
    /// envelope, text parts of type `text`, errors that repeat `code` and `message` at the top level, lists with
    /// `total`. Default: `false`.
    pub bare: bool,
    /// The largest body of a JSON route, in bytes. Default: 8 MiB.
    pub body_limit: usize,
    /// How long a request body may take to arrive. Default: 60 s.
    pub body_timeout: Duration,
    /// A body may take longer than `body_timeout` while it arrives at this average rate, in bytes per second; 0 allows
    /// no extra time. Default: 8 KiB.
    pub body_rate: u64,
    /// Serves the OpenAPI document and Swagger UI. Default: `true`.
    pub docs: bool,
    /// Lets owners share conversations with everyone who has the link. Default: `true`.
    pub sharing: bool,
    /// The public URL of this server (`https://chat.example`, with a path if the routes are below one), for links in
    /// replies. Default: the host that each request names.
    pub public_url: Option<String>,
    /// The path under which the server is mounted in another app (`/ai`), for links when no public URL is set. Default:
    /// what axum's router reports (feature `axum`), or none.
    pub mounted_at: Option<String>,
    /// `true`: `GET /v1/media/{id}` replies with the bytes of the file. `false`: with a link to them. Default: `true`.
    pub media_proxy: bool,
    /// How long a streamed chat waits for the model's first chunk before the head of the reply is sent. A failure
    /// before that is a JSON error with its own status; a later failure is an error event in the stream. Default: 5 s.
    pub first_chunk: Duration,
    /// How conversations get their titles. Default: from the words of the first message.
    pub titles: TitleSettings,
    /// Which prompt modules are added before a conversation, besides the project's instruction and the user's profile.
    /// Default: none.
    pub orchestration: Orchestration,
    /// How long deleted data is kept before it is removed for good ([`crate::Server::sweep`]). Default: 30 days.
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
            first_chunk: Duration::from_secs(5),
            titles: TitleSettings::default(),
            orchestration: Orchestration::default(),
            retention: Duration::from_secs(30 * 24 * 60 * 60),
        }
    }
}
