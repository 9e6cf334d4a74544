//! What only this crate knows of HTTP: bodies in, replies out, errors as statuses, server-sent events.

pub(crate) mod body;
pub(crate) mod call;
pub(crate) mod conditional;
pub(crate) mod error;
pub(crate) mod file;
pub(crate) mod flag;
pub(crate) mod form;
pub(crate) mod form_files;
pub(crate) mod home;
pub(crate) mod idempotency;
mod multipart;
pub(crate) mod reply;
pub(crate) mod request_log;
pub(crate) mod sse;
