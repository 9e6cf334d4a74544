//! The shapes of users and their settings.

use serde_json::Value;
use utoipa::ToSchema;

/// The caller.
#[derive(ToSchema)]
pub(crate) struct Me {
    id: String,
    #[schema(example = "user")]
    object: String,
    /// What you are called; the id where nothing else is known.
    username: String,
    /// `jwt`, `api_key`, `session`, `host` or `none`.
    auth_method: String,
    roles: Vec<String>,
}

/// A user's settings.
#[derive(ToSchema)]
pub(crate) struct Settings {
    /// None until they are first changed.
    id: Option<String>,
    user_id: String,
    memory_config: MemoryConfig,
    profile_settings: ProfileSettings,
    advanced_settings: AdvancedSettings,
    enable_trace: bool,
    enable_tools: bool,
    /// Keys of the client's own, and a few known here.
    #[schema(value_type = Object)]
    preferences: Value,
    server_capabilities: ServerCapabilities,
    created_at: i64,
    updated_at: i64,
}

/// What this server can do.
#[derive(ToSchema)]
pub(crate) struct ServerCapabilities {
    /// Pictures can be made.
    image_generation_enabled: bool,
}

/// What is changed of the settings; every member may be missing.
#[derive(ToSchema)]
pub(crate) struct PatchSettings {
    memory_config: Option<MemoryConfig>,
    profile_settings: Option<ProfileSettings>,
    advanced_settings: Option<AdvancedSettings>,
    enable_trace: Option<bool>,
    enable_tools: Option<bool>,
    #[schema(value_type = Option<Object>)]
    preferences: Option<Value>,
}

/// What is remembered, and how much of it is recalled.
#[derive(ToSchema)]
pub(crate) struct MemoryConfig {
    enabled: Option<bool>,
    observe_enabled: Option<bool>,
    inject_user_core: Option<bool>,
    inject_semantic: Option<bool>,
    inject_episodic: Option<bool>,
    /// 0 to 20.
    max_user_items: Option<u32>,
    /// 0 to 50.
    max_project_items: Option<u32>,
    /// 0 to 20.
    max_episodic_items: Option<u32>,
    /// 0 to 1.
    min_similarity: Option<f64>,
}

/// Who the user is, and how they like to be answered.
#[derive(ToSchema)]
pub(crate) struct ProfileSettings {
    /// `Concise`, `Friendly` or `Professional`.
    #[schema(example = "Friendly")]
    base_style: Option<String>,
    custom_instructions: Option<String>,
    nick_name: Option<String>,
    occupation: Option<String>,
    more_about_you: Option<String>,
}

/// Abilities beside talking.
#[derive(ToSchema)]
pub(crate) struct AdvancedSettings {
    web_search: Option<bool>,
    code_enabled: Option<bool>,
}

/// What is changed of the preferences.
#[derive(ToSchema)]
pub(crate) struct PatchPreferences {
    /// Keys to set; `null` takes one out.
    #[schema(value_type = Object)]
    preferences: Value,
}

/// Preferences.
#[derive(ToSchema)]
pub(crate) struct Preferences {
    #[schema(value_type = Object, example = json!({"selected_model": "echo", "enable_search": true}))]
    preferences: Value,
}
