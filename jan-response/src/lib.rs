//! Multi-step responses: the tool loop as a value, its driver, its store.
//!
//! Not built yet. Here will live `Run` (the loop, serialisable and without a clock), the driver that performs its
//! steps with a [`ModelProvider`] and a [`ToolProvider`], the event log, the worker and its leases, webhooks and agents.

// On docs.rs each item says which feature it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub use jan_core::model::ModelProvider;
pub use jan_core::tool::ToolProvider;

// The examples of the crate's page are compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadMe;
