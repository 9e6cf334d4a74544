//! The credentials that a request presents. The headers have the types of the `http` crate, which contains types and
//! no server: a verifier that reads a cookie is written once and works in any host.

use std::sync::LazyLock;

use http::header::{AUTHORIZATION, COOKIE};
use http::{Extensions, HeaderMap, HeaderName};

static NO_HEADERS: LazyLock<HeaderMap> = LazyLock::new(HeaderMap::new);
static NO_EXTENSIONS: LazyLock<Extensions> = LazyLock::new(Extensions::new);

/// The credential of a request, as it was sent. Never log it.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Credential<'a> {
    /// Neither `Authorization` nor an API key.
    None,
    /// `Authorization: Bearer …`: a token, or an API key sent the way OpenAI's clients send it.
    Bearer(&'a str),
    /// `X-API-Key: …`
    ApiKey(&'a str),
    /// `Authorization` in another form, for example `Basic`; the headers contain its full value.
    Other,
}

/// What a verifier reads of a request: its credential, all its headers, and what the host's own layers attached to it.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Presented<'a> {
    /// The bearer token or the API key.
    pub credential: Credential<'a>,
    /// All headers of the request, except those that state the caller's identity (`X-User-Id` and similar ones): the
    /// server removes them before any verifier runs.
    pub headers: &'a HeaderMap,
    /// What a layer of the host attached to the request earlier: its session, its user, or the client's certificate.
    /// Callers cannot add anything here.
    pub extensions: &'a Extensions,
}

impl<'a> Presented<'a> {
    /// A credential alone, without headers.
    pub fn new(credential: Credential<'a>) -> Self {
        Self { credential, headers: &NO_HEADERS, extensions: &NO_EXTENSIONS }
    }

    /// A request without credential and headers.
    pub fn nothing() -> Self {
        Self::new(Credential::None)
    }

    /// A bearer token alone.
    pub fn bearer(token: &'a str) -> Self {
        Self::new(Credential::Bearer(token))
    }

    /// An API key alone.
    pub fn api_key(key: &'a str) -> Self {
        Self::new(Credential::ApiKey(key))
    }

    /// The same with these headers.
    #[must_use]
    pub fn with_headers(self, headers: &'a HeaderMap) -> Self {
        Self { headers, ..self }
    }

    /// The same with these extensions.
    #[must_use]
    pub fn with_extensions(self, extensions: &'a Extensions) -> Self {
        Self { extensions, ..self }
    }

    /// A header's value; `None` when it is absent or not a text.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The value of the cookie with this name, as it was sent.
    pub fn cookie(&self, name: &str) -> Option<&'a str> {
        let lines = self.headers.get_all(COOKIE).into_iter().filter_map(|line| line.to_str().ok());
        let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim().trim_matches('"'))
    }
}

impl<'a> From<&'a HeaderMap> for Presented<'a> {
    /// Reads the credential from the headers of this API. `X-API-Key` takes precedence over `Authorization`. A value
    /// that cannot be read becomes [`Credential::Other`], which some verifier may still understand.
    fn from(headers: &'a HeaderMap) -> Self {
        Self::new(credential(headers)).with_headers(headers)
    }
}

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

fn credential(headers: &HeaderMap) -> Credential<'_> {
    if let Some(key) = headers.get(X_API_KEY) {
        return key.to_str().map_or(Credential::Other, |key| Credential::ApiKey(key.trim()));
    }
    let Some(value) = headers.get(AUTHORIZATION) else { return Credential::None };
    let (scheme, token) = value.to_str().ok().and_then(|value| value.split_once(' ')).unwrap_or_default();
    match token.trim() {
        token if scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() => Credential::Bearer(token),
        _ => Credential::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn read(name: &'static str, value: &'static [u8]) -> HeaderMap {
        let value = HeaderValue::from_bytes(value).unwrap();
        HeaderMap::from_iter([(HeaderName::from_static(name), value)])
    }

    #[test]
    fn credentials_are_read_where_clients_put_them() {
        for (name, value, credential) in [
            ("authorization", &b"Bearer t"[..], Credential::Bearer("t")),
            ("authorization", b"bEARER   t ", Credential::Bearer("t")),
            ("authorization", b"Bearer ", Credential::Other),
            ("authorization", b"Basic dTpw", Credential::Other),
            ("authorization", b"\xff", Credential::Other),
            ("x-api-key", b" k ", Credential::ApiKey("k")),
            ("x-api-key", b"\xff", Credential::Other),
            ("x-other", b"Bearer t", Credential::None),
        ] {
            let headers = read(name, value);
            assert!(Presented::from(&headers).credential == credential, "{name} {value:?}");
        }
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = read("cookie", b"a=1; session=s=2; c");
        headers.append(COOKIE, HeaderValue::from_static("other=\"q\""));
        let presented = Presented::from(&headers);
        assert_eq!(presented.cookie("session"), Some("s=2"));
        assert_eq!(presented.cookie("other"), Some("q"));
        assert_eq!(presented.cookie("sess"), None);
        assert_eq!(Presented::nothing().cookie("session"), None);
    }
}
