//! The configuration: defaults < file (`jan.toml`) < environment < flags. These files are the only ones that read the
//! environment or a configuration file; the rest of the project takes plain structs.

mod choices;
mod env;
mod error_text;
mod images;
mod load;
mod log;
mod media;
mod secrets;
mod show;
mod unknown;
mod values;

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

/// The whole configuration. Every value has a default, so an empty file is valid.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The address on which the server listens.
    #[serde(deserialize_with = "address")]
    pub addr: SocketAddr,
    /// The folder of all stored data: keys, database, media, models.
    pub data_dir: PathBuf,
    /// The database of conversations and everything else except the bytes of media.
    pub database: Database,
    /// Upstreams with OpenAI's API, by names of your choice.
    pub providers: BTreeMap<String, Provider>,
    /// The model that runs in this process.
    pub local: Local,
    /// The built-in model that repeats the message it gets.
    pub echo: Echo,
    /// How callers authenticate.
    pub auth: Auth,
    /// Limits on sizes and times.
    pub limits: Limits,
    /// How many requests are accepted.
    pub rate_limit: RateLimit,
    /// How conversations get their titles.
    pub titles: Titles,
    /// Prompt modules that are added before a conversation.
    pub prompts: Prompts,
    /// Image generation.
    pub images: Images,
    /// Which web pages may call the API.
    pub cors: Cors,
    /// The public URL of this server, for links in replies. Default: the host of each request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
    /// Sharing of conversations by link.
    pub sharing: Sharing,
    /// The form of replies.
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

/// The database of conversations and everything else except the bytes of media.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// `sqlite:PATH`, `postgres://USER:PASSWORD@HOST/NAME`, or `memory`. Default: the file `jan.db` in the data folder.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "hidden")]
    pub url: Option<Secret>,
    /// `process`: an acknowledged write survives a crash of the process. `full`: also of the machine.
    pub durability: DurabilityMode,
    /// How long deleted data is kept before it is removed for good.
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
    /// A crash of the process.
    #[default]
    Process,
    /// A crash of the machine.
    Full,
}

/// One upstream.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// The upstream's base URL, ending in `/v1`.
    pub url: String,
    /// Sent as a Bearer token.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "hidden")]
    pub api_key: Option<Secret>,
    /// Additional headers.
    #[serde(default, serialize_with = "hidden_values")]
    pub headers: BTreeMap<String, Secret>,
    /// How long connecting may take.
    #[serde(default = "connect_timeout", with = "span")]
    pub connect_timeout: Duration,
    /// How long the upstream may take to send the head of its reply.
    #[serde(default = "reply_timeout", with = "span")]
    pub reply_timeout: Duration,
    /// The longest time between two pieces of the reply.
    #[serde(default = "idle_timeout", with = "span")]
    pub idle_timeout: Duration,
    /// How the upstream gets images that chats name by id: `data_url`, in the request, or `link`, to fetch itself.
    #[serde(default)]
    pub media: MediaForm,
    /// Facts about its models that its own list does not state, by model id: `display_name`, `category`, `order`,
    /// `supports.images` and others.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub models: BTreeMap<String, ModelInfo>,
}

/// The model that runs in this process.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Local {
    /// A GGUF file. Default: no local model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<PathBuf>,
    /// The model's name. Default: the file's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The context in tokens. Default: as long as the model and the engine allow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<usize>,
    /// The number of threads of the engine. Default: one less than the processor's cores.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<usize>,
    /// How many chats may wait while another is answered; more are refused with 429.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<usize>,
}

/// The echo model.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Echo {
    /// Offers the echo model under the name `echo`.
    pub enabled: bool,
}

/// How callers authenticate.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Auth {
    /// `local`: guests get signed tokens. `open`: no credential is needed, and all callers are the same user.
    pub mode: AuthMode,
    /// API keys that are accepted too, each starting with `sk_`.
    #[serde(serialize_with = "hidden_list")]
    pub api_keys: Vec<Secret>,
    /// Host names under which an open server answers, besides those of this computer and of `public_url`. Without this
    /// check every web page could use the server, because it needs no credential. Numeric IP addresses are accepted if
    /// `addr` is reachable from other machines.
    pub hosts: Vec<String>,
}

/// How callers authenticate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum AuthMode {
    /// Tokens signed by this server.
    #[default]
    Local,
    /// No credential is needed.
    Open,
}

/// Limits on sizes and times.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// The largest JSON body.
    #[serde(deserialize_with = "size")]
    pub body: ByteSize,
    /// How long a request body may take to arrive.
    #[serde(with = "span")]
    pub body_timeout: Duration,
    /// The average rate, in bytes per second, at which a body may take longer than that; 0 allows no extra time.
    #[serde(deserialize_with = "size")]
    pub body_rate: ByteSize,
    /// The most connections that are open at once.
    pub connections: usize,
    /// How long a new connection may send nothing.
    #[serde(with = "span")]
    pub first_byte: Duration,
    /// How long a request's head may take to arrive, and how long a connection may be idle.
    #[serde(with = "span")]
    pub head: Duration,
    /// How long a reply waits for a client that does not read.
    #[serde(with = "span")]
    pub write: Duration,
    /// How long running requests may take to finish after the stop signal.
    #[serde(with = "span")]
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let (settings, serve) = (jan_server::Settings::default(), jan_server::ServeSettings::default());
        Self {
            body: ByteSize::b(settings.body_limit as u64),
            body_timeout: settings.body_timeout,
            body_rate: ByteSize::b(settings.body_rate),
            connections: serve.connections,
            first_byte: serve.first_byte,
            head: serve.head,
            write: serve.write,
            drain: serve.drain,
        }
    }
}

/// How many requests are accepted.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RateLimit {
    /// Whether requests are counted at all.
    pub enabled: bool,
    /// All routes, per minute and address.
    pub global_minute: u32,
    /// All routes, per hour and address.
    pub global_hour: u32,
    /// `/v1`, per minute and address.
    pub v1_minute: u32,
    /// `/llm`, per minute and caller.
    pub llm_minute: u32,
    /// Public shares, per minute and address.
    pub shares_minute: u32,
    /// Public shares, per hour and address.
    pub shares_hour: u32,
    /// The Media API, per minute and address.
    pub media_minute: u32,
    /// Media under `/api/media`, per minute and address.
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
    /// The model that writes titles. Default: none; titles are the first words of the first message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

/// Prompt modules that are added before a conversation, besides the project's instruction and the user's profile.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Prompts {
    /// Adds the date, and enables the modules below.
    pub enabled: bool,
    /// Adds what is remembered of the user.
    pub memory: bool,
    /// Adds instructions for using tools.
    pub tools: bool,
    /// Adds instructions for code, and for questions that take several steps.
    pub templates: bool,
}

/// Which web pages may call the API.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cors {
    /// Origins as browsers send them. Default: empty, which allows pages of this computer.
    pub origins: Vec<String>,
}

/// Sharing of conversations by link.
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

/// The form of replies.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Api {
    /// For clients of the original Jan Server: no `{data, meta}` envelope around single objects, and the original's
    /// shapes of text parts, images, errors and lists.
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
    /// Allows URLs with addresses of private networks.
    pub allow_private_urls: bool,
    /// Hosts that are allowed although they are private: names, addresses, ranges (`files.corp.example`,
    /// `10.1.0.0/16`).
    pub allow: Vec<String>,
    /// The allowed ports, also for these hosts.
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
    /// The proxy for `http` URLs. It may contain a password.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "hidden")]
    pub http_proxy: Option<Secret>,
    /// The proxy for `https` URLs.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "hidden")]
    pub https_proxy: Option<Secret>,
    /// Hosts that are reached without the proxy, separated by commas.
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
