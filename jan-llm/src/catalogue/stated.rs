//! Reads what upstreams state about a model in their model lists. Each has its own members; these are understood:
//! OpenRouter (`architecture`, `supported_parameters`), vLLM (`max_model_len`), Mistral and others (`capabilities` as
//! an object), LM Studio and llama.cpp (`capabilities` as a list, `type`, `meta`), Anthropic (`display_name`), Groq
//! (`context_window`), and this server (`supports_tools` and the like).

use jan_core::model::{Capabilities, ModelInfo};
use serde_json::{Map, Value};

/// The model's properties that a row of the list states.
pub(super) fn info(row: &Map<String, Value>) -> ModelInfo {
    let text = |names: &[&str]| {
        let texts = names.iter().filter_map(|name| row.get(*name)?.as_str());
        texts.map(str::trim).find(|text| !text.is_empty()).map(str::to_owned)
    };
    let number = |name: &str| row.get(name).and_then(Value::as_i64);
    ModelInfo {
        display_name: text(&["model_display_name", "display_name", "name"]),
        description: text(&["description"]),
        category: text(&["category"]),
        category_order: number("category_order_number"),
        order: number("model_order_number"),
        family: text(&["family"]),
        context_length: context_length(row),
        supports: capabilities(row),
    }
}

/// The request parameters that a row lists as supported.
pub(super) fn parameters(row: &Map<String, Value>) -> Vec<String> {
    let listed = row.get("supported_parameters");
    let names = listed.and_then(|listed| listed.as_array().or_else(|| listed.get("names")?.as_array()));
    names.into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned)).collect()
}

fn context_length(row: &Map<String, Value>) -> Option<u64> {
    let names = ["context_length", "max_model_len", "max_context_length", "context_window"];
    let trained = || row.get("meta")?.get("n_ctx_train")?.as_u64();
    names.iter().find_map(|name| row.get(*name)?.as_u64()).or_else(trained)
}

fn capabilities(row: &Map<String, Value>) -> Capabilities {
    let stated = row.get("capabilities");
    let kind = row.get("type").and_then(Value::as_str);
    let parameters = parameters(row);
    let takes = |names: &[&str]| {
        let takes_one = parameters.iter().any(|parameter| names.contains(&parameter.as_str()));
        (!parameters.is_empty()).then_some(takes_one)
    };
    let modalities =
        row.get("architecture").and_then(|architecture| architecture.get("input_modalities")?.as_array());
    let reads = |kind: &str| modalities.map(|list| list.iter().any(|one| one == kind));
    let supports = |name: &str| row.get(&format!("supports_{name}")).and_then(Value::as_bool);
    Capabilities {
        tools: supports("tools")
            .or_else(|| states(stated, &["tools", "tool_use", "function_calling"]))
            .or_else(|| takes(&["tools"])),
        reasoning: supports("reasoning")
            .or_else(|| states(stated, &["reasoning", "thinking"]))
            .or_else(|| takes(&["reasoning", "include_reasoning", "reasoning_effort"])),
        images: supports("images")
            .or_else(|| states(stated, &["vision", "image", "multimodal"]))
            .or_else(|| reads("image"))
            .or(kind.filter(|kind| *kind == "vlm").map(|_| true)),
        browser: supports("browser"),
        instruct: supports("instruct"),
        embeddings: supports("embeddings")
            .or_else(|| states(stated, &["embeddings", "embedding"]))
            .or(kind.filter(|kind| kind.starts_with("embedding")).map(|_| true)),
        audio: supports("audio").or_else(|| states(stated, &["audio"])).or_else(|| reads("audio")),
        video: supports("video").or_else(|| states(stated, &["video"])).or_else(|| reads("video")),
    }
}

/// Whether `capabilities` states one of these names. An object states yes or no. A list states yes for what it
/// contains; a missing name states nothing, because the upstream may have another name for the capability.
fn states(stated: Option<&Value>, names: &[&str]) -> Option<bool> {
    match stated? {
        Value::Array(list) => {
            let is_named = |item: &Value| item.as_str().is_some_and(|item| names.contains(&item));
            list.iter().any(is_named).then_some(true)
        }
        Value::Object(flags) => names.iter().find_map(|name| flags.get(*name)?.as_bool()),
        _ => None,
    }
}
