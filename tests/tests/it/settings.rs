//! A user's settings over HTTP: `/v1/users/me` and below.

use serde_json::{Value, json};

use crate::app::App;

impl App {
    async fn patch_json(&self, path: &str, body: &Value) -> (u16, Value) {
        let reply = self.client.patch(format!("{}{path}", self.url)).bearer_auth(&self.token).json(body);
        let reply = reply.send().await.unwrap();
        (reply.status().as_u16(), reply.json().await.unwrap())
    }

    async fn read_json(&self, path: &str) -> Value {
        self.get(path).send().await.unwrap().json().await.unwrap()
    }
}

#[tokio::test]
async fn settings_have_defaults_and_are_merged() {
    let app = App::start(|_| {}).await;
    let first = app.read_json("/v1/users/me/settings").await["data"].clone();
    assert_eq!((&first["id"], &first["enable_tools"]), (&Value::Null, &json!(true)));
    assert_eq!(first["preferences"]["selected_model"], "echo");
    assert_eq!(first["profile_settings"]["base_style"], "Friendly");

    let patch =
        json!({"profile_settings": {"nickname": "Ann", "base_style": "Concise"}, "enable_trace": true});
    let (status, changed) = app.patch_json("/v1/users/me/settings", &patch).await;
    assert_eq!((status, &changed["data"]["profile_settings"]["nick_name"]), (200, &json!("Ann")));
    let (_, changed) =
        app.patch_json("/v1/users/me/settings", &json!({"memory_config": {"min_similarity": 0.5}})).await;
    let kept = &changed["data"];
    assert_eq!(
        (&kept["memory_config"]["min_similarity"], &kept["enable_trace"]),
        (&json!(0.5), &json!(true))
    );
    assert!(kept["id"].is_string() && changed["meta"]["request_id"].is_string());
    assert_eq!(app.read_json("/v1/users/me/settings").await["data"], *kept);
    assert_eq!(app.read_json("/llm/v1/users/me/settings").await["data"], *kept);
}

#[tokio::test]
async fn a_bad_value_is_named_and_changes_nothing() {
    let app = App::start(|_| {}).await;
    for (path, patch, param) in [
        (
            "/v1/users/me/settings",
            json!({"profile_settings": {"base_style": "Odd"}}),
            "profile_settings.base_style",
        ),
        (
            "/v1/users/me/settings",
            json!({"memory_config": {"max_project_items": 51}}),
            "memory_config.max_project_items",
        ),
        ("/v1/users/me/settings/preferences", json!({}), "preferences"),
        (
            "/v1/users/me/settings/preferences",
            json!({"preferences": {"enable_search": 1}}),
            "preferences.enable_search",
        ),
    ] {
        let (status, reply) = app.patch_json(path, &patch).await;
        assert_eq!((status, &reply["error"]["param"]), (400, &json!(param)), "{reply}");
    }
    assert_eq!(app.read_json("/v1/users/me/settings").await["data"]["id"], Value::Null);
}

#[tokio::test]
async fn preferences_are_merged_by_key() {
    let app = App::start(|_| {}).await;
    let path = "/v1/users/me/settings/preferences";
    app.patch_json(path, &json!({"preferences": {"theme": "dark", "selected_model": "m"}})).await;
    let (status, reply) =
        app.patch_json(path, &json!({"preferences": {"theme": null, "enable_thinking": true}})).await;
    let wanted = json!({"selected_model": "m", "enable_deep_research": false, "enable_thinking": true,
                        "enable_search": true, "enable_browser": false});
    assert_eq!((status, &reply["data"]["preferences"]), (200, &wanted));
    assert_eq!(app.read_json(path).await["data"]["preferences"], wanted);
}

#[tokio::test]
async fn the_current_user_is_returned() {
    let app = App::start(|_| {}).await;
    let me = app.read_json("/v1/users/me").await["data"].clone();
    assert!(me["id"].as_str().unwrap().starts_with("guest-"));
    assert_eq!((&me["auth_method"], &me["roles"]), (&json!("jwt"), &json!([])));
}
