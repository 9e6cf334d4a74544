//! Documentation of users and their settings.

use jan_llm::settings::{PreferencesPatch, PreferencesShape, SettingsPatch, SettingsShape};

use super::Doc;
use crate::openapi::document::named;
use crate::routes::users::UserShape;

const TAG: &str = "Users";

pub(crate) static ME: Doc =
    Doc::new("getMe", TAG, "Who you are", "Your id, the way you authenticated, your roles.")
        .enveloped(200, named::<UserShape<'static>>);

pub(crate) static DELETE_ME: Doc = Doc::new(
    "deleteMe",
    TAG,
    "Delete everything that is yours",
    "Permanently: conversations, files, projects, shares and their links, settings, usage. A token stays valid until it \
     expires, and belongs to an empty account then.",
);

pub(crate) static SETTINGS: Doc = Doc::new(
    "getSettings",
    TAG,
    "Get your settings",
    "Settings that you did not change have their defaults.",
)
.enveloped(200, named::<SettingsShape>);

pub(crate) static CHANGE_SETTINGS: Doc = Doc::new(
    "patchSettings",
    TAG,
    "Change your settings",
    "Merged field by field: fields that are not sent stay as they are. If one is invalid, nothing changes.",
)
.body(named::<SettingsPatch>)
.example(r#"{"profile_settings": {"base_style": "Concise", "nick_name": "Ann"}}"#)
.enveloped(200, named::<SettingsShape>);

pub(crate) static PREFERENCES: Doc = Doc::new(
    "getPreferences",
    TAG,
    "Get your preferences",
    "The default of the selected model is the first model.",
)
.enveloped(200, named::<PreferencesShape>);

pub(crate) static CHANGE_PREFERENCES: Doc = Doc::new(
    "patchPreferences",
    TAG,
    "Change your preferences",
    "Merged key by key; `null` removes a key. Up to 64 keys and 16 KiB, known here or not.",
)
.body(named::<PreferencesPatch>)
.example(r#"{"preferences": {"enable_search": true}}"#)
.enveloped(200, named::<PreferencesShape>);
