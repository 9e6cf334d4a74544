//! Reads the credential that a request shows and asks the verifier whose it is.

use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName};
use jan_core::auth::Credential;
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

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Removes headers by which a caller could pretend to be somebody.
pub(crate) fn strip_identity(headers: &mut HeaderMap) {
    for name in &IDENTITY {
        headers.remove(name);
    }
}

/// Who sent these headers.
///
/// # Errors
/// [`jan_core::ErrorKind::Unauthenticated`] when nobody known did.
pub(crate) async fn authenticate(verifier: &dyn AuthVerifier, headers: &HeaderMap) -> Result<Arc<Principal>> {
    let credential = credential(headers)?;
    match verifier.verify(credential).await? {
        // What the house keeps for itself is nobody's, whatever an identity provider may call its users.
        Some(principal) if principal.user.is_system() => {
            Err(Error::unauthenticated("This user id is reserved.").code("reserved_user"))
        }
        Some(principal) => Ok(principal),
        None if matches!(credential, Credential::None) => {
            let message = "A credential is required: `Authorization: Bearer <token>` or `X-API-Key: <key>`.";
            Err(Error::unauthenticated(message).code("missing_credential"))
        }
        None => Err(Error::unauthenticated("This kind of credential is not accepted here.")
            .code("invalid_credential")),
    }
}

fn credential(headers: &HeaderMap) -> Result<Credential<'_>> {
    let unreadable =
        |_| Error::unauthenticated("The credential is not plain text.").code("invalid_credential");
    if let Some(key) = headers.get(X_API_KEY) {
        return Ok(Credential::ApiKey(key.to_str().map_err(unreadable)?.trim()));
    }
    let Some(value) = headers.get(AUTHORIZATION) else { return Ok(Credential::None) };
    let (scheme, token) = value.to_str().map_err(unreadable)?.split_once(' ').unwrap_or_default();
    if scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty() {
        return Ok(Credential::Bearer(token.trim()));
    }
    let message = "The `Authorization` header must be `Bearer <token>`.";
    Err(Error::unauthenticated(message).code("invalid_credential"))
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
            async fn verify(&self, _: Credential<'_>) -> Result<Option<Arc<Principal>>> {
                Ok(Some(Arc::new(Principal { user: self.0.clone(), ..Principal::open("x") })))
            }
        }
        let house = Anybody(UserId::system("public-shares"));
        let refused = authenticate(&house, &HeaderMap::new()).await.unwrap_err();
        assert_eq!(refused.get_code(), "reserved_user");
        assert!(authenticate(&AllowAll::new(), &HeaderMap::new()).await.is_ok());
    }
}
