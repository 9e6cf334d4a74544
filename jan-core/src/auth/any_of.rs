//! A verifier that combines other verifiers, and one that accepts every request.

use std::sync::Arc;

use async_trait::async_trait;

use super::{AuthVerifier, Presented};
use crate::{Principal, Result};

/// Calls each verifier in turn; the first one that recognises the credential decides.
#[derive(Clone, Default)]
pub struct AnyOf(Vec<Arc<dyn AuthVerifier>>);

impl AnyOf {
    /// A list without verifiers, which authenticates nobody.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a verifier to the end of the list.
    #[must_use]
    pub fn or(mut self, verifier: impl AuthVerifier) -> Self {
        self.0.push(Arc::new(verifier));
        self
    }
}

#[async_trait]
impl AuthVerifier for AnyOf {
    async fn verify(&self, presented: Presented<'_>) -> Result<Option<Arc<Principal>>> {
        for verifier in &self.0 {
            if let Some(principal) = (**verifier).verify(presented).await? {
                return Ok(Some(principal));
            }
        }
        Ok(None)
    }

    fn admits_anybody(&self) -> bool {
        self.0.iter().any(|verifier| verifier.admits_anybody())
    }
}

/// Accepts every request, always as the same user. For a server that only its owner can reach.
#[derive(Debug, Clone)]
pub struct AllowAll(Arc<Principal>);

impl AllowAll {
    /// Every caller is the user `local`.
    pub fn new() -> Self {
        Self(Arc::new(Principal::open("local")))
    }
}

impl Default for AllowAll {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl AuthVerifier for AllowAll {
    async fn verify(&self, _: Presented<'_>) -> Result<Option<Arc<Principal>>> {
        Ok(Some(self.0.clone()))
    }

    fn admits_anybody(&self) -> bool {
        true
    }
}
