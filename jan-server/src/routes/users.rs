//! `/v1/users/me`: the caller's identity, settings and data.

use jan_core::UserId;
use jan_llm::settings::{PreferencesPatch, ServerCapabilities, SettingsPatch, UserSettings};
use serde::Serialize;

use super::call::Call;
use crate::http::reply::{Reply, enveloped, no_content};
use crate::routes::models::first_model;

/// Returns the caller's identity.
pub(crate) async fn me(call: Call) -> Reply {
    let principal = &call.principal;
    let shape = UserShape {
        id: principal.user.as_str(),
        object: "user",
        username: username(&principal.user),
        auth_method: principal.method.as_str(),
        roles: &principal.roles,
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
    /// Your name; the id if no other name is known.
    username: &'a str,
    /// `jwt`, `api_key`, `session`, `host` or `none`.
    auth_method: &'a str,
    roles: &'a [String],
}

/// A user's name: this server knows no other name than the id.
pub(super) fn username(user: &UserId) -> &str {
    user.as_str()
}

/// Permanently deletes everything that the caller owns.
pub(crate) async fn delete(call: Call) -> Reply {
    call.services.account.erase(call.owner()).await?;
    no_content()
}

/// Returns the caller's settings, with defaults for those that are not set.
pub(crate) async fn settings(call: Call) -> Reply {
    let settings = call.services.user_settings.read(call.owner()).await?;
    reply(&call, settings).await
}

/// Changes the settings that the body names.
pub(crate) async fn change_settings(mut call: Call) -> Reply {
    let patch: SettingsPatch = call.read().await?;
    let settings = call.services.user_settings.patch(call.owner(), &patch).await?;
    reply(&call, settings).await
}

/// Returns the preferences alone.
pub(crate) async fn preferences(call: Call) -> Reply {
    let (_, settings) = call.services.user_settings.read(call.owner()).await?;
    preferences_of(&call, &settings).await
}

/// Merges preferences key by key.
pub(crate) async fn change_preferences(mut call: Call) -> Reply {
    let patch: PreferencesPatch = call.read().await?;
    let settings = call.services.user_settings.patch_preferences(call.owner(), &patch).await?;
    preferences_of(&call, &settings).await
}

async fn reply(call: &Call, (id, settings): (Option<String>, UserSettings)) -> Reply {
    let model = default_model(call, &settings).await;
    let capabilities = ServerCapabilities { image_generation_enabled: call.services.images.has_provider() };
    enveloped(call, &settings.shape(id, call.owner(), model.as_deref(), capabilities))
}

async fn preferences_of(call: &Call, settings: &UserSettings) -> Reply {
    let model = default_model(call, settings).await;
    enveloped(call, &settings.preferences_shape(model.as_deref()))
}

/// The default of `selected_model`: the first model. `None` if the user set one.
async fn default_model(call: &Call, settings: &UserSettings) -> Option<String> {
    if settings.preferences.contains_key("selected_model") { None } else { first_model(call).await }
}
