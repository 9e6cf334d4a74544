//! What only this crate knows of HTTP: bodies in, replies out, errors as statuses, server-sent events.

pub(crate) mod body;
pub(crate) mod call;
pub(crate) mod error;
pub(crate) mod idempotency;
pub(crate) mod reply;
pub(crate) mod sse;
