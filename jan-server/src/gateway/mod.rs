//! Applied to every request before its handler runs, and to every reply. The gateway imports `http` and nothing else of
//! this crate: it gets what a route requires as a value ([`admit::Rule`]).

pub(crate) mod admit;
pub(crate) mod auth;
pub(crate) mod cors;
pub(crate) mod exchange;
pub(crate) mod hosts;
pub(crate) mod idempotency;
mod path;
pub(crate) mod rate;
pub(crate) mod request_log;
