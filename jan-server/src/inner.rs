//! The state that all clones of one [`crate::Server`] share.

use std::sync::Arc;

use crate::gateway::admit::Gateway;
use crate::services::Services;
use crate::sweep::Sweeper;

/// The parts of a built server: the checks before the routes, the services, and the removal of old data.
pub(crate) struct Inner {
    pub(crate) gateway: Gateway,
    /// Behind its own `Arc`, because each request holds it until its reply has been streamed to the end.
    pub(crate) services: Arc<Services>,
    pub(crate) sweeper: Sweeper,
}
