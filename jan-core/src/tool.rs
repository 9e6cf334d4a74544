//! The trait for tools: built-in tools, an MCP server, or functions of an embedding program.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Principal, Result};

/// Lists tools and runs them.
///
/// ```
/// use jan_core::tool::{Effect, Tool, ToolOutcome, ToolProvider, ToolRequest};
/// use jan_core::{Error, Principal, Result, async_trait};
/// use serde_json::json;
///
/// struct Dice;
///
/// #[async_trait]
/// impl ToolProvider for Dice {
///     async fn tools(&self, _: &Principal) -> Result<Vec<Tool>> {
///         Ok(vec![Tool {
///             name: "roll".into(),
///             description: "Rolls a die.".into(),
///             input_schema: json!({"type": "object"}),
///             effect: Effect::Pure,
///         }])
///     }
///
///     async fn call(&self, _: &Principal, call: ToolRequest) -> Result<ToolOutcome> {
///         match call.name.as_str() {
///             "roll" => Ok(ToolOutcome { text: "4".into(), ..ToolOutcome::default() }),
///             other => Err(Error::not_found(format!("There is no tool `{other}`."))),
///         }
///     }
/// }
/// ```
#[async_trait]
pub trait ToolProvider: Send + Sync + 'static {
    /// The tools that this caller may use now. The order is the same at every call.
    async fn tools(&self, caller: &Principal) -> Result<Vec<Tool>>;

    /// Runs one tool. A tool that ran and failed returns an outcome with `is_error`, which the model gets to read.
    /// `Err` means that the tool did not run ([`crate::ErrorKind::NotFound`] for an unknown name). Dropping the future
    /// cancels the call if the tool can be cancelled.
    async fn call(&self, caller: &Principal, call: ToolRequest) -> Result<ToolOutcome>;
}

/// The description of a tool that a model gets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tool {
    /// The name by which the model calls it.
    pub name: String,
    /// What it does, written for the model.
    #[serde(default)]
    pub description: String,
    /// The JSON Schema of its arguments.
    #[serde(rename = "inputSchema")]
    pub input_schema: Value,
    /// The effect of running it twice.
    #[serde(default)]
    pub effect: Effect,
}

/// The side effects of a tool. They decide whether it may be run again after a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It changes nothing.
    Pure,
    /// It changes something, and two calls with the same key change it once.
    Idempotent,
    /// It changes something, and two calls change it twice. This is the default, because it is the safe assumption.
    #[default]
    Unguarded,
}

/// One call of a tool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolRequest {
    /// The model's id of this call, also the idempotency key of tools that take one.
    pub call_id: String,
    /// The tool's name.
    pub name: String,
    /// Its arguments, as the model wrote them and JSON parsed them.
    pub arguments: Value,
}

/// The result of a tool call.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ToolOutcome {
    /// The result as text, for the model.
    pub text: String,
    /// The result as data, if the tool returns data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub structured: Option<Value>,
    /// Whether the tool failed.
    #[serde(default)]
    pub is_error: bool,
}
