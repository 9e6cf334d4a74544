//! Data belongs to its owner: every route that takes an id is called by another user, who must find nothing.

use serde_json::{Map, Value, json};

use crate::app::App;

/// The ids of the owner's data, for the variables of paths.
pub(crate) struct OwnedIds {
    pub(crate) conversation: String,
    pub(crate) item: String,
    pub(crate) completion: String,
    pub(crate) project: String,
    pub(crate) share: String,
    pub(crate) media: String,
}

/// Creates data of every kind.
pub(crate) async fn create_data(app: &App) -> OwnedIds {
    let id = |value: &Value| value["id"].as_str().unwrap_or_default().to_owned();
    let items = json!([{"role": "user", "content": "secret"}, {"role": "assistant", "content": "hidden"},
                       {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": "{}"}]);
    let conversation = app.conversation(items).await;
    let listed = app.ok("GET", &format!("/v1/conversations/{conversation}/items?order=asc"), None).await;
    let branch = json!({"name": "other"});
    app.ok("POST", &format!("/v1/conversations/{conversation}/branches"), Some(branch)).await;
    let chat = json!({"model": "echo", "store": true, "messages": [{"role": "user", "content": "secret"}]});
    let completion = app.ok("POST", "/v1/chat/completions", Some(chat)).await;
    let project = app.ok("POST", "/v1/projects", Some(json!({"name": "secret"}))).await;
    let (_, share) = app
        .call(
            "POST",
            &format!("/v1/conversations/{conversation}/share"),
            Some(json!({"scope": "conversation"})),
        )
        .await;
    let dot =
        json!({"source": {"type": "data_url", "data_url": crate::media::DOT}, "filename": "secret.png"});
    let media = app.ok("POST", "/v1/media", Some(dot)).await;
    OwnedIds {
        item: id(&listed["data"][0]),
        completion: id(&completion),
        project: id(&project["data"]),
        share: id(&share["data"]),
        media: id(&media["data"]),
        conversation,
    }
}

/// A body that is valid for the owner.
pub(crate) fn body(operation: &str) -> Value {
    match operation {
        "createConversationItems" => json!({"items": [{"role": "user", "content": "x"}]}),
        "updateConversationItemByCallId" => json!({"status": "completed"}),
        "editConversationItem" | "putConversationItemEdit" => json!({"content": "x"}),
        "regenerateConversationItem" => json!({"model": "echo"}),
        "createBranch" => json!({"name": "mine"}),
        "updateMedia" => json!({"public": true}),
        "updateChatCompletion" => json!({"metadata": {}}),
        _ => json!({"title": "x", "name": "x", "scope": "conversation"}),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_route_that_takes_an_id_finds_data_of_another_user() {
    let app = App::start(|_| {}).await;
    let owned = create_data(&app).await;
    let other = app.guest().await;
    let document: Value = app.get("/api/openapi.json").send().await.unwrap().json().await.unwrap();
    let mut tried = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        // Models, templates and public shares are visible to all users.
        let public =
            ["/v1/models/", "/v1/public/", "/v1/prompt-templates/", "/v1/mcp-tools/", "/api/", "/v1/share/"];
        if !path.contains('{') || public.iter().any(|start| path.starts_with(start)) {
            continue;
        }
        let id = match path {
            path if path.starts_with("/v1/conversations/") => &owned.conversation,
            path if path.starts_with("/v1/chat/completions/") => &owned.completion,
            path if path.starts_with("/v1/projects/") || path.starts_with("/v1/usage/projects/") => {
                &owned.project
            }
            path if path.starts_with("/v1/shares/") => &owned.share,
            path if path.starts_with("/v1/media/") || path.starts_with("/v1/files/") => &owned.media,
            _ => panic!("{path} takes an id and is not tested: add its id here"),
        };
        let path = path
            .replace("{id}", id)
            .replace("{item_id}", &owned.item)
            .replace("{call_id}", "call_1")
            .replace("{name}", "other")
            .replace("{share_id}", &owned.share);
        assert!(!path.contains('{'), "{path}");
        let operations: &Map<String, Value> = operations.as_object().unwrap();
        for (method, operation) in operations {
            let method = method.to_uppercase();
            let body = (method != "GET").then(|| body(operation["operationId"].as_str().unwrap()));
            let (status, reply) = app.call_as(&other, &method, &path, body).await;
            // The reply to HEAD has no body.
            assert_eq!(status, 404, "{method} {path}: {reply}");
            assert!(!reply.to_string().contains("secret"), "{method} {path}: {reply}");
            tried += 1;
        }
    }
    assert!(tried >= 20, "{tried} routes were tried");
    // The attempts changed nothing.
    assert_eq!(app.messages_of(&owned.conversation).await.len(), 3);
    for path in ["/v1/conversations", "/v1/media", "/v1/files"] {
        assert_eq!(app.ok("GET", path, None).await["data"].as_array().unwrap().len(), 1, "{path}");
    }
}

#[tokio::test]
async fn no_body_cursor_or_list_reaches_data_of_another_user() {
    let app = App::start(|_| {}).await;
    let owned = create_data(&app).await;
    let other = app.guest().await;
    let own = app.call_as(&other, "POST", "/v1/conversations", Some(json!({}))).await.1;
    let own = own["id"].as_str().unwrap();
    let chat = json!({"model": "echo", "conversation": owned.conversation, "messages": [{"role": "user", "content": "x"}]});
    let mut stream = chat.clone();
    stream["stream"] = json!(true);
    for (method, path, body, status, param) in [
        ("POST", "/v1/chat/completions".to_owned(), Some(chat), 404, "conversation"),
        ("POST", "/v1/chat/completions".to_owned(), Some(stream), 404, "conversation"),
        (
            "POST",
            "/v1/conversations".to_owned(),
            Some(json!({"project_id": owned.project})),
            404,
            "project_id",
        ),
        (
            "PATCH",
            format!("/v1/conversations/{own}"),
            Some(json!({"project_id": owned.project})),
            404,
            "project_id",
        ),
        ("GET", format!("/v1/conversations?after={}", owned.conversation), None, 400, "after"),
        ("GET", format!("/v1/conversations/{own}/items?after={}", owned.item), None, 400, "after"),
        ("GET", format!("/v1/projects?after={}", owned.project), None, 400, "after"),
        ("GET", format!("/v1/media?after={}", owned.media), None, 400, "after"),
        ("GET", format!("/v1/files?after={}", owned.media), None, 400, "after"),
        ("POST", "/v1/media/resolve".to_owned(), Some(json!({"ids": [owned.media]})), 404, "media"),
        ("POST", "/v1/media/resolve".to_owned(), Some(json!({"payload": [owned.media]})), 404, "media"),
        ("GET", format!("/v1/chat/completions?after={}", owned.completion), None, 400, "after"),
    ] {
        let (got, reply) = app.call_as(&other, method, &path, body).await;
        assert_eq!((got, &reply["error"]["param"]), (status, &json!(param)), "{method} {path}: {reply}");
    }
    let fork = json!({"name": "x", "fork_from_item_id": owned.item});
    assert_eq!(
        app.call_as(&other, "POST", &format!("/v1/conversations/{own}/branches"), Some(fork)).await.0,
        404
    );
    let all = app.call_as(&other, "DELETE", "/v1/conversations", None).await.1;
    assert_eq!(all["deleted_count"], 1, "only the caller's own conversation");
    let named = json!({"conversation_ids": [owned.conversation]});
    let bulk = app.call_as(&other, "POST", "/v1/conversations/bulk-delete", Some(named)).await.1;
    assert_eq!(bulk["data"]["deleted_count"], 0);
    let bulk = json!({"ids": [owned.media]});
    let bulk = app.call_as(&other, "POST", "/v1/media/bulk-delete", Some(bulk)).await.1;
    assert_eq!(bulk["data"]["deleted_count"], 0);
    for path in [
        "/v1/conversations",
        "/v1/projects",
        "/v1/media",
        "/v1/chat/completions",
        "/v1/conversations?referrer=web",
    ] {
        let (_, list) = app.call_as(&other, "GET", path, None).await;
        assert_eq!(list["data"], json!([]), "{path}");
    }
}
