//! The request types for changes of settings. Rust callers build them directly; `TryFrom` reads them from the JSON
//! body.

use jan_core::chat::Rest;
use jan_core::{Error, JsonObject, Result};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{AdvancedSettings, BaseStyle, MemoryConfig, ProfileSettings};

/// The longest name or occupation, in characters.
pub(super) const MAX_LINE: usize = 512;
/// The longest text about the user, in characters.
const MAX_TEXT: usize = 32_768;
const MAX_USER_ITEMS: u32 = 20;
const MAX_PROJECT_ITEMS: u32 = 50;
const MAX_EPISODIC_ITEMS: u32 = 20;
const SIMILARITY: &str = "a number from 0 to 1";

/// The fields to change; absent fields stay as they are.
#[derive(Debug, Clone, Default, PartialEq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SettingsPatch {
    /// What is remembered about the user, and how much of it is added to prompts.
    pub memory_config: Option<MemoryPatch>,
    /// Facts about the user and the style of answers.
    pub profile_settings: Option<ProfilePatch>,
    /// Optional capabilities.
    pub advanced_settings: Option<AdvancedPatch>,
    /// Whether chats are traced.
    pub enable_trace: Option<bool>,
    /// Whether tools may be used.
    pub enable_tools: Option<bool>,
    /// Keys to set; `null` removes a key.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub preferences: Option<Rest>,
}

/// The fields of [`MemoryConfig`] to change.
#[derive(Debug, Clone, Default, PartialEq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MemoryPatch {
    /// Whether memory is used at all.
    pub enabled: Option<bool>,
    /// Whether new memories are taken from chats.
    pub observe_enabled: Option<bool>,
    /// Whether memories about the user are added to prompts.
    pub inject_user_core: Option<bool>,
    /// Whether memories of facts are added to prompts.
    pub inject_semantic: Option<bool>,
    /// Whether memories of events are added to prompts.
    pub inject_episodic: Option<bool>,
    /// The most memories about the user in a prompt, 0 to 20.
    pub max_user_items: Option<u32>,
    /// The most memories about the project in a prompt, 0 to 50.
    pub max_project_items: Option<u32>,
    /// The most memories of events in a prompt, 0 to 20.
    pub max_episodic_items: Option<u32>,
    /// The least similarity of a memory to the question, 0 to 1.
    pub min_similarity: Option<f64>,
}

/// The fields of [`ProfileSettings`] to change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProfilePatch {
    /// The tone of answers.
    pub base_style: Option<BaseStyle>,
    /// The user's own instructions for the model; up to 32,768 characters.
    pub custom_instructions: Option<String>,
    /// The name by which the model addresses the user; up to 512 characters. `nickname` means the same.
    pub nick_name: Option<String>,
    /// The user's occupation; up to 512 characters.
    pub occupation: Option<String>,
    /// Other facts about the user; up to 32,768 characters.
    pub more_about_you: Option<String>,
}

/// The fields of [`AdvancedSettings`] to change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AdvancedPatch {
    /// Whether the web may be searched.
    pub web_search: Option<bool>,
    /// Whether code may be run.
    pub code_enabled: Option<bool>,
}

/// The preferences to change.
#[derive(Debug, Clone, Default, PartialEq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PreferencesPatch {
    /// Keys to set; `null` removes a key.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub preferences: Rest,
}

/// Unknown members are ignored, and `null` means absent.
impl TryFrom<&JsonObject> for SettingsPatch {
    type Error = Error;

    fn try_from(body: &JsonObject) -> Result<Self> {
        let top = Fields { group: "", members: body.to()? };
        Ok(Self {
            enable_trace: top.flag("enable_trace")?,
            enable_tools: top.flag("enable_tools")?,
            preferences: top.read("preferences", "an object")?,
            memory_config: top.object("memory_config", MemoryPatch::read)?,
            profile_settings: top.object("profile_settings", ProfilePatch::read)?,
            advanced_settings: top.object("advanced_settings", AdvancedPatch::read)?,
        })
    }
}

impl TryFrom<&JsonObject> for PreferencesPatch {
    type Error = Error;

    fn try_from(body: &JsonObject) -> Result<Self> {
        Ok(Self { preferences: body.required("preferences")? })
    }
}

impl MemoryPatch {
    fn read(fields: &Fields) -> Result<Self> {
        Ok(Self {
            enabled: fields.flag("enabled")?,
            observe_enabled: fields.flag("observe_enabled")?,
            inject_user_core: fields.flag("inject_user_core")?,
            inject_semantic: fields.flag("inject_semantic")?,
            inject_episodic: fields.flag("inject_episodic")?,
            max_user_items: fields.read("max_user_items", &count(MAX_USER_ITEMS))?,
            max_project_items: fields.read("max_project_items", &count(MAX_PROJECT_ITEMS))?,
            max_episodic_items: fields.read("max_episodic_items", &count(MAX_EPISODIC_ITEMS))?,
            min_similarity: fields.read("min_similarity", SIMILARITY)?,
        })
    }

    pub(super) fn apply(&self, config: &mut MemoryConfig) -> Result<()> {
        for (param, value, most) in [
            ("memory_config.max_user_items", self.max_user_items, MAX_USER_ITEMS),
            ("memory_config.max_project_items", self.max_project_items, MAX_PROJECT_ITEMS),
            ("memory_config.max_episodic_items", self.max_episodic_items, MAX_EPISODIC_ITEMS),
        ] {
            must(value.is_none_or(|value| value <= most), param, &count(most))?;
        }
        let similar = self.min_similarity.is_none_or(|value| (0.0..=1.0).contains(&value));
        must(similar, "memory_config.min_similarity", SIMILARITY)?;
        set(&mut config.enabled, self.enabled.as_ref());
        set(&mut config.observe_enabled, self.observe_enabled.as_ref());
        set(&mut config.inject_user_core, self.inject_user_core.as_ref());
        set(&mut config.inject_semantic, self.inject_semantic.as_ref());
        set(&mut config.inject_episodic, self.inject_episodic.as_ref());
        set(&mut config.max_user_items, self.max_user_items.as_ref());
        set(&mut config.max_project_items, self.max_project_items.as_ref());
        set(&mut config.max_episodic_items, self.max_episodic_items.as_ref());
        set(&mut config.min_similarity, self.min_similarity.as_ref());
        Ok(())
    }
}

impl ProfilePatch {
    fn read(fields: &Fields) -> Result<Self> {
        let nickname = fields.text("nickname", MAX_LINE)?;
        Ok(Self {
            base_style: fields.read("base_style", "one of `Concise`, `Friendly` and `Professional`")?,
            custom_instructions: fields.text("custom_instructions", MAX_TEXT)?,
            nick_name: fields.text("nick_name", MAX_LINE)?.or(nickname),
            occupation: fields.text("occupation", MAX_LINE)?,
            more_about_you: fields.text("more_about_you", MAX_TEXT)?,
        })
    }

    pub(super) fn apply(&self, profile: &mut ProfileSettings) -> Result<()> {
        for (name, given, field, most) in [
            ("custom_instructions", &self.custom_instructions, &mut profile.custom_instructions, MAX_TEXT),
            ("nick_name", &self.nick_name, &mut profile.nick_name, MAX_LINE),
            ("occupation", &self.occupation, &mut profile.occupation, MAX_LINE),
            ("more_about_you", &self.more_about_you, &mut profile.more_about_you, MAX_TEXT),
        ] {
            let fits = given.as_ref().is_none_or(|given| is_short(given, most));
            must(fits, &format!("profile_settings.{name}"), &text(most))?;
            set(field, given.as_ref());
        }
        set(&mut profile.base_style, self.base_style.as_ref());
        Ok(())
    }
}

impl AdvancedPatch {
    fn read(fields: &Fields) -> Result<Self> {
        Ok(Self { web_search: fields.flag("web_search")?, code_enabled: fields.flag("code_enabled")? })
    }

    pub(super) fn apply(&self, settings: &mut AdvancedSettings) {
        set(&mut settings.web_search, self.web_search.as_ref());
        set(&mut settings.code_enabled, self.code_enabled.as_ref());
    }
}

pub(super) fn set<T: Clone>(field: &mut T, value: Option<&T>) {
    if let Some(value) = value {
        field.clone_from(value);
    }
}

fn must(fits: bool, param: &str, what: &str) -> Result<()> {
    if fits { Ok(()) } else { Err(Error::invalid(param, format!("`{param}` must be {what}."))) }
}

fn is_short(text: &str, most: usize) -> bool {
    text.chars().nth(most).is_none()
}

fn count(most: u32) -> String {
    format!("a whole number from 0 to {most}")
}

fn text(most: usize) -> String {
    format!("a text of at most {most} characters")
}

/// Reads the members of one object of a body; `null` means absent.
pub(super) struct Fields {
    /// The object's name; empty for the body itself.
    pub(super) group: &'static str,
    pub(super) members: Rest,
}

impl Fields {
    pub(super) fn read<T: DeserializeOwned>(&self, name: &str, what: &str) -> Result<Option<T>> {
        match self.members.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                let value = T::deserialize(value).ok();
                must(value.is_some(), &self.param(name), what)?;
                Ok(value)
            }
        }
    }

    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>> {
        self.read(name, "true or false")
    }

    pub(super) fn text(&self, name: &str, most: usize) -> Result<Option<String>> {
        let given: Option<String> = self.read(name, &text(most))?;
        must(given.as_ref().is_none_or(|given| is_short(given, most)), &self.param(name), &text(most))?;
        Ok(given)
    }

    fn object<T>(&self, group: &'static str, read: impl Fn(&Self) -> Result<T>) -> Result<Option<T>> {
        let members = self.read(group, "an object")?;
        members.map(|members| read(&Self { group, members })).transpose()
    }

    fn param(&self, name: &str) -> String {
        if self.group.is_empty() { name.to_owned() } else { format!("{}.{name}", self.group) }
    }
}
