//! Requests and replies in HTTP: bodies, event streams, forms, ranges, errors as statuses. These files import jan-core,
//! and nothing else of this crate.

pub(crate) mod base_url;
pub(crate) mod body;
pub(crate) mod body_limit;
pub(crate) mod conditional;
pub(crate) mod error;
pub(crate) mod flag;
pub(crate) mod form;
pub(crate) mod form_files;
mod multipart;
pub(crate) mod reply;
pub(crate) mod request;
pub(crate) mod request_id;
pub(crate) mod sse;
