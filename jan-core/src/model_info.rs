//! Properties and abilities of a model. User interfaces show them in model lists, and check them before they offer
//! tools, reasoning or images.

use serde::{Deserialize, Serialize};

/// Properties of a model as its provider or the operator states them. A property that nobody stated is `None`:
/// unknown, not false.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelInfo {
    /// The name to show. Default: the model's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// What the model is good at, in one sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The heading under which a model list shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// The position of its category among all categories; the smallest number comes first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category_order: Option<i64>,
    /// Its position within its category; the smallest number comes first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<i64>,
    /// The model family, for example `qwen3`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// The context length in tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_length: Option<u64>,
    /// Its abilities.
    pub supports: Capabilities,
}

/// Abilities of a model. `None` means that nobody stated it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Capabilities {
    /// Whether it can call tools.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools: Option<bool>,
    /// Whether it reasons before it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<bool>,
    /// Whether it accepts images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images: Option<bool>,
    /// Whether it is reliable enough for tools that control a web browser.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub browser: Option<bool>,
    /// Whether it is a reasoning model that can also answer without reasoning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instruct: Option<bool>,
    /// Whether it makes embeddings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embeddings: Option<bool>,
    /// Whether it accepts audio.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio: Option<bool>,
    /// Whether it accepts video.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video: Option<bool>,
}

impl ModelInfo {
    /// This information, with unknown properties filled in from `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            display_name: self.display_name.or(other.display_name),
            description: self.description.or(other.description),
            category: self.category.or(other.category),
            category_order: self.category_order.or(other.category_order),
            order: self.order.or(other.order),
            family: self.family.or(other.family),
            context_length: self.context_length.or(other.context_length),
            supports: self.supports.or(other.supports),
        }
    }
}

impl Capabilities {
    /// These abilities, with unknown ones filled in from `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            tools: self.tools.or(other.tools),
            reasoning: self.reasoning.or(other.reasoning),
            images: self.images.or(other.images),
            browser: self.browser.or(other.browser),
            instruct: self.instruct.or(other.instruct),
            embeddings: self.embeddings.or(other.embeddings),
            audio: self.audio.or(other.audio),
            video: self.video.or(other.video),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_properties_take_precedence_and_unknown_ones_are_filled_in() {
        let tools = |tools| Capabilities { tools, ..Capabilities::default() };
        let own = ModelInfo { order: Some(1), supports: tools(Some(false)), ..ModelInfo::default() };
        let other = ModelInfo {
            order: Some(2),
            family: Some("qwen3".into()),
            supports: Capabilities { images: Some(true), ..tools(Some(true)) },
            ..ModelInfo::default()
        };
        let both = own.or(other);
        assert_eq!((both.order, both.family.as_deref()), (Some(1), Some("qwen3")));
        assert_eq!((both.supports.tools, both.supports.images), (Some(false), Some(true)));
    }
}
