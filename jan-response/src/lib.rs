//! Multi-step responses: the tool loop as a value, its driver, its store.
//!
//! Not built yet. Here will live `Run` (the loop, serialisable and without a clock), the driver that performs its
//! steps with a [`ModelProvider`] and a [`ToolProvider`], the event log, the worker and its leases, webhooks and agents.

pub use jan_core::model::ModelProvider;
pub use jan_core::tool::ToolProvider;
