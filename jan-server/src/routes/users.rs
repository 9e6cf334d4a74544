//! `/v1/users/me`: who the caller is, and what they chose.

use jan_core::UserId;
use jan_llm::settings::{PreferencesPatch, ServerCapabilities, SettingsPatch, UserSettings};
use serde::Serialize;

use super::call::Call;
use crate::http::reply::{Reply, enveloped, no_content};
use crate::routes::models::first_model;

/// Who the caller is.
pub(crate) async fn me(call: Call) -> Reply {
    let who = &call.who;
    let shape = UserShape {
        id: who.user.as_str(),
        object: "user",
        username: username(&who.user),
        auth_method: who.method.as_str(),
        roles: &who.roles,
    };
    enveloped(&call, &shape)
}

/// The caller.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = Me))]
pub(crate) struct UserShape<'a> {
    id: &'a str,
    #[cfg_attr(feature = "openapi", schema(example = "user"))]
    object: &'static str,
    /// What you are called; the id where nothing else is known.
    username: &'a str,
    /// `jwt`, `api_key`, `session`, `host` or `none`.
    auth_method: &'a str,
    roles: &'a [String],
}

/// What a user is called: this server knows no other name than the id.
pub(super) fn username(user: &UserId) -> &str {
    user.as_str()
}

/// Takes everything that the caller has away for good.
pub(crate) async fn delete(call: Call) -> Reply {
    call.rooms.account.erase(call.owner()).await?;
    no_content()
}

/// What they chose, with defaults for the rest.
pub(crate) async fn settings(call: Call) -> Reply {
    let read = call.rooms.user_settings.read(call.owner()).await?;
    reply(&call, read).await
}

/// Changes what the body names.
pub(crate) async fn change_settings(mut call: Call) -> Reply {
    let patch: SettingsPatch = call.read().await?;
    let changed = call.rooms.user_settings.patch(call.owner(), &patch).await?;
    reply(&call, changed).await
}

/// The preferences alone.
pub(crate) async fn preferences(call: Call) -> Reply {
    let (_, settings) = call.rooms.user_settings.read(call.owner()).await?;
    preferences_of(&call, &settings).await
}

/// Merges preferences key by key.
pub(crate) async fn change_preferences(mut call: Call) -> Reply {
    let patch: PreferencesPatch = call.read().await?;
    let settings = call.rooms.user_settings.patch_preferences(call.owner(), &patch).await?;
    preferences_of(&call, &settings).await
}

async fn reply(call: &Call, (id, settings): (Option<String>, UserSettings)) -> Reply {
    let model = selected_model(call, &settings).await;
    let capabilities = ServerCapabilities { image_generation_enabled: call.rooms.images.has_provider() };
    enveloped(call, &settings.shape(id, call.owner(), model.as_deref(), capabilities))
}

async fn preferences_of(call: &Call, settings: &UserSettings) -> Reply {
    let model = selected_model(call, settings).await;
    enveloped(call, &settings.preferences_shape(model.as_deref()))
}

/// The model that is selected unless the user chose one.
async fn selected_model(call: &Call, settings: &UserSettings) -> Option<String> {
    if settings.preferences.contains_key("selected_model") { None } else { first_model(call).await }
}
