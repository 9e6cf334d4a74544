//! The door: what happens to every request before a handler sees it, and to every reply on its way out.

pub(crate) mod auth;
pub(crate) mod cors;
mod door;
pub(crate) mod hosts;
mod path;
pub(crate) mod rate;
pub(crate) mod request_id;

pub(crate) use door::pass;
