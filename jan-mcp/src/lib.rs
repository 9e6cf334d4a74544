//! Tools: the toolbox, remote MCP servers, and an MCP server of our own.
//!
//! Not built yet. Here will live `Toolbox` and the built-in tools (`google_search`, `scrape`, `file_search_*`,
//! `python_exec`), `Remote` (somebody's MCP server as a [`ToolProvider`]) and the MCP handler that the server mounts.

pub use jan_core::tool::{Effect, Tool, ToolOutcome, ToolProvider, ToolRequest};
