//! Caches the results of an expensive verifier for a short time. Checking a signature costs about as much as
//! forwarding a request; a lookup by digest costs a hundredth of that.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::{HeaderMap, HeaderName};
use moka::sync::Cache;

use super::{AuthVerifier, Credential, Presented};
use crate::{Clock, Principal, Result};

/// How long a result is cached. This is the longest time for which a revoked credential goes on working.
const TIME_TO_LIVE: Duration = Duration::from_secs(30);
const MAX_ENTRIES: u64 = 20_000;

/// A cache in front of another verifier. Only successes are cached, by the digest of the credential, for at most 30
/// seconds and never past the expiry of the credential itself.
///
/// The inner verifier gets the credential and the headers that were named with [`Cached::header`], and nothing else:
/// its result can then depend only on what is part of the cache key.
pub struct Cached<V> {
    inner: V,
    clock: Arc<dyn Clock>,
    /// The headers that the inner verifier gets besides the credential.
    headers: Vec<HeaderName>,
    /// The random key of the digests, made anew in each process.
    key: RandomState,
    principals: Cache<[u64; 2], Arc<Principal>>,
}

impl<V: AuthVerifier> Cached<V> {
    /// A cache in front of `inner`, which gets the credential alone.
    pub fn new(inner: V, clock: Arc<dyn Clock>) -> Self {
        let principals = Cache::builder().max_capacity(MAX_ENTRIES).time_to_live(TIME_TO_LIVE).build();
        Self { inner, clock, headers: Vec::new(), key: RandomState::new(), principals }
    }

    /// Passes this header (`cookie`, for example) to the inner verifier too, and makes it part of the cache key.
    #[must_use]
    pub fn header(mut self, name: HeaderName) -> Self {
        self.headers.push(name);
        self
    }

    /// The request's values of the headers that the inner verifier gets.
    fn relevant_headers(&self, presented: Presented<'_>) -> HeaderMap {
        let mut relevant_headers = HeaderMap::new();
        for name in &self.headers {
            for value in presented.headers.get_all(name) {
                relevant_headers.append(name, value.clone());
            }
        }
        relevant_headers
    }

    /// 128 bits of SipHash with a key that only this process knows, so nobody can search for a credential that has the
    /// same digest as another one. SHA-256 would need no key, but on processors without instructions for it, it was
    /// the most expensive step of a request.
    fn digest(&self, credential: Credential<'_>, headers: &HeaderMap) -> Option<[u64; 2]> {
        let (kind, text) = match credential {
            // There is nothing to make a cache key of.
            Credential::None | Credential::Other if headers.is_empty() => return None,
            Credential::None => (b'n', ""),
            Credential::Other => (b'o', ""),
            Credential::Bearer(text) => (b'b', text),
            Credential::ApiKey(text) => (b'k', text),
        };
        let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        Some([0_u8, 1].map(|half| self.key.hash_one((half, kind, text, &headers))))
    }
}

#[async_trait]
impl<V: AuthVerifier> AuthVerifier for Cached<V> {
    async fn verify(&self, presented: Presented<'_>) -> Result<Option<Arc<Principal>>> {
        let headers = self.relevant_headers(presented);
        let presented = Presented::new(presented.credential).with_headers(&headers);
        let Some(key) = self.digest(presented.credential, &headers) else {
            return self.inner.verify(presented).await;
        };
        if let Some(principal) = self.principals.get(&key) {
            if principal.expires_at.is_none_or(|end| self.clock.now() < end) {
                return Ok(Some(principal));
            }
            self.principals.invalidate(&key);
        }
        let verified = self.inner.verify(presented).await?;
        if let Some(principal) = &verified {
            self.principals.insert(key, principal.clone());
        }
        Ok(verified)
    }

    fn admits_anybody(&self) -> bool {
        self.inner.admits_anybody()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::MovedClock;
    use crate::{AuthMethod, Error};
    use std::sync::atomic::{AtomicU32, Ordering};

    struct Counting(Arc<AtomicU32>);

    #[async_trait]
    impl AuthVerifier for Counting {
        async fn verify(&self, presented: Presented<'_>) -> Result<Option<Arc<Principal>>> {
            self.0.fetch_add(1, Ordering::SeqCst);
            match presented.credential {
                Credential::Bearer("good") => {
                    let mut principal = Principal::open("u");
                    principal.method = AuthMethod::Jwt;
                    principal.expires_at = Some(Duration::from_secs(100));
                    Ok(Some(Arc::new(principal)))
                }
                _ => Err(Error::unauthenticated("no")),
            }
        }
    }

    #[tokio::test]
    async fn successes_are_cached_until_they_expire_and_failures_are_not() {
        let (calls, clock) = (Arc::new(AtomicU32::new(0)), MovedClock::at(99));
        let cached = Cached::new(Counting(calls.clone()), Arc::new(clock.clone()));
        for _ in 0..3 {
            cached.verify(Presented::bearer("good")).await.unwrap();
        }
        assert_eq!(calls.load(Ordering::SeqCst), 1);
        clock.advance(Duration::from_secs(1));
        cached.verify(Presented::bearer("good")).await.unwrap();
        assert_eq!(calls.load(Ordering::SeqCst), 2);
        for _ in 0..2 {
            assert!(cached.verify(Presented::api_key("good")).await.is_err());
        }
        assert_eq!(calls.load(Ordering::SeqCst), 4);
    }

    /// Returns the user that a cookie names, and whether it got another header.
    struct ByCookie(Arc<AtomicU32>);

    #[async_trait]
    impl AuthVerifier for ByCookie {
        async fn verify(&self, presented: Presented<'_>) -> Result<Option<Arc<Principal>>> {
            self.0.fetch_add(1, Ordering::SeqCst);
            let tenant = presented.header("x-tenant").unwrap_or("nowhere");
            let user = presented.cookie("session").map(|user| format!("{user}@{tenant}"));
            Ok(user.map(|user| Arc::new(Principal::new(user, AuthMethod::Session))))
        }
    }

    #[tokio::test]
    async fn a_result_depends_only_on_what_is_in_the_cache_key() {
        let calls = Arc::new(AtomicU32::new(0));
        let cached =
            Cached::new(ByCookie(calls.clone()), Arc::new(MovedClock::at(0))).header(http::header::COOKIE);
        let request = |cookie: &'static str, tenant: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("cookie", cookie.parse().unwrap());
            headers.insert("x-tenant", tenant.parse().unwrap());
            headers
        };
        for (cookie, tenant, user) in [
            ("session=ann", "east", "ann@nowhere"),
            ("session=bob", "east", "bob@nowhere"),
            ("session=ann", "west", "ann@nowhere"),
        ] {
            let headers = request(cookie, tenant);
            let principal = cached.verify(Presented::from(&headers)).await.unwrap().unwrap();
            assert_eq!(principal.user.as_str(), user);
        }
        assert_eq!(calls.load(Ordering::SeqCst), 2);
        // The credential is part of the key too. Without cookie or credential there is no key, so nothing is cached.
        let mut headers = request("session=ann", "east");
        headers.insert("authorization", "Bearer t".parse().unwrap());
        cached.verify(Presented::from(&headers)).await.unwrap();
        assert_eq!(calls.load(Ordering::SeqCst), 3);
        for _ in 0..2 {
            assert!(cached.verify(Presented::nothing()).await.unwrap().is_none());
        }
        assert_eq!(calls.load(Ordering::SeqCst), 5);

        let by_tenant = Cached::new(ByCookie(calls.clone()), Arc::new(MovedClock::at(0)))
            .header(http::header::COOKIE)
            .header(HeaderName::from_static("x-tenant"));
        for (tenant, user) in [("east", "ann@east"), ("west", "ann@west"), ("east", "ann@east")] {
            let headers = request("session=ann", tenant);
            let principal = by_tenant.verify(Presented::from(&headers)).await.unwrap().unwrap();
            assert_eq!(principal.user.as_str(), user);
        }
        assert_eq!(calls.load(Ordering::SeqCst), 7);
    }
}
