//! Passes the credential of a request to the verifier, and returns the principal.

use std::sync::Arc;

use http::request::Parts;
use http::{HeaderMap, HeaderName};
use jan_core::auth::{Credential, Presented};
use jan_core::{AuthVerifier, Error, Principal, Result};

/// Headers by which gateways of the original Jan Server told the services behind them who the caller is. A client must
/// not be able to set them.
const IDENTITY: [HeaderName; 6] = [
    HeaderName::from_static("x-user-id"),
    HeaderName::from_static("x-user-subject"),
    HeaderName::from_static("x-user-email"),
    HeaderName::from_static("x-user-username"),
    HeaderName::from_static("x-principal-id"),
    HeaderName::from_static("x-auth-method"),
];

/// Removes headers by which a client could claim another identity.
pub(crate) fn strip_identity(headers: &mut HeaderMap) {
    for name in &IDENTITY {
        headers.remove(name);
    }
}

/// Authenticates the sender of a request.
///
/// # Errors
/// [`jan_core::ErrorKind::Unauthenticated`] when no verifier accepts the credential, or there is none.
pub(crate) async fn authenticate(verifier: &dyn AuthVerifier, head: &Parts) -> Result<Arc<Principal>> {
    let presented = Presented::from(&head.headers).with_extensions(&head.extensions);
    match verifier.verify(presented).await? {
        // System users own the server's own data, so no caller may be one, whatever ids an identity provider assigns.
        Some(principal) if principal.user.is_system() => {
            Err(Error::unauthenticated("This user id is reserved.").with_code("reserved_user"))
        }
        Some(principal) => Ok(principal),
        None => Err(rejection(presented.credential)),
    }
}

/// The error for a request whose credential no verifier accepts.
fn rejection(credential: Credential<'_>) -> Error {
    let (message, code) = match credential {
        Credential::None => (
            "A credential is required: `Authorization: Bearer <token>` or `X-API-Key: <key>`.",
            "missing_credential",
        ),
        Credential::Other => (
            "The credential cannot be read: send `Authorization: Bearer <token>` or `X-API-Key: <key>`.",
            "invalid_credential",
        ),
        _ => ("This kind of credential is not accepted here.", "invalid_credential"),
    };
    Error::unauthenticated(message).with_code(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jan_core::UserId;
    use jan_core::auth::AllowAll;

    #[tokio::test]
    async fn no_caller_is_authenticated_as_a_system_user() {
        struct AlwaysUser(UserId);
        #[async_trait::async_trait]
        impl AuthVerifier for AlwaysUser {
            async fn verify(&self, _: Presented<'_>) -> Result<Option<Arc<Principal>>> {
                Ok(Some(Arc::new(Principal { user: self.0.clone(), ..Principal::open("x") })))
            }
        }
        let verifier = AlwaysUser(UserId::system("public-shares"));
        let (head, ()) = http::Request::new(()).into_parts();
        let rejection = authenticate(&verifier, &head).await.unwrap_err();
        assert_eq!(rejection.code(), "reserved_user");
        assert!(authenticate(&AllowAll::new(), &head).await.is_ok());
    }
}
