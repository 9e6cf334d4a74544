//! Conversations, items, branches and projects, as their owner uses them.

use serde_json::{Value, json};

use crate::app::App;

#[tokio::test]
async fn a_conversation_is_created_changed_listed_and_deleted() {
    let app = App::start(|_| {}).await;
    let new = json!({"title": "Rivers", "metadata": {"a": "b"}, "referrer": "web",
                     "items": [{"type": "message", "role": "user", "content": "Hi"}]});
    let made = app.ok("POST", "/v1/conversations", Some(new)).await;
    let id = made["id"].as_str().unwrap();
    assert!(id.starts_with("conv_") && id.len() == 21, "{made}");
    assert_eq!((&made["object"], &made["title"]), (&json!("conversation"), &json!("Rivers")));
    assert_eq!(made["metadata"], json!({"a": "b"}));

    let path = format!("/v1/conversations/{id}");
    assert_eq!(app.ok("GET", &path, None).await, made);
    for method in ["POST", "PATCH"] {
        let changed = app.ok(method, &path, Some(json!({"title": method, "metadata": {}}))).await;
        assert_eq!((&changed["title"], &changed["metadata"]), (&json!(method), &json!({})));
        assert_eq!(changed["referrer"], "web", "members that are not named stay");
    }
    for (query, found) in [("", 1), ("?referrer=web", 1), ("?referrer=app", 0), ("?order=asc&limit=1", 1)] {
        let list = app.ok("GET", &format!("/v1/conversations{query}"), None).await;
        assert_eq!(
            (&list["object"], list["data"].as_array().unwrap().len()),
            (&json!("list"), found),
            "{query}"
        );
    }
    let gone = app.ok("DELETE", &path, None).await;
    assert_eq!(gone, json!({"id": id, "object": "conversation.deleted", "deleted": true}));
    let (status, error) = app.call("GET", &path, None).await;
    assert_eq!((status, &error["error"]["code"]), (404, &json!("conversation_not_found")));
}

#[tokio::test]
async fn lists_are_read_page_by_page() {
    let app = App::start(|_| {}).await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(app.conversation(json!([])).await);
    }
    made.reverse();
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = app.ok("GET", &format!("/v1/conversations?limit=2{after}"), None).await;
        seen.extend(page["data"].as_array().unwrap().iter().map(|c| c["id"].as_str().unwrap().to_owned()));
        assert_eq!(page["has_more"], page["next_after"].is_string());
        let Some(next) = page["next_after"].as_str() else { break };
        after = format!("&after={next}");
    }
    seen.sort();
    made.sort();
    assert_eq!(seen, made);
    for (path, param) in [
        ("/v1/conversations?after=conv_nobodynobodynobo", "after"),
        ("/v1/conversations?limit=0", "limit"),
        ("/v1/conversations?limit=101", "limit"),
        ("/v1/conversations?order=up", "order"),
    ] {
        let (status, error) = app.call("GET", path, None).await;
        assert_eq!((status, &error["error"]["param"]), (400, &json!(param)), "{path}: {error}");
    }
}

#[tokio::test]
async fn several_conversations_are_deleted_at_once() {
    let app = App::start(|_| {}).await;
    let ids = [
        app.conversation(json!([])).await,
        app.conversation(json!([])).await,
        app.conversation(json!([])).await,
    ];
    let named = json!({"conversation_ids": [ids[0], "conv_0000000000000000"]});
    let gone = app.ok("POST", "/v1/conversations/bulk-delete", Some(named)).await;
    assert_eq!(gone["data"]["deleted_count"], 1);
    let gone = app.ok("DELETE", "/v1/conversations", None).await;
    assert_eq!(gone, json!({"object": "conversations.deleted", "deleted": true, "deleted_count": 2}));
}

#[tokio::test]
async fn items_of_every_type_are_returned_as_they_were_sent() {
    let app = App::start(|_| {}).await;
    let id = app.conversation(json!([])).await;
    let given = json!([
        {"type": "message", "role": "user", "content": [
            {"type": "input_text", "text": "What is this?"},
            {"type": "input_image", "image_url": "https://example.com/cat.png", "detail": "low", "x_own": {"deep": [1]}}]},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "A cat."}]},
        {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": "{\"a\":1}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "a cat"},
        {"type": "web_search_call", "status": "searching", "action": {"type": "search", "query": "cats"}},
        {"type": "shell_call", "call_id": "s1", "commands": ["ls"], "max_output_length": 10},
        {"type": "acme:thing", "vendor": null, "number": 1.50, "text": "ü\u{0}\u{1F600}"}]);
    let path = format!("/v1/conversations/{id}/items");
    let made = app.ok("POST", &path, Some(json!({"items": given}))).await;
    let listed = app.ok("GET", &format!("{path}?order=asc"), None).await;
    assert_eq!(made["data"], listed["data"]);
    for (given, (place, kept)) in
        given.as_array().unwrap().iter().zip((1..).zip(listed["data"].as_array().unwrap()))
    {
        assert_eq!((&kept["sequence_number"], &kept["branch"]), (&json!(place), &json!("MAIN")));
        for (member, value) in given.as_object().unwrap() {
            assert_eq!(&kept[member], value, "{member} of {kept}");
        }
        let id = kept["id"].as_str().unwrap();
        assert_eq!(&app.ok("GET", &format!("{path}/{id}"), None).await, kept);
    }
    let call = app.ok("GET", &format!("{path}/by-call-id/call_1"), None).await;
    assert_eq!(call["type"], "function_call");
    let report = json!({"status": "completed", "output": {"found": 1}});
    let updated = app.ok("PATCH", &format!("{path}/by-call-id/call_1"), Some(report)).await;
    assert_eq!(
        (&updated["status"], &updated["output"], &updated["name"]),
        (&json!("completed"), &json!({"found": 1}), &json!("look"))
    );
}

#[tokio::test]
async fn a_violated_limit_is_named_and_nothing_is_stored() {
    let app = App::start(|_| {}).await;
    let id = app.conversation(json!([])).await;
    let message = json!({"role": "user", "content": "x"});
    for (path, body, param) in [
        ("/v1/conversations", json!({"title": "x".repeat(257)}), "title"),
        ("/v1/conversations", json!({"metadata": {"_a": "b"}}), "metadata._a"),
        ("/v1/conversations", json!({"items": vec![message.clone(); 21]}), "items"),
        ("/v1/conversations", json!({"project_id": 7}), "project_id"),
        ("items", json!({"items": []}), "items"),
        ("items", json!({}), "items"),
        ("items", json!({"items": [message, {"type": "nonsense"}]}), "items[1].type"),
        ("branches", json!({"name": "MAIN"}), "name"),
        ("branches", json!({}), "name"),
    ] {
        let path =
            if path.starts_with('/') { path.to_owned() } else { format!("/v1/conversations/{id}/{path}") };
        let (status, error) = app.call("POST", &path, Some(body)).await;
        assert_eq!((status, &error["error"]["param"]), (400, &json!(param)), "{path}: {error}");
    }
    let list = app.ok("GET", "/v1/conversations", None).await;
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
    assert!(app.messages_of(&id).await.is_empty());
    let url = format!("{}/v1/conversations", app.url);
    let reply = app.client.post(url).bearer_auth(&app.token).body("{not json").send().await.unwrap();
    assert_eq!(reply.status(), 400);
}

#[tokio::test]
async fn branches_share_the_items_before_the_fork() {
    let app = App::start(|_| {}).await;
    let message = |text: &str| json!({"role": "user", "content": text});
    let id = app.conversation(json!([message("one"), message("two"), message("three")])).await;
    let path = format!("/v1/conversations/{id}");
    let items = app.ok("GET", &format!("{path}/items?order=asc"), None).await;
    let first = items["data"][0]["id"].as_str().unwrap();
    let fork = json!({"name": "other", "fork_from_item_id": first});
    let (status, branch) = app.call("POST", &format!("{path}/branches"), Some(fork.clone())).await;
    assert_eq!((status, &branch["item_count"], &branch["is_active"]), (201, &json!(1), &json!(false)));
    assert_eq!(branch["parent_branch"], "MAIN");
    assert_eq!(app.call("POST", &format!("{path}/branches"), Some(fork)).await.0, 409);

    app.ok("POST", &format!("{path}/items?branch=other"), Some(json!({"items": [message("zwei")]}))).await;
    assert_eq!(app.messages_of(&id).await.len(), 3);
    let active = app.ok("POST", &format!("{path}/branches/other/activate"), None).await;
    assert_eq!(active["active_branch"], "other");
    let texts: Vec<String> = app.messages_of(&id).await.into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["one", "zwei"]);
    assert_eq!(app.call("DELETE", &format!("{path}/branches/other"), None).await.0, 400);
    app.ok("POST", &format!("{path}/branches/main/activate"), None).await;
    assert_eq!(app.call("DELETE", &format!("{path}/branches/other"), None).await.0, 204);
    let remaining = app.ok("GET", &format!("{path}/branches"), None).await;
    assert_eq!(
        (remaining["data"].as_array().unwrap().len(), &remaining["active_branch"]),
        (1, &json!("MAIN"))
    );

    let gone = app.ok("DELETE", &format!("{path}/items/{first}"), None).await;
    assert_eq!((&gone["object"], &gone["deleted"]), (&json!("conversation"), &json!(true)));
    assert_eq!(app.messages_of(&id).await.len(), 2, "the other items stay");
}

#[tokio::test]
async fn projects_contain_conversations_which_survive_their_deletion() {
    let app = App::start(|_| {}).await;
    let new = json!({"name": "Garden", "instruction": "Speak of plants."});
    let (status, made) = app.call("POST", "/v1/projects", Some(new.clone())).await;
    assert_eq!((status, &made["data"]["object"]), (201, &json!("project")), "{made}");
    let project = made["data"]["id"].as_str().unwrap();
    let (status, error) = app.call("POST", "/v1/projects", Some(new)).await;
    assert_eq!((status, &error["error"]["param"]), (409, &json!("name")));

    let inside = app.ok("POST", "/v1/conversations", Some(json!({"project_id": project}))).await;
    app.conversation(json!([])).await;
    for path in
        [format!("/v1/projects/{project}/conversations"), format!("/v1/conversations?project_id={project}")]
    {
        let list = app.ok("GET", &path, None).await;
        assert_eq!(list["data"], json!([inside]), "{path}");
    }
    let changed = json!({"is_archived": true, "is_favorite": true, "name": "Yard"});
    let changed = app.ok("PATCH", &format!("/v1/projects/{project}"), Some(changed)).await;
    assert_eq!((&changed["data"]["is_archived"], &changed["data"]["name"]), (&json!(true), &json!("Yard")));
    assert!(changed["data"]["archived_at"].is_number());
    let list = app.ok("GET", "/v1/projects", None).await;
    assert_eq!((&list["data"][0]["id"], list["meta"]["request_id"].is_string()), (&json!(project), true));

    app.ok("DELETE", &format!("/v1/projects/{project}"), None).await;
    let released: Value =
        app.ok("GET", &format!("/v1/conversations/{}", inside["id"].as_str().unwrap()), None).await;
    assert!(released["project_id"].is_null(), "{released}");
    let (status, error) = app.call("POST", "/v1/conversations", Some(json!({"project_id": project}))).await;
    assert_eq!((status, &error["error"]["param"]), (404, &json!("project_id")));
}
