//! The environment variables of the configuration. Every value can be set by its path (`JAN__LIMITS__BODY=16MiB`);
//! short names, and the names of the original Jan Server, are in the table below.

/// A source of environment variables; a trait, so that tests need not change those of the process.
pub trait Environment {
    /// All variables, as (name, value).
    fn vars(&self) -> Vec<(String, String)>;
}

/// The environment of the process. Variables that are not UTF-8 are ignored.
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn vars(&self) -> Vec<(String, String)> {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }
}

impl Environment for Vec<(String, String)> {
    fn vars(&self) -> Vec<(String, String)> {
        self.clone()
    }
}

/// A variable, the path of the value that it sets, and its form.
pub(super) struct Alias {
    pub(super) name: &'static str,
    pub(super) path: &'static str,
    pub(super) form: ValueForm,
}

/// The form of a variable's text.
#[derive(Clone, Copy)]
pub(super) enum ValueForm {
    /// The text is the value.
    Text,
    /// `1`, `true`, `on`, `yes` or their opposites.
    Switch,
    /// Parts that are separated by commas.
    List,
    /// A number of days.
    Days,
}

const fn text(name: &'static str, path: &'static str) -> Alias {
    Alias { name, path, form: ValueForm::Text }
}

const fn switch(name: &'static str, path: &'static str) -> Alias {
    Alias { name, path, form: ValueForm::Switch }
}

const fn list(name: &'static str, path: &'static str) -> Alias {
    Alias { name, path, form: ValueForm::List }
}

const fn days(name: &'static str, path: &'static str) -> Alias {
    Alias { name, path, form: ValueForm::Days }
}

/// Short names first, then those of the original. If several variables of one value are set, the first in this table is
/// used.
pub(super) const ALIASES: &[Alias] = &[
    text("JAN_ADDR", "addr"),
    text("JAN_DATA_DIR", "data_dir"),
    text("JAN_DATABASE_URL", "database.url"),
    text("DB_POSTGRESQL_WRITE_DSN", "database.url"),
    text("JAN_UPSTREAM_URL", "providers.upstream.url"),
    text("JAN_UPSTREAM_API_KEY", "providers.upstream.api_key"),
    text("JAN_LOCAL_MODEL", "local.model"),
    switch("JAN_ECHO", "echo.enabled"),
    text("JAN_AUTH", "auth.mode"),
    list("JAN_API_KEYS", "auth.api_keys"),
    list("JAN_HOSTS", "auth.hosts"),
    switch("JAN_RATE_LIMIT", "rate_limit.enabled"),
    switch("JAN_ALLOW_PRIVATE_URLS", "fetch.allow_private_urls"),
    switch("JAN_API_BARE", "api.bare"),
    list("JAN_CORS_ORIGINS", "cors.origins"),
    text("CONVERSATION_TITLE_GENERATION_MODEL_ID", "titles.model"),
    switch("PROMPT_ORCHESTRATION_ENABLED", "prompts.enabled"),
    switch("PROMPT_ORCHESTRATION_MEMORY", "prompts.memory"),
    switch("PROMPT_ORCHESTRATION_TEMPLATES", "prompts.templates"),
    switch("PROMPT_ORCHESTRATION_TOOLS", "prompts.tools"),
    switch("IMAGE_GENERATION_ENABLED", "images.enabled"),
    text("IMAGE_GENERATION_TIMEOUT", "images.timeout"),
    text("IMAGE_DEFAULT_MODEL", "images.model"),
    text("IMAGE_DEFAULT_SIZE", "images.size"),
    text("IMAGE_DEFAULT_QUALITY", "images.quality"),
    text("IMAGE_DEFAULT_STYLE", "images.style"),
    text("IMAGE_DEFAULT_RESPONSE_FORMAT", "images.response_format"),
    text("IMAGE_MAX_N", "images.max_n"),
    text("JAN_PUBLIC_URL", "public_url"),
    switch("CONVERSATION_SHARING_ENABLED", "sharing.enabled"),
    list("JAN_FETCH_ALLOW", "fetch.allow"),
    text("MEDIA_STORAGE_BACKEND", "media.backend"),
    text("MEDIA_LOCAL_STORAGE_PATH", "media.folder"),
    text("MEDIA_PUBLIC_URL", "media.public_url"),
    text("MEDIA_S3_BUCKET", "media.s3.bucket"),
    text("MEDIA_S3_REGION", "media.s3.region"),
    text("MEDIA_S3_ENDPOINT", "media.s3.endpoint"),
    text("MEDIA_S3_PUBLIC_ENDPOINT", "media.s3.public_endpoint"),
    text("MEDIA_S3_ACCESS_KEY_ID", "media.s3.access_key_id"),
    text("MEDIA_S3_SECRET_ACCESS_KEY", "media.s3.secret_access_key"),
    switch("MEDIA_S3_USE_PATH_STYLE", "media.s3.path_style"),
    switch("MEDIA_S3_URL_ENABLED", "media.store_links"),
    text("MEDIA_S3_PRESIGN_TTL", "media.link_valid"),
    text("MEDIA_MAX_BYTES", "media.max_bytes"),
    switch("MEDIA_PROXY_DOWNLOAD", "media.proxy"),
    days("MEDIA_RETENTION_DAYS", "media.retention"),
    text("MEDIA_REMOTE_FETCH_TIMEOUT", "media.fetch_timeout"),
    text("JAN_LOG", "log.level"),
    text("LOG_LEVEL", "log.level"),
    text("LOG_FORMAT", "log.format"),
    text("SHUTDOWN_TIMEOUT", "limits.drain"),
    switch("ENABLE_SWAGGER", "api.swagger"),
    // The usual proxy variables, in both spellings.
    text("http_proxy", "pull.http_proxy"),
    text("HTTP_PROXY", "pull.http_proxy"),
    text("https_proxy", "pull.https_proxy"),
    text("HTTPS_PROXY", "pull.https_proxy"),
    text("all_proxy", "pull.http_proxy"),
    text("all_proxy", "pull.https_proxy"),
    text("ALL_PROXY", "pull.http_proxy"),
    text("ALL_PROXY", "pull.https_proxy"),
    text("no_proxy", "pull.no_proxy"),
    text("NO_PROXY", "pull.no_proxy"),
];

/// Variables with our prefix that other parts of the project read (the command line, the scripts).
pub(super) const OTHER_NAMES: &[&str] = &["JAN_CONFIG", "JAN_CACHE_DIR"];
/// The start of variables that only tests read.
pub(super) const TEST_PREFIX: &str = "JAN_TEST_";

impl ValueForm {
    /// The text as a value of the configuration.
    ///
    /// # Errors
    /// A sentence that lists what is accepted.
    pub(super) fn value(self, text: &str) -> Result<config::Value, String> {
        match self {
            Self::Text => Ok(text.into()),
            Self::Days => match text.trim().parse::<u32>() {
                Ok(days) => Ok(format!("{days}d").into()),
                Err(_) => Err("a whole number of days".into()),
            },
            Self::List => {
                Ok(text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().into())
            }
            Self::Switch => match text.to_ascii_lowercase().as_str() {
                "1" | "true" | "on" | "yes" => Ok(true.into()),
                "0" | "false" | "off" | "no" | "" => Ok(false.into()),
                _ => Err("one of 1, true, on, yes, 0, false, off, no".into()),
            },
        }
    }
}
