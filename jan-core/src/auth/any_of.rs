//! Verifiers made of other verifiers, and the one that asks nothing.

use std::sync::Arc;

use async_trait::async_trait;

use super::{AuthVerifier, Presented};
use crate::{Principal, Result};

/// Asks each verifier in turn; the first that knows what is presented decides.
#[derive(Clone, Default)]
pub struct AnyOf(Vec<Arc<dyn AuthVerifier>>);

impl AnyOf {
    /// A list without verifiers, which lets nobody in.
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

/// Lets everybody in, as one and the same user. For a server that only its owner can reach.
#[derive(Debug, Clone)]
pub struct AllowAll(Arc<Principal>);

impl AllowAll {
    /// Everybody is the user `local`.
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
