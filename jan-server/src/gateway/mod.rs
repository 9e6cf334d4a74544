//! What is done with every request before a handler sees it, and with every reply on its way out. It knows `http` and
//! nothing else of this crate: which routes there are is said to it as values ([`admit::Rule`]).

pub(crate) mod admit;
pub(crate) mod auth;
pub(crate) mod cors;
pub(crate) mod exchange;
pub(crate) mod hosts;
pub(crate) mod idempotency;
mod path;
pub(crate) mod rate;
pub(crate) mod request_log;
