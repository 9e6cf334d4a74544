//! A change of settings is checked as a whole before any of it counts, and says which field is wrong.

use jan_core::chat::Rest;
use jan_core::{Error, JsonObject, Result};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{MemoryConfig, ProfileSettings, SWITCHES, UserSettings};

/// The most preferences a user may have.
pub const MAX_PREFERENCES: usize = 64;
/// The most bytes that the preferences may take as JSON.
pub const MAX_PREFERENCE_BYTES: usize = 16 * 1024;
/// The longest name or occupation, in characters.
const MAX_LINE: usize = 512;
/// The longest text about the user, in characters.
const MAX_TEXT: usize = 32_768;

impl UserSettings {
    /// Merges the body of a PATCH, field by field: what it does not name, or names as `null`, stays. Fields that are
    /// not known are ignored. When anything is wrong, nothing changes.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::Invalid`] naming the field, for example `memory_config.min_similarity`.
    pub fn apply(&mut self, patch: &JsonObject) -> Result<()> {
        let mut next = self.clone();

        let top = Fields { group: "", members: patch.to()? };
        top.flag("enable_trace", &mut next.enable_trace)?;
        top.flag("enable_tools", &mut next.enable_tools)?;
        if let Some(changes) = top.object("preferences")? {
            merge_preferences(&mut next.preferences, changes.members)?;
        }
        if let Some(changes) = top.object("memory_config")? {
            next.memory_config.merge(&changes)?;
        }
        if let Some(changes) = top.object("profile_settings")? {
            next.profile_settings.merge(&changes)?;
        }
        if let Some(changes) = top.object("advanced_settings")? {
            changes.flag("web_search", &mut next.advanced_settings.web_search)?;
            changes.flag("code_enabled", &mut next.advanced_settings.code_enabled)?;
        }

        *self = next;
        Ok(())
    }

    /// Merges the body `{"preferences": {…}}` key by key; `null` takes a key out. When anything is wrong, nothing
    /// changes.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::Invalid`] when `preferences` is missing, a known key has the wrong type, or there would
    /// be more than [`MAX_PREFERENCES`] keys or [`MAX_PREFERENCE_BYTES`] bytes.
    pub fn patch_preferences(&mut self, patch: &JsonObject) -> Result<()> {
        merge_preferences(&mut self.preferences, patch.required("preferences")?)
    }
}

impl MemoryConfig {
    fn merge(&mut self, changes: &Fields) -> Result<()> {
        changes.flag("enabled", &mut self.enabled)?;
        changes.flag("observe_enabled", &mut self.observe_enabled)?;
        changes.flag("inject_user_core", &mut self.inject_user_core)?;
        changes.flag("inject_semantic", &mut self.inject_semantic)?;
        changes.flag("inject_episodic", &mut self.inject_episodic)?;
        changes.count("max_user_items", 20, &mut self.max_user_items)?;
        changes.count("max_project_items", 50, &mut self.max_project_items)?;
        changes.count("max_episodic_items", 20, &mut self.max_episodic_items)?;
        let similar = |value: &f64| (0.0..=1.0).contains(value);
        changes.read("min_similarity", "a number from 0 to 1", similar, &mut self.min_similarity)
    }
}

impl ProfileSettings {
    fn merge(&mut self, changes: &Fields) -> Result<()> {
        let styles = "one of `Concise`, `Friendly` and `Professional`";
        changes.read("base_style", styles, |_| true, &mut self.base_style)?;
        changes.text("custom_instructions", MAX_TEXT, &mut self.custom_instructions)?;
        changes.text("nickname", MAX_LINE, &mut self.nick_name)?;
        changes.text("nick_name", MAX_LINE, &mut self.nick_name)?;
        changes.text("occupation", MAX_LINE, &mut self.occupation)?;
        changes.text("more_about_you", MAX_TEXT, &mut self.more_about_you)
    }
}

fn merge_preferences(preferences: &mut Rest, changes: Rest) -> Result<()> {
    let checked = Fields { group: "preferences", members: changes };
    for (key, mut default) in SWITCHES {
        checked.flag(key, &mut default)?;
    }
    checked.text("selected_model", MAX_LINE, &mut String::new())?;
    checked.read("disable_modules", "a list of names", |_: &Vec<String>| true, &mut Vec::new())?;

    let mut next = preferences.clone();
    for (key, value) in checked.members {
        match value {
            Value::Null => drop(next.remove(&key)),
            value => drop(next.insert(key, value)),
        }
    }
    let bytes = serde_json::to_vec(&next).map_err(Error::internal)?.len();
    if next.len() > MAX_PREFERENCES || bytes > MAX_PREFERENCE_BYTES {
        let message = format!(
            "`preferences` may hold {MAX_PREFERENCES} keys and {MAX_PREFERENCE_BYTES} bytes of JSON."
        );
        return Err(Error::invalid("preferences", message));
    }
    *preferences = next;
    Ok(())
}

/// The members of one object of a PATCH, read one by one into the fields they change.
struct Fields {
    /// The object's name; empty at the top.
    group: &'static str,
    members: Rest,
}

impl Fields {
    fn read<T: DeserializeOwned>(
        &self,
        name: &str,
        what: &str,
        fits: impl Fn(&T) -> bool,
        field: &mut T,
    ) -> Result<()> {
        match self.members.get(name) {
            None | Some(Value::Null) => Ok(()),
            Some(value) => match T::deserialize(value) {
                Ok(value) if fits(&value) => {
                    *field = value;
                    Ok(())
                }
                _ => Err(self.wrong(name, what)),
            },
        }
    }

    fn flag(&self, name: &str, field: &mut bool) -> Result<()> {
        self.read(name, "true or false", |_| true, field)
    }

    fn count(&self, name: &str, most: u32, field: &mut u32) -> Result<()> {
        self.read(name, &format!("a whole number from 0 to {most}"), |count| *count <= most, field)
    }

    fn text(&self, name: &str, most: usize, field: &mut String) -> Result<()> {
        let fits = |text: &String| text.chars().nth(most).is_none();
        self.read(name, &format!("a text of at most {most} characters"), fits, field)
    }

    fn object(&self, group: &'static str) -> Result<Option<Self>> {
        let mut members = None;
        self.read(group, "an object", |_| true, &mut members)?;
        Ok(members.map(|members| Self { group, members }))
    }

    fn wrong(&self, name: &str, what: &str) -> Error {
        let param = if self.group.is_empty() { name.to_owned() } else { format!("{}.{name}", self.group) };
        let message = format!("`{param}` must be {what}.");
        Error::invalid(param, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::BaseStyle;
    use proptest::prelude::*;
    use serde_json::json;

    fn object(value: &Value) -> JsonObject {
        JsonObject::parse(value.to_string().into()).unwrap()
    }

    #[test]
    fn a_patch_changes_what_it_names() {
        let mut settings = UserSettings::default();
        let patch = json!({
            "memory_config": {"min_similarity": 1, "max_user_items": 0, "enabled": null, "future": 1},
            "profile_settings": {"base_style": "Concise", "nickname": "Ann"},
            "advanced_settings": {"web_search": true}, "enable_tools": false, "unknown": [1], "enable_trace": null,
            "preferences": {"theme": "dark"}
        });
        settings.apply(&object(&patch)).unwrap();
        let mut expected = UserSettings { enable_tools: false, ..UserSettings::default() };
        expected.memory_config.min_similarity = 1.0;
        expected.memory_config.max_user_items = 0;
        expected.profile_settings.base_style = BaseStyle::Concise;
        expected.profile_settings.nick_name = "Ann".into();
        expected.advanced_settings.web_search = true;
        expected.preferences.insert("theme".into(), "dark".into());
        assert_eq!(settings, expected);
    }

    #[test]
    fn the_field_at_fault_is_named_and_nothing_changes() {
        for (patch, param) in [
            (json!({"memory_config": {"min_similarity": 1.5}}), "memory_config.min_similarity"),
            (json!({"memory_config": {"min_similarity": "near"}}), "memory_config.min_similarity"),
            (json!({"memory_config": {"max_user_items": 21}}), "memory_config.max_user_items"),
            (json!({"memory_config": {"max_project_items": 51}}), "memory_config.max_project_items"),
            (json!({"memory_config": {"max_episodic_items": -1}}), "memory_config.max_episodic_items"),
            (json!({"memory_config": {"max_episodic_items": 1.5}}), "memory_config.max_episodic_items"),
            (json!({"memory_config": 1}), "memory_config"),
            (json!({"profile_settings": {"base_style": "Rude"}}), "profile_settings.base_style"),
            (json!({"profile_settings": {"nickname": 7}}), "profile_settings.nickname"),
            (json!({"profile_settings": {"occupation": "x".repeat(513)}}), "profile_settings.occupation"),
            (json!({"advanced_settings": {"web_search": "yes"}}), "advanced_settings.web_search"),
            (json!({"enable_tools": "no"}), "enable_tools"),
            (json!({"preferences": []}), "preferences"),
            (json!({"preferences": {"enable_search": 1}}), "preferences.enable_search"),
            (json!({"preferences": {"disable_modules": "timing"}}), "preferences.disable_modules"),
        ] {
            let mut settings = UserSettings::default();
            let mut patch = patch;
            patch["enable_trace"] = true.into();
            let error = settings.apply(&object(&patch)).unwrap_err();
            assert_eq!(error.get_param(), Some(param), "{patch}");
            assert!(error.message().contains(param), "{}", error.message());
            assert_eq!(settings, UserSettings::default(), "{patch}");
        }
    }

    #[test]
    fn preferences_are_merged_by_key() {
        let mut settings = UserSettings::default();
        let body = json!({"preferences": {"selected_model": "m", "theme": "dark", "enable_search": false}});
        settings.patch_preferences(&object(&body)).unwrap();
        let body = json!({"preferences": {"theme": null, "disable_modules": ["timing"]}});
        settings.patch_preferences(&object(&body)).unwrap();
        let filled = settings.filled_preferences(Some("first"));
        assert_eq!((&filled["selected_model"], &filled["enable_search"]), (&json!("m"), &json!(false)));
        assert!(!filled.contains_key("theme"));
        assert_eq!(settings.disabled_modules(), ["timing"]);
        let error = settings.patch_preferences(&object(&json!({"theme": 1}))).unwrap_err();
        assert_eq!((error.get_param(), error.get_code()), (Some("preferences"), "missing_parameter"));
    }

    #[test]
    fn preferences_have_bounds() {
        let mut settings = UserSettings::default();
        let many: Rest = (0..64).map(|i| (format!("key_{i}"), i.into())).collect();
        settings.patch_preferences(&object(&json!({"preferences": many}))).unwrap();
        for body in [json!({"one_more": 1}), json!({"key_1": "x".repeat(MAX_PREFERENCE_BYTES)})] {
            let error = settings.patch_preferences(&object(&json!({"preferences": body}))).unwrap_err();
            assert_eq!(error.get_param(), Some("preferences"));
        }
        let swap = json!({"preferences": {"key_1": null, "one_more": 1}});
        settings.patch_preferences(&object(&swap)).unwrap();
        assert_eq!(settings.preferences.len(), 64);
    }

    proptest! {
        #[test]
        fn a_refused_patch_changes_nothing(similarity in -1.0..2.0f64, items in 0u32..40, trace: bool) {
            let mut settings = UserSettings::default();
            let patch = json!({
                "enable_trace": trace, "memory_config": {"max_user_items": items, "min_similarity": similarity}
            });
            let fits = (0.0..=1.0).contains(&similarity) && items <= 20;
            prop_assert_eq!(settings.apply(&object(&patch)).is_ok(), fits);
            if !fits {
                prop_assert_eq!(settings, UserSettings::default());
            }
        }
    }
}
