//! Remembers for a short while what a dear verifier said. Checking a signature costs about as much as forwarding a
//! request; looking up a digest costs a hundredth of that.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use moka::sync::Cache;

use super::{AuthVerifier, Credential};
use crate::{Clock, Principal, Result};

/// How long an answer is believed: the longest time that a revoked credential can go on working.
const BELIEVED: Duration = Duration::from_secs(30);
const ENTRIES: u64 = 20_000;

/// A verifier in front of another: the same answers, most of them from memory. Only successes are kept, by the
/// credential's digest, for at most 30 seconds and never past the end of the credential itself.
pub struct Cached<V> {
    inner: V,
    clock: Arc<dyn Clock>,
    /// The key of the digests, made for this process.
    key: RandomState,
    known: Cache<[u64; 2], Arc<Principal>>,
}

impl<V: AuthVerifier> Cached<V> {
    /// A cache before `inner`.
    pub fn new(inner: V, clock: Arc<dyn Clock>) -> Self {
        let known = Cache::builder().max_capacity(ENTRIES).time_to_live(BELIEVED).build();
        Self { inner, clock, key: RandomState::new(), known }
    }

    /// 128 bits of SipHash under a key that only this process knows: nobody can look for a credential that meets another's
    /// digest. SHA-256 needs no key, but without instructions for it in the processor it was the dearest single thing that
    /// a request did.
    fn digest(&self, credential: Credential<'_>) -> Option<[u64; 2]> {
        let (kind, text) = match credential {
            Credential::None => return None,
            Credential::Bearer(text) => (b'b', text),
            Credential::ApiKey(text) => (b'k', text),
        };
        Some([0_u8, 1].map(|half| self.key.hash_one((half, kind, text))))
    }
}

#[async_trait]
impl<V: AuthVerifier> AuthVerifier for Cached<V> {
    async fn verify(&self, credential: Credential<'_>) -> Result<Option<Arc<Principal>>> {
        let Some(key) = self.digest(credential) else { return self.inner.verify(credential).await };
        if let Some(principal) = self.known.get(&key) {
            if principal.expires_at.is_none_or(|end| self.clock.now() < end) {
                return Ok(Some(principal));
            }
            self.known.invalidate(&key);
        }
        let found = self.inner.verify(credential).await?;
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
        async fn verify(&self, credential: Credential<'_>) -> Result<Option<Arc<Principal>>> {
            self.0.fetch_add(1, Ordering::SeqCst);
            match credential {
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
            cached.verify(Credential::Bearer("good")).await.unwrap();
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        clock.advance(Duration::from_secs(1));
        cached.verify(Credential::Bearer("good")).await.unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 2);
        for _ in 0..2 {
            assert!(cached.verify(Credential::ApiKey("good")).await.is_err());
        }
        assert_eq!(asked.load(Ordering::SeqCst), 4);
    }
}
