//! Models as a page shows them: a list with names, categories and an order that stays the same, and for each model what it
//! can do. Known is what the operator configures, what an embedder's provider states ([`ModelInfo`]), and what upstreams
//! say in their lists (`said`); for the rest there are the rules below.
//!
//! A model is taken to call tools, as most that answer chats do; whoever uses a model that does not can say so. It is
//! taken not to think, see, hear or drive a browser: a page that offers what a model cannot do makes every chat fail.
//! A model that thinks is taken to answer without thinking if it is asked to. A model whose id says `embed` turns texts
//! into vectors and does nothing else.

mod said;

use jan_core::model::{Capabilities, Model, ModelInfo};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// The category of models that turn texts into vectors, after all others.
const EMBEDDING: &str = "Embedding";
/// The category of a model of which nobody says whose it is.
const OTHER: &str = "Other";
/// Parameters that every chat takes.
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

/// One model, with all that is known of it filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The model as its provider lists it.
    pub model: Model,
    /// The name to show.
    pub display_name: String,
    /// The heading under which it is listed.
    pub category: String,
    /// Where its category stands.
    pub category_order: i64,
    /// Where it stands in its category.
    pub order: i64,
    /// What else is known.
    pub info: ModelInfo,
}

/// Every model in the order of the list: by category, then by place, then by name. Without numbers from the operator
/// categories stand as their providers were added, embeddings last, and models by their names; whatever order an upstream
/// lists its models in, the list is the same.
pub fn entries(models: Vec<Model>) -> Vec<Entry> {
    let mut entries: Vec<Entry> = models.into_iter().map(Entry::of).collect();
    let mut categories: Vec<String> = Vec::new();
    for entry in &entries {
        if !categories.contains(&entry.category) {
            categories.push(entry.category.clone());
        }
    }
    categories.sort_by_key(|category| category == EMBEDDING);
    for entry in &mut entries {
        let place = categories.iter().position(|category| *category == entry.category).unwrap_or_default();
        entry.category_order = entry.info.category_order.unwrap_or(as_number(place));
    }
    let place = |entry: &Entry| {
        let unplaced = entry.info.order.is_none();
        let name = entry.display_name.to_lowercase();
        let (category, order) = (entry.category.clone(), entry.info.order);
        (entry.category_order, category, unplaced, order, name, entry.model.id.clone())
    };
    entries.sort_by_cached_key(place);
    let mut last: Option<(String, i64)> = None;
    for entry in &mut entries {
        let next =
            last.take().filter(|(category, _)| *category == entry.category).map_or(0, |(_, at)| at + 1);
        entry.order = entry.info.order.unwrap_or(next);
        last = Some((entry.category.clone(), entry.order.max(next)));
    }
    entries
}

fn as_number(place: usize) -> i64 {
    i64::try_from(place).unwrap_or(i64::MAX)
}

impl Entry {
    /// A model by itself, the first of its category.
    pub fn of(model: Model) -> Self {
        let info = model.info.clone().or(said::info(&model.rest));
        let supports = filled(&model.id, info.supports);
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

    /// The row of `GET /v1/models`: OpenAI's members, what the upstream says besides, and how it is shown; with
    /// `provider`, whose it is.
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

    /// All that is known of it, as the catalogue shows it.
    pub fn details(&self) -> DetailsShape<'_> {
        let supports = self.info.supports;
        let can = |flag: Option<bool>| flag == Some(true);
        let (tools, images, embeds) = (can(supports.tools), can(supports.images), can(supports.embeddings));
        let mut names: Vec<String> = said::parameters(&self.model.rest);
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
            // Nothing here waits to be filled in by hand.
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

/// A model as the list shows it: its provider's own members stay beside those that are known here.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct ModelShape(Map<String, Value>);

/// All that is known of a model.
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
    /// `names` of the parameters that it takes.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    supported_parameters: Value,
    /// What it reads and writes.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    architecture: Value,
    tags: [&'static str; 0],
    /// How many tokens it can read.
    #[serde(skip_serializing_if = "Option::is_none")]
    context_length: Option<u64>,
    active: bool,
    /// What its provider says of it in its own words.
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

/// Every capability as yes or no, by the rules that stand above.
fn filled(id: &str, said: Capabilities) -> Capabilities {
    let embeddings = said.embeddings.unwrap_or_else(|| id.to_lowercase().contains("embed"));
    let reasoning = said.reasoning.unwrap_or(false);
    Capabilities {
        tools: Some(said.tools.unwrap_or(!embeddings)),
        reasoning: Some(reasoning),
        images: Some(said.images.unwrap_or(false)),
        browser: Some(said.browser.unwrap_or(false)),
        instruct: Some(said.instruct.unwrap_or(reasoning)),
        embeddings: Some(embeddings),
        audio: Some(said.audio.unwrap_or(false)),
        video: Some(said.video.unwrap_or(false)),
    }
}

/// The members that are known.
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
        /// The heading under which it is shown.
        category: String,
        /// Where the category stands, the least first.
        category_order_number: i64,
        /// Where it stands in its category, the least first.
        model_order_number: i64,
    }

    jan_core::described_by!(super::ModelShape => Model);
}

#[cfg(test)]
mod tests;
