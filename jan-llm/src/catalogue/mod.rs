//! The model list for user interfaces: display names, categories, a stable order, and the capabilities of each model.
//! They come from the operator's configuration, from an embedder's provider ([`ModelInfo`]), and from the model lists
//! of upstreams (`stated`). Where all of these are silent, these defaults apply:
//!
//! - A chat model supports tools, as most do; the configuration can say that one does not.
//! - It does not support reasoning, images, audio, video or a browser: a user interface that offers what the model
//!   cannot do makes every chat fail.
//! - A reasoning model can also answer without reasoning (`supports_instruct`).
//! - A model whose id contains `embed` computes embeddings and does nothing else.

mod stated;

use jan_core::model::{Capabilities, Model, ModelInfo};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// The category of embedding models, listed after all others.
const EMBEDDING: &str = "Embedding";
/// The category of a model without a known provider or owner.
const OTHER: &str = "Other";
/// Request parameters that every chat model is listed with.
const PARAMETERS: [&str; 10] = [
    "temperature",
    "max_tokens",
    "top_p",
    "frequency_penalty",
    "presence_penalty",
    "stop",
    "stream",
    "n",
    "seed",
    "response_format",
];

/// One model of the list, with every capability decided.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedModel {
    /// The model as its provider lists it.
    pub model: Model,
    /// The name to show.
    pub display_name: String,
    /// The heading under which the model is listed.
    pub category: String,
    /// The position of the category in the list, lowest first.
    pub category_order: i64,
    /// The position of the model in its category, lowest first.
    pub order: i64,
    /// Description, family, context length and capabilities.
    pub info: ModelInfo,
}

/// Every model, sorted by category, then by position, then by name. Where the operator configures no positions,
/// categories keep the order in which their providers were added (embeddings last) and models are sorted by name, so
/// the result does not depend on the order in which an upstream lists its models.
pub fn listed(models: Vec<Model>) -> Vec<ListedModel> {
    let mut listed: Vec<ListedModel> = models.into_iter().map(ListedModel::of).collect();
    let mut categories: Vec<String> = Vec::new();
    for entry in &listed {
        if !categories.contains(&entry.category) {
            categories.push(entry.category.clone());
        }
    }
    categories.sort_by_key(|category| category == EMBEDDING);
    for entry in &mut listed {
        let place = categories.iter().position(|category| *category == entry.category).unwrap_or_default();
        entry.category_order = entry.info.category_order.unwrap_or(as_number(place));
    }
    let place = |entry: &ListedModel| {
        let unplaced = entry.info.order.is_none();
        let name = entry.display_name.to_lowercase();
        let (category, order) = (entry.category.clone(), entry.info.order);
        (entry.category_order, category, unplaced, order, name, entry.model.id.clone())
    };
    listed.sort_by_cached_key(place);
    let mut last: Option<(String, i64)> = None;
    for entry in &mut listed {
        let next =
            last.take().filter(|(category, _)| *category == entry.category).map_or(0, |(_, at)| at + 1);
        entry.order = entry.info.order.unwrap_or(next);
        last = Some((entry.category.clone(), entry.order.max(next)));
    }
    listed
}

fn as_number(place: usize) -> i64 {
    i64::try_from(place).unwrap_or(i64::MAX)
}

impl ListedModel {
    /// A model that is listed alone: its positions are 0.
    pub fn of(model: Model) -> Self {
        let info = model.info.clone().or(stated::info(&model.rest));
        let supports = with_defaults(&model.id, info.supports);
        let embeds = supports.embeddings == Some(true);
        let owner = [&model.provider, &model.owned_by].into_iter().find(|name| !name.is_empty());
        let category = info.category.clone().unwrap_or_else(|| match owner {
            _ if embeds => EMBEDDING.to_owned(),
            Some(owner) => owner.clone(),
            None => OTHER.to_owned(),
        });
        Self {
            display_name: info.display_name.clone().unwrap_or_else(|| model.id.clone()),
            category,
            category_order: 0,
            order: 0,
            info: ModelInfo { supports, ..info },
            model,
        }
    }

    /// The row of `GET /v1/models`: OpenAI's members, the upstream's other members, the display name and the positions;
    /// with `provider`, also the provider's id and name.
    pub fn shape(&self, provider: bool) -> ModelShape {
        let mut row = Map::new();
        if let Ok(Value::Object(model)) = serde_json::to_value(&self.model) {
            row = model;
        }
        row.insert("model_display_name".into(), self.display_name.as_str().into());
        row.insert("category".into(), self.category.as_str().into());
        row.insert("category_order_number".into(), self.category_order.into());
        row.insert("model_order_number".into(), self.order.into());
        if provider {
            row.insert("provider_id".into(), self.model.provider.as_str().into());
            row.insert("provider_name".into(), self.model.provider.as_str().into());
            row.insert("provider_vendor".into(), "custom".into());
        }
        ModelShape(row)
    }

    /// All that is known of the model, as the catalogue routes return it.
    pub fn details(&self) -> DetailsShape<'_> {
        let supports = self.info.supports;
        let can = |flag: Option<bool>| flag == Some(true);
        let (tools, images, embeds) = (can(supports.tools), can(supports.images), can(supports.embeddings));
        let mut names: Vec<String> = stated::parameters(&self.model.rest);
        if names.is_empty() && !embeds {
            names.extend(PARAMETERS.map(str::to_owned));
            names.extend(tools.then(|| ["tools", "tool_choice"].map(str::to_owned)).into_iter().flatten());
        }
        let mut reads = vec!["text"];
        for (kind, reads_it) in
            [("image", images), ("audio", can(supports.audio)), ("video", can(supports.video))]
        {
            reads.extend(reads_it.then_some(kind));
        }
        let writes = if embeds { "embeddings" } else { "text" };
        let modality = format!("{}->{writes}", reads.join("+"));
        DetailsShape {
            id: &self.model.id,
            public_id: &self.model.id,
            object: "model.catalog",
            model_display_name: &self.display_name,
            description: self.info.description.as_deref(),
            category: &self.category,
            category_order_number: self.category_order,
            model_order_number: self.order,
            supported_parameters: json!({"names": names, "default": {}}),
            architecture: json!({"modality": modality, "input_modalities": reads, "output_modalities": [writes],
                                 "tokenizer": "", "instruct_type": null}),
            tags: [],
            context_length: self.info.context_length,
            active: true,
            extras: &self.model.rest,
            // In the original, an operator may still have to complete an entry; here every entry is complete.
            status: "filled",
            family: self.info.family.as_deref(),
            experimental: false,
            supports_tools: tools,
            supports_reasoning: can(supports.reasoning),
            supports_images: images,
            supports_browser: can(supports.browser),
            supports_instruct: can(supports.instruct),
            supports_embeddings: embeds,
            supports_audio: can(supports.audio),
            supports_video: can(supports.video),
            created_at: self.model.created,
            updated_at: self.model.created,
        }
    }
}

/// A row of the model list. Members that only the upstream knows are kept.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct ModelShape(Map<String, Value>);

/// A model with everything that is known of it.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ModelCatalog))]
pub struct DetailsShape<'a> {
    id: &'a str,
    public_id: &'a str,
    #[cfg_attr(feature = "openapi", schema(example = "model.catalog"))]
    object: &'static str,
    model_display_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    category: &'a str,
    category_order_number: i64,
    model_order_number: i64,
    /// `names`: the request parameters that the model supports.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    supported_parameters: Value,
    /// The kinds of input and output.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    architecture: Value,
    tags: [&'static str; 0],
    /// The context length in tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    context_length: Option<u64>,
    active: bool,
    /// The upstream's own members, unchanged.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    extras: &'a Map<String, Value>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    family: Option<&'a str>,
    experimental: bool,
    supports_tools: bool,
    supports_reasoning: bool,
    supports_images: bool,
    supports_browser: bool,
    supports_instruct: bool,
    supports_embeddings: bool,
    supports_audio: bool,
    supports_video: bool,
    created_at: u64,
    updated_at: u64,
}

/// Every capability as yes or no: the stated value, or the default from the module's documentation.
fn with_defaults(id: &str, stated: Capabilities) -> Capabilities {
    let embeddings = stated.embeddings.unwrap_or_else(|| id.to_lowercase().contains("embed"));
    let reasoning = stated.reasoning.unwrap_or(false);
    Capabilities {
        tools: Some(stated.tools.unwrap_or(!embeddings)),
        reasoning: Some(reasoning),
        images: Some(stated.images.unwrap_or(false)),
        browser: Some(stated.browser.unwrap_or(false)),
        instruct: Some(stated.instruct.unwrap_or(reasoning)),
        embeddings: Some(embeddings),
        audio: Some(stated.audio.unwrap_or(false)),
        video: Some(stated.video.unwrap_or(false)),
    }
}

/// The members that the OpenAPI document lists; the upstream may add others.
#[cfg(feature = "openapi")]
mod schema {
    /// A model.
    #[derive(utoipa::ToSchema)]
    #[expect(dead_code, reason = "it only describes")]
    struct Model {
        id: String,
        #[schema(example = "model")]
        object: String,
        created: u64,
        owned_by: String,
        /// The name to show.
        model_display_name: String,
        /// The heading under which the model is listed.
        category: String,
        /// The position of the category, lowest first.
        category_order_number: i64,
        /// The position of the model in its category, lowest first.
        model_order_number: i64,
    }

    jan_core::described_by!(super::ModelShape => Model);
}

#[cfg(test)]
mod tests;
