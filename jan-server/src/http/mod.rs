//! What HTTP makes of requests and replies: bodies, events, forms, ranges, errors as statuses. It knows the core's types, and
//! nothing else of this crate.

pub(crate) mod body;
pub(crate) mod body_limit;
pub(crate) mod conditional;
pub(crate) mod error;
pub(crate) mod flag;
pub(crate) mod form;
pub(crate) mod form_files;
pub(crate) mod home;
mod multipart;
pub(crate) mod reply;
pub(crate) mod request;
pub(crate) mod request_id;
pub(crate) mod sse;
