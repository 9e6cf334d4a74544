//! Shows the verifier what a request presents, and turns its answer into who is calling.

use std::sync::Arc;

use http::request::Parts;
use http::{HeaderMap, HeaderName};
use jan_core::auth::{Credential, Presented};
use jan_core::{AuthVerifier, Error, Principal, Result};

/// Set by gateways of the original for the services behind them. Nobody outside may say who they are.
const IDENTITY: [HeaderName; 6] = [
    HeaderName::from_static("x-user-id"),
    HeaderName::from_static("x-user-subject"),
    HeaderName::from_static("x-user-email"),
    HeaderName::from_static("x-user-username"),
    HeaderName::from_static("x-principal-id"),
    HeaderName::from_static("x-auth-method"),
];

/// Removes headers by which a caller could pretend to be somebody.
pub(crate) fn strip_identity(headers: &mut HeaderMap) {
    for name in &IDENTITY {
        headers.remove(name);
    }
}

/// Who sent this request.
///
/// # Errors
/// [`jan_core::ErrorKind::Unauthenticated`] when nobody known did.
pub(crate) async fn authenticate(verifier: &dyn AuthVerifier, head: &Parts) -> Result<Arc<Principal>> {
    let presented = Presented::from(&head.headers).with_extensions(&head.extensions);
    match verifier.verify(presented).await? {
        // What the server keeps for itself belongs to nobody, whatever an identity provider may call its users.
        Some(principal) if principal.user.is_system() => {
            Err(Error::unauthenticated("This user id is reserved.").with_code("reserved_user"))
        }
        Some(principal) => Ok(principal),
        None => Err(refused(presented.credential)),
    }
}

/// Why a request that no verifier knows is not let in.
fn refused(credential: Credential<'_>) -> Error {
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
    async fn nobody_comes_in_as_the_house_itself() {
        struct Anybody(UserId);
        #[async_trait::async_trait]
        impl AuthVerifier for Anybody {
            async fn verify(&self, _: Presented<'_>) -> Result<Option<Arc<Principal>>> {
                Ok(Some(Arc::new(Principal { user: self.0.clone(), ..Principal::open("x") })))
            }
        }
        let house = Anybody(UserId::system("public-shares"));
        let (head, ()) = http::Request::new(()).into_parts();
        let refused = authenticate(&house, &head).await.unwrap_err();
        assert_eq!(refused.code(), "reserved_user");
        assert!(authenticate(&AllowAll::new(), &head).await.is_ok());
    }
}
