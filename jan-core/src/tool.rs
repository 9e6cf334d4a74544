//! The seam to tools: a toolbox of our own, somebody's MCP server, an embedder's function.

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
    /// The tools that `who` may call now, in an order that does not change from call to call.
    async fn tools(&self, who: &Principal) -> Result<Vec<Tool>>;

    /// Runs one tool. A tool that ran and failed answers an outcome with `is_error`, which the model gets to see; an
    /// `Err` is for a call that never ran ([`crate::ErrorKind::NotFound`] for an unknown name). Dropping the future
    /// cancels the call as far as the tool can be cancelled.
    async fn call(&self, who: &Principal, call: ToolRequest) -> Result<ToolOutcome>;
}

/// A tool as a model is told of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tool {
    /// The name that calls it.
    pub name: String,
    /// What it is for, in words for the model.
    #[serde(default)]
    pub description: String,
    /// JSON Schema of its arguments.
    #[serde(rename = "inputSchema")]
    pub input_schema: Value,
    /// What running it twice would mean.
    #[serde(default)]
    pub effect: Effect,
}

/// What a tool does to the world, which decides whether it may be run again after a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It only looks.
    Pure,
    /// It acts, and acting twice with the same key is acting once.
    Idempotent,
    /// It acts; twice would be twice. The careful reading is the default.
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

/// What a tool answered.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ToolOutcome {
    /// The answer as text for the model.
    pub text: String,
    /// The answer as data, if the tool gives data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub structured: Option<Value>,
    /// Whether the tool failed.
    #[serde(default)]
    pub is_error: bool,
}
