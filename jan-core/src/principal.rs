//! Who is asking. Every store method takes the owner first, so a forgotten scope does not compile.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What the ids of the house itself begin with.
const SYSTEM: &str = "system:";

/// The id of a user, the owner of everything they make. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(Arc<str>);

impl UserId {
    /// Wraps an id as an issuer or an identity provider gave it.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }

    /// The owner of what belongs to the house and to nobody in it (`public-shares`, say). No caller can be this one: the
    /// server's door turns away whoever shows a credential in such a name ([`UserId::is_system`]).
    pub fn system(name: &str) -> Self {
        Self::new(format!("{SYSTEM}{name}"))
    }

    /// Whether it is the house itself.
    pub fn is_system(&self) -> bool {
        self.0.starts_with(SYSTEM)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a caller proved who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthMethod {
    /// A signed token.
    Jwt,
    /// An API key.
    ApiKey,
    /// A session, named by a cookie. Since a browser sends cookies along whichever page asks, the server takes changes
    /// only from pages that may call it.
    Session,
    /// The host's own way: a layer around the server authenticated the caller, perhaps by a cookie (see `Session`).
    Host,
    /// Nothing was asked (`AllowAll`, or an embedder's own call).
    Open,
}

impl AuthMethod {
    /// The value of the `X-Auth-Method` header.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jwt => "jwt",
            Self::ApiKey => "api_key",
            Self::Session => "session",
            Self::Host => "host",
            Self::Open => "none",
        }
    }
}

/// An authenticated caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Who it is.
    pub user: UserId,
    /// How they proved it.
    pub method: AuthMethod,
    /// What they may do beyond their own things, for example `admin`.
    pub roles: Vec<String>,
    /// Since the Unix epoch: when the proof ends, if it does.
    pub expires_at: Option<Duration>,
}

impl Principal {
    /// The caller `user`, who proved it by `method`: without roles, for as long as each request says so.
    pub fn new(user: impl Into<Arc<str>>, method: AuthMethod) -> Self {
        Self { user: UserId::new(user), method, roles: Vec::new(), expires_at: None }
    }

    /// A caller of whom no proof was asked: an embedder's own call, a terminal.
    pub fn open(user: impl Into<Arc<str>>) -> Self {
        Self::new(user, AuthMethod::Open)
    }
}
