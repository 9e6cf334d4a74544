//! Puts a server together. Setters do not fail and do not depend on their order; `build()` wires what was collected and
//! says in a plain sentence what is missing. Nothing is open unless it is opened by name.

use std::sync::Arc;

use jan_core::account::Account;
use jan_core::auth::{AnyOf, Cached, LocalIssuer};
use jan_core::{
    AuthVerifier, Clock, Database, Error, ImageProvider, ModelProvider, Result, SystemClock, TokenIssuer,
};
use jan_llm::completions::Completions;
use jan_llm::images::{ImageSettings, Images};
use jan_llm::layers::{Metered, ResolveMedia, TimeLimit, Trimmed};
use jan_llm::owned::{self, RecordData};
use jan_llm::{Chat, Conversations, Keeper, Meter, Projects, SettingsStore, Shares, Store, Templates};

use jan_media::Media;

use crate::gateway::admit::Gateway;
use crate::gateway::cors::Cors;
use crate::gateway::hosts::Hosts;
use crate::gateway::idempotency::Keys;
use crate::gateway::rate::{RateLimits, RateSettings};
use crate::inner::Inner;
use crate::media;
use crate::rooms::{Rooms, Settings};
use crate::server::Server;
use crate::sweep::Sweeper;

/// The parts of a server, being collected.
#[derive(Default)]
#[must_use]
pub struct ServerBuilder {
    model: Option<Arc<dyn ModelProvider>>,
    database: Option<Database>,
    store: Option<Store>,
    media: Option<Media>,
    painters: Vec<(String, Arc<dyn ImageProvider>)>,
    image_settings: ImageSettings,
    issuer: Option<Arc<LocalIssuer>>,
    verifier: AnyOf,
    has_verifier: bool,
    clock: Option<Arc<dyn Clock>>,
    rate: Option<RateSettings>,
    origins: Vec<String>,
    hosts: Option<Hosts>,
    settings: Settings,
    mounted_at: Option<String>,
}

impl ServerBuilder {
    /// Who answers chats. Without a model the server starts and says what is missing when it is asked.
    pub fn model(mut self, model: impl ModelProvider) -> Self {
        self.model = Some(Arc::new(model));
        self
    }

    /// The app's database, in which everything is kept; one in memory unless it is given.
    pub fn database(mut self, database: Database) -> Self {
        self.database = Some(database);
        self
    }

    /// Stores of your own for conversations and all that belongs to them, in place of those that are made on the database.
    pub fn store(mut self, store: Store) -> Self {
        self.store = Some(store);
        self
    }

    /// What keeps pictures and files. Without it their bytes are in memory, beside the store's records, and what lies
    /// elsewhere is not fetched. Its links should lead to `/api/media/` of this server
    /// ([`jan_media::MediaSettings::links`], `upload_links`).
    pub fn media(mut self, media: Media) -> Self {
        self.media = Some(media);
        self
    }

    /// Who makes pictures, by the name that a caller may give as `provider_id`; the first added is asked unless another is
    /// named. Without any, making pictures is refused.
    pub fn images(mut self, name: impl Into<String>, provider: Arc<dyn ImageProvider>) -> Self {
        self.painters.push((name.into(), provider));
        self
    }

    /// What is said of pictures where a caller says nothing.
    pub fn image_settings(mut self, settings: ImageSettings) -> Self {
        self.image_settings = settings;
        self
    }

    /// Who may come in: `AllowAll`, `ApiKeys`, `HostPrincipal` (whom the app around the server signed in), or a verifier of
    /// your own, which sees the credential, all headers and what your layers attached to the request. Several are asked
    /// in turn. Required, unless [`ServerBuilder::issue_tokens`] is used.
    pub fn auth(mut self, verifier: impl AuthVerifier) -> Self {
        self.verifier = self.verifier.or(verifier);
        self.has_verifier = true;
        self
    }

    /// Issues tokens to guests (`POST /auth/guest-login`) and lets in whoever shows one.
    pub fn issue_tokens(mut self, issuer: LocalIssuer) -> Self {
        self.issuer = Some(Arc::new(issuer));
        self
    }

    /// Limits how many requests are let in. Without it there is no limit.
    pub fn rate_limits(mut self, settings: RateSettings) -> Self {
        self.rate = Some(settings);
        self
    }

    /// Pages of these origins may call from a browser (`https://chat.example`; `*` for all). Without any, pages served
    /// from this very computer may.
    pub fn cors_origins(mut self, origins: impl IntoIterator<Item = String>) -> Self {
        self.origins.extend(origins);
        self
    }

    /// Under which hosts requests are answered. Unless told: a server that lets everybody in ([`crate::AllowAll`]) only under
    /// names of this computer and of the public URL ([`Hosts::local`]), so that pages which its user visits cannot use it; any
    /// other under all. Where another application is in front that checks its callers itself, say [`Hosts::any`]. Where
    /// callers are known by a cookie, which browsers send for every page, name the hosts: `Hosts::local().and("chat.example")`.
    pub fn hosts(mut self, hosts: Hosts) -> Self {
        self.hosts = Some(hosts);
        self
    }

    /// What the shell does in its own right.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Says under which path the server is mounted in another (`/ai`), so that the links that it gives lead there. A
    /// router of axum's says it itself (`nest_service`, feature `axum`); with a public URL it is not needed.
    pub fn mounted_at(mut self, path: impl Into<String>) -> Self {
        self.mounted_at = Some(path.into());
        self
    }

    /// Where the time comes from; the system unless told.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The server. It is asynchronous because the tables of the database are made here, or brought up to date.
    ///
    /// # Errors
    /// When nobody was said to be let in, or one of the origins is none; as [`Store::on`].
    pub async fn build(self) -> Result<Server> {
        if !self.has_verifier && self.issuer.is_none() {
            let message = "Say who may come in: `.auth(AllowAll::new())` for everybody, `.auth(ApiKeys::new([&key])?)`, \
                           `.auth(HostPrincipal)`, `.issue_tokens(LocalIssuer::new(..))`, or `.auth(..)` with an \
                           `AuthVerifier` of your own.";
            return Err(Error::invalid("auth", message));
        }
        let mut settings = self.settings;
        settings.mounted_at = self.mounted_at.or(settings.mounted_at);
        let clock = self.clock.unwrap_or_else(|| Arc::new(SystemClock));
        // Cheap to check comes first; tokens are the rule, and their signature is remembered.
        let verifier: Arc<dyn AuthVerifier> = match &self.issuer {
            None => Arc::new(self.verifier),
            Some(issuer) => Arc::new(self.verifier.or(Cached::new(issuer.clone(), clock.clone()))),
        };
        let open = verifier.admits_anybody();
        let hosts = self.hosts.unwrap_or_else(|| if open { Hosts::local() } else { Hosts::any() });
        let public = settings.public_url.as_deref().and_then(|url| url.parse::<http::Uri>().ok());
        let hosts = public.iter().filter_map(http::Uri::host).fold(hosts, Hosts::and);
        let cors = Cors::new(&self.origins)?.and_own(public.as_ref());
        let model = self.model.unwrap_or_else(|| Arc::new(crate::no_model::NoModel));
        let store = match self.store {
            Some(store) => store,
            None => Store::on(&self.database.unwrap_or_else(Database::memory)).await?,
        };
        let home = settings.public_url.as_deref();
        let media =
            self.media.unwrap_or_else(|| media::in_memory(store.records.clone(), clock.clone(), home));
        let conversations = Conversations::new(&store, clock.clone());
        let images = Images::new(Arc::new(media.clone()), conversations.clone(), self.image_settings);
        let images =
            self.painters.into_iter().fold(images, |images, (name, painter)| images.provider(name, painter));
        let usage = Meter::new(&store, clock.clone());
        // What every call of the model goes through, whoever makes it.
        let model = ResolveMedia::new(model, Arc::new(media.clone()));
        let model = TimeLimit::new(Metered::new(Trimmed::new(model), usage.clone()));
        let records = RecordData::new(&store).meter(usage.clone()).media_apart();
        let account = Account::new().part(Arc::new(media.clone()));
        let account = owned::parts(&store, records).into_iter().fold(account, Account::part);
        let mut keeper = Keeper::new(&store, clock.clone());
        (keeper.titles, keeper.orchestration) = (settings.titles.clone(), settings.orchestration);
        let gateway = Gateway {
            verifier,
            rate: self.rate.as_ref().map(RateLimits::new),
            cors,
            hosts,
            clock: clock.clone(),
            keys: Keys::new(store.records.clone(), clock.clone()),
        };
        let sweeper = Sweeper::new(account.clone(), clock.clone(), settings.retention);
        let rooms = Rooms {
            chat: Chat::new(model).keeper(keeper),
            completions: Completions::new(&store, clock.clone()),
            conversations,
            images,
            projects: Projects::new(&store, clock.clone()),
            user_settings: SettingsStore::new(&store, clock.clone()),
            shares: Shares::new(&store, clock.clone()),
            templates: Templates::new(&store, clock.clone()),
            usage,
            account,
            media,
            issuer: self.issuer.map(|issuer| issuer as Arc<dyn TokenIssuer>),
            started: clock.now(),
            clock,
            settings,
            draining: false.into(),
            #[cfg(feature = "openapi")]
            document: Some(crate::openapi::document),
            #[cfg(not(feature = "openapi"))]
            document: None,
        };
        Ok(Server { inner: Arc::new(Inner { gateway, rooms: Arc::new(rooms), sweeper }) })
    }
}

impl Server {
    /// A server to be put together.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }
}
