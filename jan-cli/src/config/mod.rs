//! What the binary can be told: defaults < file (`jan.toml`) < environment < flags. This folder is the only place that
//! reads the environment or a configuration file; everything below it takes plain structs.

mod env;
mod images;
mod load;
mod log;
mod media;
mod secrets;
mod sentence;
mod show;
mod unknown;
mod values;
mod words;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use jan_core::Secret;
use jan_core::model::ModelInfo;
use jan_core::secret::ExposeSecret;
use serde::{Deserialize, Serialize, Serializer};

pub use env::{Environment, ProcessEnvironment};
pub use images::{Images, PictureForm};
pub use load::{Overrides, load};
pub use log::{Log, LogFormat};
pub use media::{Media, MediaBackend, MediaForm, MediaS3};
pub use show::SAMPLE;
pub use unknown::unknown_variables;

use values::{address, age, size, span};

/// The whole configuration. Every value has a default, so an empty file is a good one.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the gateway listens.
    #[serde(deserialize_with = "address")]
    pub addr: SocketAddr,
    /// Where everything that is kept lies: keys, database, media, models.
    pub data_dir: PathBuf,
    /// Where conversations and all that belongs to them are kept.
    pub database: Database,
    /// Upstreams that speak OpenAI's API, by a name of your own.
    pub providers: BTreeMap<String, Provider>,
    /// The model in this process.
    pub local: Local,
    /// The built-in model that repeats what it is told.
    pub echo: Echo,
    /// Who may come in.
    pub auth: Auth,
    /// How much, how long.
    pub limits: Limits,
    /// How many requests are let in.
    pub rate_limit: RateLimit,
    /// How conversations get their titles.
    pub titles: Titles,
    /// What the model is told before a conversation.
    pub prompts: Prompts,
    /// Making pictures.
    pub images: Images,
    /// Which web pages may call.
    pub cors: Cors,
    /// Where the world finds this server, for links that it gives away; the host of each request unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
    /// What is shown to whoever has the link.
    pub sharing: Sharing,
    /// How replies look.
    pub api: Api,
    /// Pictures and files.
    pub media: Media,
    /// Fetching of URLs that callers name.
    pub fetch: Fetch,
    /// Downloading of models.
    pub pull: Pull,
    /// What is logged.
    pub log: Log,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            addr: SocketAddr::from(([127, 0, 0, 1], 8000)),
            data_dir: PathBuf::from("data"),
            database: Database::default(),
            providers: BTreeMap::new(),
            local: Local::default(),
            echo: Echo::default(),
            auth: Auth::default(),
            limits: Limits::default(),
            rate_limit: RateLimit::default(),
            titles: Titles::default(),
            prompts: Prompts::default(),
            images: Images::default(),
            cors: Cors::default(),
            public_url: None,
            sharing: Sharing::default(),
            api: Api::default(),
            media: Media::default(),
            fetch: Fetch::default(),
            pull: Pull::default(),
            log: Log::default(),
        }
    }
}

/// Where conversations and all that belongs to them are kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// `sqlite:PATH`, `postgres://USER:PASSWORD@HOST/NAME`, or `memory`; the file `jan.db` in the data folder unless told.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "hidden")]
    pub url: Option<Secret>,
    /// `process`: an acknowledged write survives the death of the process. `full`: of the machine.
    pub durability: DurabilityMode,
    /// How long what was deleted is kept before it is taken away for good.
    #[serde(with = "age")]
    pub retention: Duration,
}

impl Default for Database {
    fn default() -> Self {
        let retention = jan_server::Settings::default().retention;
        Self { url: None, durability: DurabilityMode::default(), retention }
    }
}

/// What an acknowledged write survives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum DurabilityMode {
    /// The death of the process.
    #[default]
    Process,
    /// The death of the machine.
    Full,
}

/// One upstream.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// Its base URL, ending in `/v1`.
    pub url: String,
    /// Sent as a Bearer token.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "hidden")]
    pub api_key: Option<Secret>,
    /// More headers.
    #[serde(default, serialize_with = "hidden_values")]
    pub headers: BTreeMap<String, Secret>,
    /// Until the connection stands.
    #[serde(default = "connect_timeout", with = "span")]
    pub connect_timeout: Duration,
    /// Until the head of the reply.
    #[serde(default = "reply_timeout", with = "span")]
    pub reply_timeout: Duration,
    /// Between two pieces of the reply.
    #[serde(default = "idle_timeout", with = "span")]
    pub idle_timeout: Duration,
    /// How it is shown pictures that chats name by their ids: `data_url`, in the request, or `link`, for it to fetch.
    #[serde(default)]
    pub media: MediaForm,
    /// What its models are and can do, by their ids, beyond what it says itself: `display_name`, `category`, `order`,
    /// `supports.images` and the like.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub models: BTreeMap<String, ModelInfo>,
}

/// The model in this process.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Local {
    /// A GGUF file; none means no local model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<PathBuf>,
    /// The name it answers to; the file's own unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The longest conversation in tokens; as long as the model and the engine allow unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<usize>,
    /// Threads for arithmetic; one less than the processor's cores unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<usize>,
    /// How many chats may wait for their turn; more are refused with 429.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<usize>,
}

/// The echo model.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Echo {
    /// Offers it under the name `echo`.
    pub enabled: bool,
}

/// Who may come in.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Auth {
    /// `local`: guests get signed tokens. `open`: everybody is let in as one user.
    pub mode: AuthMode,
    /// Keys that are let in as well, each starting with `sk_`.
    #[serde(serialize_with = "hidden_list")]
    pub api_keys: Vec<Secret>,
    /// Names under which an open server answers, besides those of this computer and of `public_url`: without a credential
    /// every web page could use it otherwise. Addresses in figures count where `addr` is not this computer's alone.
    pub hosts: Vec<String>,
}

/// How callers prove who they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum AuthMode {
    /// Tokens signed by this server.
    #[default]
    Local,
    /// Not at all.
    Open,
}

/// How much, how long.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// The largest JSON body.
    #[serde(deserialize_with = "size")]
    pub body: ByteSize,
    /// How long a body may take to come in.
    #[serde(with = "span")]
    pub body_timeout: Duration,
    /// How much of a body must come a second for it to be given more time; 0 gives none.
    #[serde(deserialize_with = "size")]
    pub body_rate: ByteSize,
    /// Connections open at once.
    pub connections: usize,
    /// How long a new connection may say nothing.
    #[serde(with = "span")]
    pub first_byte: Duration,
    /// How long a request's head may take, and a connection may be idle.
    #[serde(with = "span")]
    pub head: Duration,
    /// How long a reply waits for a client that takes no more of it.
    #[serde(with = "span")]
    pub write: Duration,
    /// How long running requests may take to finish after a stop.
    #[serde(with = "span")]
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let (shell, serve) = (jan_server::Settings::default(), jan_server::ServeSettings::default());
        Self {
            body: ByteSize::b(shell.body_limit as u64),
            body_timeout: shell.body_timeout,
            body_rate: ByteSize::b(shell.body_rate),
            connections: serve.connections,
            first_byte: serve.first_byte,
            head: serve.head,
            write: serve.write,
            drain: serve.drain,
        }
    }
}

/// How many requests are let in.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RateLimit {
    /// Whether requests are counted at all.
    pub enabled: bool,
    /// All routes, a minute, by address.
    pub global_minute: u32,
    /// All routes, an hour, by address.
    pub global_hour: u32,
    /// `/v1`, a minute, by address.
    pub v1_minute: u32,
    /// `/llm`, a minute, by caller.
    pub llm_minute: u32,
    /// Public shares, a minute, by address.
    pub shares_minute: u32,
    /// Public shares, an hour, by address.
    pub shares_hour: u32,
    /// The Media API, a minute, by address.
    pub media_minute: u32,
    /// Media under `/api/media`, a minute, by address.
    pub public_media_minute: u32,
}

impl Default for RateLimit {
    fn default() -> Self {
        let rates = jan_server::RateSettings::default();
        Self {
            enabled: true,
            global_minute: rates.global_minute,
            global_hour: rates.global_hour,
            v1_minute: rates.v1_minute,
            llm_minute: rates.llm_minute,
            shares_minute: rates.shares_minute,
            shares_hour: rates.shares_hour,
            media_minute: rates.media_minute,
            public_media_minute: rates.public_media_minute,
        }
    }
}

/// How conversations get their titles.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Titles {
    /// The model that makes them; without one they are made of the first message's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

/// What the model is told before a conversation, besides the project's instruction and the user's profile.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Prompts {
    /// The date; and whether the following count.
    pub enabled: bool,
    /// What is remembered of the user.
    pub memory: bool,
    /// How to use tools.
    pub tools: bool,
    /// Help with code, and with questions that take several steps.
    pub templates: bool,
}

/// Which web pages may call.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cors {
    /// Origins as a browser writes them; pages of this computer when empty.
    pub origins: Vec<String>,
}

/// What is shown to whoever has the link.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sharing {
    /// Lets owners share conversations.
    pub enabled: bool,
}

impl Default for Sharing {
    fn default() -> Self {
        Self { enabled: jan_server::Settings::default().sharing }
    }
}

/// How replies look.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Api {
    /// For clients of the original: no `{data, meta}` envelope around single objects, and the original's shapes of texts,
    /// pictures, errors and lists.
    pub bare: bool,
    /// Serves the OpenAPI document and Swagger UI.
    pub swagger: bool,
}

impl Default for Api {
    fn default() -> Self {
        Self { bare: false, swagger: true }
    }
}

/// Fetching of URLs that callers name.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fetch {
    /// Lets callers name addresses of the private network.
    pub allow_private_urls: bool,
    /// Hosts of one's own that are open all the same: names, addresses, ranges (`files.corp.example`, `10.1.0.0/16`).
    pub allow: Vec<String>,
    /// The ports that may be asked, there too.
    pub ports: Vec<u16>,
}

impl Default for Fetch {
    fn default() -> Self {
        let ports = jan_core::fetch::FetchSettings::default().ports;
        Self { allow_private_urls: false, allow: Vec::new(), ports }
    }
}

/// Downloading of models.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pull {
    /// The proxy for `http` URLs. It may hold a password.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "hidden")]
    pub http_proxy: Option<Secret>,
    /// The proxy for `https` URLs.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "hidden")]
    pub https_proxy: Option<Secret>,
    /// Hosts that are asked directly, between commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_proxy: Option<String>,
}

fn connect_timeout() -> Duration {
    jan_llm::Upstream::at("").connect_timeout
}

fn reply_timeout() -> Duration {
    jan_llm::Upstream::at("").reply_timeout
}

fn idle_timeout() -> Duration {
    jan_llm::Upstream::at("").idle_timeout
}

fn mask(secret: &Secret) -> &'static str {
    if secret.expose_secret().is_empty() { "" } else { "********" }
}

fn hidden<S: Serializer>(secret: &Option<Secret>, serializer: S) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(mask).serialize(serializer)
}

fn hidden_values<S: Serializer>(
    secrets: &BTreeMap<String, Secret>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(secrets.iter().map(|(name, secret)| (name, mask(secret))))
}

fn hidden_list<S: Serializer>(secrets: &[Secret], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(secrets.iter().map(mask))
}
