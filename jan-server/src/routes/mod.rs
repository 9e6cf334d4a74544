//! The handlers, one file for each group of routes: read the request, call a service, reply. More logic than that
//! belongs in a service.

pub(crate) mod auth;
pub(crate) mod branches;
pub(crate) mod call;
pub(crate) mod chat;
pub(crate) mod completions;
pub(crate) mod conversations;
pub(crate) mod docs;
pub(crate) mod embeddings;
mod file;
pub(crate) mod files;
pub(crate) mod health;
pub(crate) mod home;
pub(crate) mod images;
pub(crate) mod items;
mod links;
pub(crate) mod media;
pub(crate) mod media_bytes;
pub(crate) mod media_upload;
pub(crate) mod models;
pub(crate) mod projects;
pub(crate) mod regenerate;
pub(crate) mod shares;
pub(crate) mod templates;
pub(crate) mod text_completions;
pub(crate) mod usage;
pub(crate) mod users;
