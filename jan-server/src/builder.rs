//! Builds a server. Setters cannot fail and do not depend on their order; `build()` connects the parts and reports a
//! missing one in a plain sentence. Nothing is open to unauthenticated callers unless the app asks for it by name.

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
use crate::server::Server;
use crate::services::{Services, Settings};
use crate::sweep::Sweeper;

/// Collects the parts of a [`Server`]. Made by [`Server::builder`].
#[derive(Default)]
#[must_use]
pub struct ServerBuilder {
    model: Option<Arc<dyn ModelProvider>>,
    database: Option<Database>,
    store: Option<Store>,
    media: Option<Media>,
    image_providers: Vec<(String, Arc<dyn ImageProvider>)>,
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
    /// The model provider that answers chats. Without one the server starts, and every chat fails with a message that
    /// says how to configure a model.
    pub fn model(mut self, model: impl ModelProvider) -> Self {
        self.model = Some(Arc::new(model));
        self
    }

    /// The app's database, which holds everything that the server stores. Default: an in-memory database.
    pub fn database(mut self, database: Database) -> Self {
        self.database = Some(database);
        self
    }

    /// The app's own stores for conversations and all that belongs to them, instead of those that are made on the
    /// database.
    pub fn store(mut self, store: Store) -> Self {
        self.store = Some(store);
        self
    }

    /// The media service, which stores pictures and files. Without it their bytes are held in memory, their records are
    /// in the store, and remote URLs are not fetched. Its links should point to `/api/media/` of this server
    /// ([`jan_media::MediaSettings::links`], `upload_links`).
    pub fn media(mut self, media: Media) -> Self {
        self.media = Some(media);
        self
    }

    /// Adds an image provider under the name that a caller may send as `provider_id`. A request that names no provider
    /// goes to the first one added. Without any, requests to generate images are refused.
    pub fn images(mut self, name: impl Into<String>, provider: Arc<dyn ImageProvider>) -> Self {
        self.image_providers.push((name.into(), provider));
        self
    }

    /// Defaults for image requests that leave a setting out.
    pub fn image_settings(mut self, settings: ImageSettings) -> Self {
        self.image_settings = settings;
        self
    }

    /// Adds a verifier of credentials: `AllowAll`, `ApiKeys`, `HostPrincipal` (for callers whom the app around the
    /// server signed in), or your own, which gets the credential, all headers and the request's extensions. Several
    /// verifiers are tried in the order they were added. At least one is required, unless
    /// [`ServerBuilder::issue_tokens`] is used.
    pub fn auth(mut self, verifier: impl AuthVerifier) -> Self {
        self.verifier = self.verifier.or(verifier);
        self.has_verifier = true;
        self
    }

    /// Issues tokens to guests (`POST /auth/guest-login`) and accepts these tokens as credentials.
    pub fn issue_tokens(mut self, issuer: LocalIssuer) -> Self {
        self.issuer = Some(Arc::new(issuer));
        self
    }

    /// Limits the number of requests per minute and per hour. Default: no limit.
    pub fn rate_limits(mut self, settings: RateSettings) -> Self {
        self.rate = Some(settings);
        self
    }

    /// Allows web pages of these origins to call the API (`https://chat.example`; `*` for all). Default: pages that are
    /// served from this computer.
    pub fn cors_origins(mut self, origins: impl IntoIterator<Item = String>) -> Self {
        self.origins.extend(origins);
        self
    }

    /// The host names under which requests are answered. Default for a server that accepts callers without a credential
    /// ([`crate::AllowAll`]): names of this computer and of the public URL ([`Hosts::local`]), so that web pages which
    /// the user visits cannot use the server. Default for any other server: all names. Pass [`Hosts::any`] if an
    /// application in front of the server checks this itself. List the names if callers are authenticated by a cookie,
    /// because browsers send cookies for requests of every page: `Hosts::local().and("chat.example")`.
    pub fn hosts(mut self, hosts: Hosts) -> Self {
        self.hosts = Some(hosts);
        self
    }

    /// The server's own settings.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// The path under which the server is mounted in another app (`/ai`), so that links in replies lead there. Not
    /// needed with axum's `nest_service` (feature `axum`), which reports the path itself, nor with a public URL.
    pub fn mounted_at(mut self, path: impl Into<String>) -> Self {
        self.mounted_at = Some(path.into());
        self
    }

    /// The clock. Default: the system's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Builds the server. Asynchronous, because it creates the database tables or migrates them.
    ///
    /// # Errors
    /// When there is no verifier and no token issuer, or one of the CORS origins is not an origin; and as
    /// [`Store::on`].
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
        // The app's own verifiers are usually cheap (an API key), so they are tried before the token's signature. Most
        // requests carry a token, so verified tokens are cached.
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
        let public_url = settings.public_url.as_deref();
        let media =
            self.media.unwrap_or_else(|| media::in_memory(store.records.clone(), clock.clone(), public_url));
        let conversations = Conversations::new(&store, clock.clone());
        let images = Images::new(Arc::new(media.clone()), conversations.clone(), self.image_settings);
        let images = self
            .image_providers
            .into_iter()
            .fold(images, |images, (name, provider)| images.provider(name, provider));
        let usage = Meter::new(&store, clock.clone());
        // These layers apply to every model call, whichever service makes it.
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
        let services = Services {
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
        Ok(Server { inner: Arc::new(Inner { gateway, services: Arc::new(services), sweeper }) })
    }
}

impl Server {
    /// A builder without any parts.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }
}
