//! The settings of a user: profile, memory, and switches. Clients send only the fields to change ([`SettingsPatch`]).

mod apply;
mod patch;
mod store;

use jan_core::UserId;
use jan_core::chat::Rest;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use apply::{MAX_PREFERENCE_BYTES, MAX_PREFERENCES};
pub use patch::{AdvancedPatch, MemoryPatch, PreferencesPatch, ProfilePatch, SettingsPatch};
pub use store::SettingsStore;

/// The stored form of a user's settings. Fields that a stored object lacks have their defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UserSettings {
    /// What is remembered about the user, and how much of it is added to prompts.
    pub memory_config: MemoryConfig,
    /// Facts about the user and the style of answers.
    pub profile_settings: ProfileSettings,
    /// Optional capabilities.
    pub advanced_settings: AdvancedSettings,
    /// Whether chats are traced.
    pub enable_trace: bool,
    /// Whether tools may be used.
    pub enable_tools: bool,
    /// Keys and values that clients store; a few keys also have a meaning for this server.
    pub preferences: Rest,
    /// When the settings were first stored, in seconds since the Unix epoch.
    pub created_at: u64,
    /// When the settings were last changed, in seconds since the Unix epoch.
    pub updated_at: u64,
}

impl Default for UserSettings {
    fn default() -> Self {
        Self {
            memory_config: MemoryConfig::default(),
            profile_settings: ProfileSettings::default(),
            advanced_settings: AdvancedSettings::default(),
            enable_trace: false,
            enable_tools: true,
            preferences: Rest::new(),
            created_at: 0,
            updated_at: 0,
        }
    }
}

/// What is remembered about the user, and how much of it is added to prompts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MemoryConfig {
    /// Whether memory is used at all.
    pub enabled: bool,
    /// Whether new memories are taken from chats.
    pub observe_enabled: bool,
    /// Whether memories about the user are added to prompts.
    pub inject_user_core: bool,
    /// Whether memories of facts are added to prompts.
    pub inject_semantic: bool,
    /// Whether memories of events are added to prompts.
    pub inject_episodic: bool,
    /// The most memories about the user in a prompt, 0 to 20.
    pub max_user_items: u32,
    /// The most memories about the project in a prompt, 0 to 50.
    pub max_project_items: u32,
    /// The most memories of events in a prompt, 0 to 20.
    pub max_episodic_items: u32,
    /// The least similarity of a memory to the question, 0 to 1.
    pub min_similarity: f64,
}

impl Default for MemoryConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            observe_enabled: true,
            inject_user_core: true,
            inject_semantic: true,
            inject_episodic: false,
            max_user_items: 3,
            max_project_items: 5,
            max_episodic_items: 3,
            min_similarity: 0.75,
        }
    }
}

/// Facts about the user and the style of answers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProfileSettings {
    /// The tone of answers.
    pub base_style: BaseStyle,
    /// The user's own instructions for the model.
    pub custom_instructions: String,
    /// The name by which the model addresses the user.
    #[serde(alias = "nickname")]
    pub nick_name: String,
    /// The user's occupation.
    pub occupation: String,
    /// Other facts about the user.
    pub more_about_you: String,
}

/// The tone of answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum BaseStyle {
    /// Short and to the point.
    Concise,
    /// Friendly; no instruction is added to the prompt, because it is the usual tone of models.
    #[default]
    Friendly,
    /// Formal and precise.
    Professional,
}

/// Optional capabilities.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AdvancedSettings {
    /// Whether the web may be searched.
    pub web_search: bool,
    /// Whether code may be run.
    pub code_enabled: bool,
}

/// The capabilities of this server, which the API returns with the settings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ServerCapabilities {
    /// Whether the server has an image provider.
    pub image_generation_enabled: bool,
}

/// Settings as the API returns them.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Settings))]
pub struct SettingsShape {
    /// The id of the settings; null until they are first changed.
    id: Option<String>,
    user_id: String,
    memory_config: MemoryConfig,
    profile_settings: ProfileSettings,
    advanced_settings: AdvancedSettings,
    enable_trace: bool,
    enable_tools: bool,
    /// Keys that the client stores, and a few with a meaning for this server, which have defaults.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    preferences: Rest,
    server_capabilities: ServerCapabilities,
    /// Seconds since the Unix epoch.
    created_at: u64,
    updated_at: u64,
}

/// The preferences alone, as the API returns them.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Preferences))]
pub struct PreferencesShape {
    #[cfg_attr(
        feature = "openapi",
        schema(value_type = Object, example = json!({"selected_model": "echo", "enable_search": true}))
    )]
    preferences: Rest,
}

impl UserSettings {
    /// The preferences with missing defaults added; `first_model` is the default of `selected_model`.
    pub fn filled_preferences(&self, first_model: Option<&str>) -> Rest {
        let mut filled = self.preferences.clone();
        if let Some(model) = first_model {
            filled.entry("selected_model").or_insert_with(|| model.into());
        }
        for (key, default) in SWITCHES {
            filled.entry(key).or_insert(Value::Bool(default));
        }
        filled
    }

    /// The names of the prompt modules that the user switched off.
    pub fn disabled_modules(&self) -> Vec<&str> {
        let list = self.preferences.get("disable_modules").and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// The preferences as the API returns them; `first_model` as in [`UserSettings::filled_preferences`].
    pub fn preferences_shape(&self, first_model: Option<&str>) -> PreferencesShape {
        PreferencesShape { preferences: self.filled_preferences(first_model) }
    }

    /// The settings as the API returns them; `first_model` as in [`UserSettings::filled_preferences`].
    pub fn shape(
        &self,
        id: Option<String>,
        user: &UserId,
        first_model: Option<&str>,
        server_capabilities: ServerCapabilities,
    ) -> SettingsShape {
        let Self { memory_config, profile_settings, advanced_settings, .. } = self.clone();
        SettingsShape {
            id,
            user_id: user.as_str().to_owned(),
            memory_config,
            profile_settings,
            advanced_settings,
            enable_trace: self.enable_trace,
            enable_tools: self.enable_tools,
            preferences: self.filled_preferences(first_model),
            server_capabilities,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}

/// The boolean preferences, with their defaults.
const SWITCHES: [(&str, bool); 4] = [
    ("enable_deep_research", false),
    ("enable_thinking", false),
    ("enable_search", true),
    ("enable_browser", false),
];

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn default_settings_have_the_documented_values() {
        let user = UserId::new("user_1");
        let reply = UserSettings::default().shape(
            Some("set_1".into()),
            &user,
            Some("jan-v1"),
            ServerCapabilities::default(),
        );
        assert_eq!(
            serde_json::to_value(reply).unwrap(),
            json!({
                "id": "set_1", "user_id": "user_1",
                "memory_config": {
                    "enabled": true, "observe_enabled": true, "inject_user_core": true, "inject_semantic": true,
                    "inject_episodic": false, "max_user_items": 3, "max_project_items": 5,
                    "max_episodic_items": 3, "min_similarity": 0.75
                },
                "profile_settings": {
                    "base_style": "Friendly", "custom_instructions": "", "nick_name": "", "occupation": "",
                    "more_about_you": ""
                },
                "advanced_settings": {"web_search": false, "code_enabled": false},
                "enable_trace": false, "enable_tools": true,
                "preferences": {
                    "selected_model": "jan-v1", "enable_deep_research": false, "enable_thinking": false,
                    "enable_search": true, "enable_browser": false
                },
                "server_capabilities": {"image_generation_enabled": false}, "created_at": 0, "updated_at": 0
            })
        );
        assert_eq!(serde_json::from_str::<UserSettings>("{}").unwrap(), UserSettings::default());
    }
}
