//! The authenticated caller. Every store method takes the owner as its first argument, so code that forgets the owner
//! does not compile.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The prefix of the ids under which the server stores data of its own.
const SYSTEM: &str = "system:";

/// The id of a user, who owns everything that is created with it. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(Arc<str>);

impl UserId {
    /// Wraps an id that an issuer or an identity provider chose.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }

    /// An owner for data that belongs to the server itself and to no user (`public-shares`, for example). No caller
    /// can get this id: the server refuses every credential that names such a user ([`UserId::is_system`]).
    pub fn system(name: &str) -> Self {
        Self::new(format!("{SYSTEM}{name}"))
    }

    /// Whether this is an id for data of the server itself.
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

/// How a caller was authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthMethod {
    /// A signed token.
    Jwt,
    /// An API key.
    ApiKey,
    /// A session that a cookie names. Browsers send cookies with requests from any web page, so the server accepts
    /// changes only from pages that are allowed to call it.
    Session,
    /// By the host application: a layer around the server authenticated the caller, perhaps by a cookie (see
    /// `Session`).
    Host,
    /// Not at all: no credential was required (`AllowAll`, or a call by the embedding program).
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
    /// The id of the user.
    pub user: UserId,
    /// How the caller was authenticated.
    pub method: AuthMethod,
    /// Roles that allow more than access to the user's own data, for example `admin`.
    pub roles: Vec<String>,
    /// When the credential expires, as the time since the Unix epoch; `None` when it does not.
    pub expires_at: Option<Duration>,
}

impl Principal {
    /// The caller `user`, authenticated by `method`, without roles and without an expiry time.
    pub fn new(user: impl Into<Arc<str>>, method: AuthMethod) -> Self {
        Self { user: UserId::new(user), method, roles: Vec::new(), expires_at: None }
    }

    /// A caller without a credential: an embedding program's own call, or a command line.
    pub fn open(user: impl Into<Arc<str>>) -> Self {
        Self::new(user, AuthMethod::Open)
    }
}
