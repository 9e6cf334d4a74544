//! Documentation of users and their settings.

use jan_llm::settings::{PreferencesPatch, PreferencesShape, SettingsPatch, SettingsShape};

use super::Doc;
use crate::openapi::document::named;
use crate::routes::users::UserShape;

const TAG: &str = "Users";

pub(crate) static ME: Doc = Doc::new("getMe", TAG, "Who you are", "Your id, how you proved it, your roles.")
    .enveloped(200, named::<UserShape<'static>>);

pub(crate) static DELETE_ME: Doc = Doc::new(
    "deleteMe",
    TAG,
    "Delete everything that is yours",
    "For good: conversations, files, projects, shares and their links, settings, usage. A token stays good until it ends, and \
     finds an empty account.",
);

pub(crate) static SETTINGS: Doc =
    Doc::new("getSettings", TAG, "Get your settings", "What you did not choose has its default.")
        .enveloped(200, named::<SettingsShape>);

pub(crate) static CHANGE_SETTINGS: Doc = Doc::new(
    "patchSettings",
    TAG,
    "Change your settings",
    "Merged field by field: what is not named stays. When anything is wrong, nothing changes.",
)
.body(named::<SettingsPatch>)
.example(r#"{"profile_settings": {"base_style": "Concise", "nick_name": "Ann"}}"#)
.enveloped(200, named::<SettingsShape>);

pub(crate) static PREFERENCES: Doc = Doc::new(
    "getPreferences",
    TAG,
    "Get your preferences",
    "The selected model is the first one unless chosen.",
)
.enveloped(200, named::<PreferencesShape>);

pub(crate) static CHANGE_PREFERENCES: Doc = Doc::new(
    "patchPreferences",
    TAG,
    "Change your preferences",
    "Merged key by key; `null` takes a key out. Up to 64 keys and 16 KiB, known here or not.",
)
.body(named::<PreferencesPatch>)
.example(r#"{"preferences": {"enable_search": true}}"#)
.enveloped(200, named::<PreferencesShape>);
