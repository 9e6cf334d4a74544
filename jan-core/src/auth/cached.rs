//! Remembers for a short while what an expensive verifier answered. Checking a signature costs about as much as
//! forwarding a request; looking up a digest costs a hundredth of that.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::{HeaderMap, HeaderName};
use moka::sync::Cache;

use super::{AuthVerifier, Credential, Presented};
use crate::{Clock, Principal, Result};

/// How long an answer is believed: the longest time that a revoked credential can go on working.
const BELIEVED: Duration = Duration::from_secs(30);
const ENTRIES: u64 = 20_000;

/// A verifier in front of another: the same answers, most of them from memory. Only successes are kept, by the digest
/// of what was presented, for at most 30 seconds and never past the end of the credential itself.
///
/// The inner verifier is shown the credential and the headers named by [`Cached::header`], and nothing else: an answer
/// can depend only on what it is remembered by.
pub struct Cached<V> {
    inner: V,
    clock: Arc<dyn Clock>,
    /// The headers that answers depend on, besides the credential.
    headers: Vec<HeaderName>,
    /// The key of the digests, made for this process.
    key: RandomState,
    known: Cache<[u64; 2], Arc<Principal>>,
}

impl<V: AuthVerifier> Cached<V> {
    /// A cache before `inner`, which is shown the credential alone.
    pub fn new(inner: V, clock: Arc<dyn Clock>) -> Self {
        let known = Cache::builder().max_capacity(ENTRIES).time_to_live(BELIEVED).build();
        Self { inner, clock, headers: Vec::new(), key: RandomState::new(), known }
    }

    /// Shows this header to the inner verifier too, and remembers its answers by it: `cookie`, say.
    #[must_use]
    pub fn header(mut self, name: HeaderName) -> Self {
        self.headers.push(name);
        self
    }

    /// Those of the named headers that were sent.
    fn shown(&self, presented: Presented<'_>) -> HeaderMap {
        let mut shown = HeaderMap::new();
        for name in &self.headers {
            for value in presented.headers.get_all(name) {
                shown.append(name, value.clone());
            }
        }
        shown
    }

    /// 128 bits of SipHash under a key that only this process knows: nobody can look for a credential that meets another's
    /// digest. SHA-256 needs no key, but without instructions for it in the processor it was the most expensive single
    /// thing that a request did.
    fn digest(&self, credential: Credential<'_>, headers: &HeaderMap) -> Option<[u64; 2]> {
        let (kind, text) = match credential {
            // Nothing to remember an answer by.
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
        let headers = self.shown(presented);
        let presented = Presented::new(presented.credential).with_headers(&headers);
        let Some(key) = self.digest(presented.credential, &headers) else {
            return self.inner.verify(presented).await;
        };
        if let Some(principal) = self.known.get(&key) {
            if principal.expires_at.is_none_or(|end| self.clock.now() < end) {
                return Ok(Some(principal));
            }
            self.known.invalidate(&key);
        }
        let found = self.inner.verify(presented).await?;
        if let Some(principal) = &found {
            self.known.insert(key, principal.clone());
        }
        Ok(found)
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
    async fn successes_are_remembered_until_they_end_and_failures_are_not() {
        let (asked, clock) = (Arc::new(AtomicU32::new(0)), MovedClock::at(99));
        let cached = Cached::new(Counting(asked.clone()), Arc::new(clock.clone()));
        for _ in 0..3 {
            cached.verify(Presented::bearer("good")).await.unwrap();
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        clock.advance(Duration::from_secs(1));
        cached.verify(Presented::bearer("good")).await.unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 2);
        for _ in 0..2 {
            assert!(cached.verify(Presented::api_key("good")).await.is_err());
        }
        assert_eq!(asked.load(Ordering::SeqCst), 4);
    }

    /// Answers with the user that a cookie names, and whether it saw another header.
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
    async fn an_answer_depends_only_on_what_it_is_remembered_by() {
        let asked = Arc::new(AtomicU32::new(0));
        let cached =
            Cached::new(ByCookie(asked.clone()), Arc::new(MovedClock::at(0))).header(http::header::COOKIE);
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
            let who = cached.verify(Presented::from(&headers)).await.unwrap().unwrap();
            assert_eq!(who.user.as_str(), user);
        }
        assert_eq!(asked.load(Ordering::SeqCst), 2);
        // The credential counts as well, and without cookie or credential there is nothing to remember.
        let mut headers = request("session=ann", "east");
        headers.insert("authorization", "Bearer t".parse().unwrap());
        cached.verify(Presented::from(&headers)).await.unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 3);
        for _ in 0..2 {
            assert!(cached.verify(Presented::nothing()).await.unwrap().is_none());
        }
        assert_eq!(asked.load(Ordering::SeqCst), 5);

        let by_tenant = Cached::new(ByCookie(asked.clone()), Arc::new(MovedClock::at(0)))
            .header(http::header::COOKIE)
            .header(HeaderName::from_static("x-tenant"));
        for (tenant, user) in [("east", "ann@east"), ("west", "ann@west"), ("east", "ann@east")] {
            let headers = request("session=ann", tenant);
            let who = by_tenant.verify(Presented::from(&headers)).await.unwrap().unwrap();
            assert_eq!(who.user.as_str(), user);
        }
        assert_eq!(asked.load(Ordering::SeqCst), 7);
    }
}
