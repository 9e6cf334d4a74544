//! Tools: the toolbox, remote MCP servers, and an MCP server of our own.
//!
//! Not built yet. Here will live `Toolbox` and the built-in tools (`google_search`, `scrape`, `file_search_*`,
//! `python_exec`), `Remote` (somebody's MCP server as a [`ToolProvider`]) and the MCP handler that the server mounts.

// On docs.rs each item says which feature it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub use jan_core::tool::{Effect, Tool, ToolOutcome, ToolProvider, ToolRequest};

// The examples of the crate's page are compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadMe;
