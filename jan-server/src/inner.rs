//! What the clones of one [`crate::Server`] share.

use std::sync::Arc;

use crate::gateway::admit::Gateway;
use crate::rooms::Rooms;
use crate::sweep::Sweeper;

/// A server that was put together: what stands before the routes, what answers them, and what tidies up behind them.
pub(crate) struct Inner {
    pub(crate) gateway: Gateway,
    /// Apart, because every request that is answered holds it for as long as its reply streams.
    pub(crate) rooms: Arc<Rooms>,
    pub(crate) sweeper: Sweeper,
}
