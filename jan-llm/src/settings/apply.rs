//! Applies changes to settings. A change is checked completely before any of it is applied; an error names the field.

use jan_core::chat::Rest;
use jan_core::{Error, Result};
use serde_json::Value;

use super::patch::{Fields, MAX_LINE, set};
use super::{PreferencesPatch, SWITCHES, SettingsPatch, UserSettings};

/// The most preferences a user may have.
pub const MAX_PREFERENCES: usize = 64;
/// The most bytes that the preferences may take as JSON.
pub const MAX_PREFERENCE_BYTES: usize = 16 * 1024;

impl UserSettings {
    /// Merges a change, field by field. After an error the settings are unchanged.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::Invalid`] naming the field, for example `memory_config.min_similarity`.
    pub fn apply(&mut self, patch: &SettingsPatch) -> Result<()> {
        let mut next = self.clone();
        set(&mut next.enable_trace, patch.enable_trace.as_ref());
        set(&mut next.enable_tools, patch.enable_tools.as_ref());
        if let Some(changes) = &patch.preferences {
            merge_preferences(&mut next.preferences, changes)?;
        }
        if let Some(changes) = &patch.memory_config {
            changes.apply(&mut next.memory_config)?;
        }
        if let Some(changes) = &patch.profile_settings {
            changes.apply(&mut next.profile_settings)?;
        }
        if let Some(changes) = &patch.advanced_settings {
            changes.apply(&mut next.advanced_settings);
        }
        *self = next;
        Ok(())
    }

    /// Merges preferences key by key; `null` removes a key. After an error the settings are unchanged.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::Invalid`] when a known key has the wrong type, or there would be more than
    /// [`MAX_PREFERENCES`] keys or [`MAX_PREFERENCE_BYTES`] bytes.
    pub fn patch_preferences(&mut self, patch: &PreferencesPatch) -> Result<()> {
        merge_preferences(&mut self.preferences, &patch.preferences)
    }
}

fn merge_preferences(preferences: &mut Rest, changes: &Rest) -> Result<()> {
    let checked = Fields { group: "preferences", members: changes.clone() };
    for (key, _) in SWITCHES {
        checked.flag(key)?;
    }
    checked.text("selected_model", MAX_LINE)?;
    checked.read::<Vec<String>>("disable_modules", "a list of names")?;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{BaseStyle, MemoryPatch, ProfilePatch};
    use jan_core::JsonObject;
    use proptest::prelude::*;
    use serde_json::json;

    /// Applies the JSON body of a change.
    fn apply(settings: &mut UserSettings, body: &Value) -> Result<()> {
        settings.apply(&(&JsonObject::parse(body.to_string().into())?).try_into()?)
    }

    fn patch_preferences(settings: &mut UserSettings, body: &Value) -> Result<()> {
        settings.patch_preferences(&(&JsonObject::parse(body.to_string().into())?).try_into()?)
    }

    #[test]
    fn a_patch_changes_only_the_fields_that_it_contains() {
        let mut settings = UserSettings::default();
        let patch = json!({
            "memory_config": {"min_similarity": 1, "max_user_items": 0, "enabled": null, "future": 1},
            "profile_settings": {"base_style": "Concise", "nickname": "Ann"},
            "advanced_settings": {"web_search": true}, "enable_tools": false, "unknown": [1], "enable_trace": null,
            "preferences": {"theme": "dark"}
        });
        apply(&mut settings, &patch).unwrap();
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
    fn an_error_names_the_field_and_nothing_changes() {
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
            let error = apply(&mut settings, &patch).unwrap_err();
            assert_eq!(error.param(), Some(param), "{patch}");
            assert!(error.message().contains(param), "{}", error.message());
            assert_eq!(settings, UserSettings::default(), "{patch}");
        }
    }

    #[test]
    fn preferences_are_merged_by_key() {
        let mut settings = UserSettings::default();
        let body = json!({"preferences": {"selected_model": "m", "theme": "dark", "enable_search": false}});
        patch_preferences(&mut settings, &body).unwrap();
        let body = json!({"preferences": {"theme": null, "disable_modules": ["timing"]}});
        patch_preferences(&mut settings, &body).unwrap();
        let filled = settings.filled_preferences(Some("first"));
        assert_eq!((&filled["selected_model"], &filled["enable_search"]), (&json!("m"), &json!(false)));
        assert!(!filled.contains_key("theme"));
        assert_eq!(settings.disabled_modules(), ["timing"]);
        let error = patch_preferences(&mut settings, &json!({"theme": 1})).unwrap_err();
        assert_eq!((error.param(), error.code()), (Some("preferences"), "missing_parameter"));
    }

    #[test]
    fn preferences_have_a_maximum_number_and_size() {
        let mut settings = UserSettings::default();
        let many: Rest = (0..64).map(|i| (format!("key_{i}"), i.into())).collect();
        patch_preferences(&mut settings, &json!({"preferences": many})).unwrap();
        for body in [json!({"one_more": 1}), json!({"key_1": "x".repeat(MAX_PREFERENCE_BYTES)})] {
            let error = patch_preferences(&mut settings, &json!({"preferences": body})).unwrap_err();
            assert_eq!(error.param(), Some("preferences"));
        }
        let swap = json!({"preferences": {"key_1": null, "one_more": 1}});
        patch_preferences(&mut settings, &swap).unwrap();
        assert_eq!(settings.preferences.len(), 64);
    }

    #[test]
    fn a_caller_in_rust_passes_the_same_checks() {
        let profile = ProfilePatch { occupation: Some("x".repeat(513)), ..ProfilePatch::default() };
        let patch = SettingsPatch { profile_settings: Some(profile), ..SettingsPatch::default() };
        let error = UserSettings::default().apply(&patch).unwrap_err();
        assert_eq!(error.param(), Some("profile_settings.occupation"));
        let memory = MemoryPatch { max_user_items: Some(21), ..MemoryPatch::default() };
        let patch = SettingsPatch { memory_config: Some(memory), ..SettingsPatch::default() };
        let error = UserSettings::default().apply(&patch).unwrap_err();
        assert_eq!(error.param(), Some("memory_config.max_user_items"));
    }

    proptest! {
        #[test]
        fn a_refused_patch_changes_nothing(similarity in -1.0..2.0f64, items in 0u32..40, trace: bool) {
            let mut settings = UserSettings::default();
            let patch = json!({
                "enable_trace": trace, "memory_config": {"max_user_items": items, "min_similarity": similarity}
            });
            let fits = (0.0..=1.0).contains(&similarity) && items <= 20;
            prop_assert_eq!(apply(&mut settings, &patch).is_ok(), fits);
            if !fits {
                prop_assert_eq!(settings, UserSettings::default());
            }
        }
    }
}
