//! What a user has chosen, kept between chats: who they are, what may be remembered, which switches are on. Clients
//! send only what changes ([`SettingsPatch`]).

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

/// A user's settings as they are stored. What a stored object lacks has its default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UserSettings {
    /// What is remembered, and how much of it is recalled.
    pub memory_config: MemoryConfig,
    /// Who the user is, and how they like to be answered.
    pub profile_settings: ProfileSettings,
    /// Abilities beside talking.
    pub advanced_settings: AdvancedSettings,
    /// Whether chats are traced.
    pub enable_trace: bool,
    /// Whether tools may be used.
    pub enable_tools: bool,
    /// What clients keep for themselves, with a few keys known here.
    pub preferences: Rest,
    /// When the settings were first stored, in seconds since the Unix epoch.
    pub created_at: u64,
    /// When they last changed, in seconds since the Unix epoch.
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

/// What is remembered, and how much of it is recalled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MemoryConfig {
    /// Whether there is a memory at all.
    pub enabled: bool,
    /// Whether chats are watched for things to remember.
    pub observe_enabled: bool,
    /// Whether what is known about the user is recalled.
    pub inject_user_core: bool,
    /// Whether facts are recalled.
    pub inject_semantic: bool,
    /// Whether events are recalled.
    pub inject_episodic: bool,
    /// The most things recalled about the user, 0 to 20.
    pub max_user_items: u32,
    /// The most things recalled about the project, 0 to 50.
    pub max_project_items: u32,
    /// The most events recalled, 0 to 20.
    pub max_episodic_items: u32,
    /// How near a thing must be to be recalled, 0 to 1.
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

/// Who the user is, and how they like to be answered.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProfileSettings {
    /// The tone of answers.
    pub base_style: BaseStyle,
    /// Anything that the model should keep to.
    pub custom_instructions: String,
    /// What the user is called.
    #[serde(alias = "nickname")]
    pub nick_name: String,
    /// What the user does.
    pub occupation: String,
    /// Anything else about the user.
    pub more_about_you: String,
}

/// The tone of answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum BaseStyle {
    /// Short and to the point.
    Concise,
    /// Warm; how models talk unless told otherwise.
    #[default]
    Friendly,
    /// Formal and precise.
    Professional,
}

/// Abilities beside talking.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AdvancedSettings {
    /// Whether the web may be searched.
    pub web_search: bool,
    /// Whether code may be run.
    pub code_enabled: bool,
}

/// What this server can do, told along with the settings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ServerCapabilities {
    /// Whether pictures can be made.
    pub image_generation_enabled: bool,
}

/// Settings as the API shows them.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Settings))]
pub struct SettingsShape {
    /// The id of the settings; none until they are first changed.
    id: Option<String>,
    user_id: String,
    memory_config: MemoryConfig,
    profile_settings: ProfileSettings,
    advanced_settings: AdvancedSettings,
    enable_trace: bool,
    enable_tools: bool,
    /// Keys of the client's own, and a few known here, which have defaults.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    preferences: Rest,
    server_capabilities: ServerCapabilities,
    /// Seconds since the Unix epoch.
    created_at: u64,
    updated_at: u64,
}

/// The preferences alone, as the API shows them.
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
    /// The preferences with what has a default filled in; `first_model` is the model selected unless the user chose.
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

    /// The preferences as the API shows them; `first_model` as in [`UserSettings::filled_preferences`].
    pub fn preferences_shape(&self, first_model: Option<&str>) -> PreferencesShape {
        PreferencesShape { preferences: self.filled_preferences(first_model) }
    }

    /// The settings as the API shows them; `first_model` as in [`UserSettings::filled_preferences`].
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

/// The preferences that are switches, with their defaults.
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
    fn the_defaults_are_the_contracts() {
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
