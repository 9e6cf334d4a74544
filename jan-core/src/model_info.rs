//! What a model is and can do, besides answering: what a page shows in a list of models, and asks before it offers tools,
//! thinking or pictures.

use serde::{Deserialize, Serialize};

/// What its provider, or the operator, says of a model. What nobody says is unknown and not false.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelInfo {
    /// The name to show; the model's id unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// What it is good for, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The heading under which it is listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Where its category stands among the others, the least first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category_order: Option<i64>,
    /// Where it stands in its category, the least first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<i64>,
    /// The models that it is one of (`qwen3`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// How many tokens it can read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_length: Option<u64>,
    /// What it can do.
    pub supports: Capabilities,
}

/// What a model can do, as far as somebody says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Capabilities {
    /// Calls tools.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools: Option<bool>,
    /// Thinks before it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<bool>,
    /// Sees pictures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images: Option<bool>,
    /// Can be trusted with the tools that drive a browser.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub browser: Option<bool>,
    /// Can answer without thinking, although it thinks as a rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instruct: Option<bool>,
    /// Turns texts into vectors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embeddings: Option<bool>,
    /// Hears.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio: Option<bool>,
    /// Sees films.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video: Option<bool>,
}

impl ModelInfo {
    /// This, and where it says nothing what `other` says.
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
    /// These, and where they say nothing what `other` says.
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
    fn who_says_something_goes_before_who_says_it_too() {
        let tools = |tools| Capabilities { tools, ..Capabilities::default() };
        let said = ModelInfo { order: Some(1), supports: tools(Some(false)), ..ModelInfo::default() };
        let other = ModelInfo {
            order: Some(2),
            family: Some("qwen3".into()),
            supports: Capabilities { images: Some(true), ..tools(Some(true)) },
            ..ModelInfo::default()
        };
        let both = said.or(other);
        assert_eq!((both.order, both.family.as_deref()), (Some(1), Some("qwen3")));
        assert_eq!((both.supports.tools, both.supports.images), (Some(false), Some(true)));
    }
}
