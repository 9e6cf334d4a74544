//! The calls of the original's web client, in its order: login, models, settings, a conversation, a question that is
//! posted as an item and then sent as a chat with all earlier messages, a regenerated answer, a share.

use jan_tests::Upstream;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::app::{App, events, provider, streamed_text};

const ANSWER: &str = jan_tests::upstream::bodies::TEXT;

/// The web client with a guest's token.
struct Page {
    app: App,
    token: String,
}

impl Page {
    /// Opens the page: it logs in as a guest, with two slashes in the path.
    async fn open(upstream: &Upstream) -> Self {
        let url = upstream.url();
        let app = App::start(|config| {
            config.api.bare = true;
            config.echo.enabled = false;
            config.providers.insert("upstream".into(), provider(&url));
        })
        .await;
        let login = app.client.post(format!("{}//auth/guest-login", app.url)).send().await.unwrap();
        assert_eq!(login.status(), 201);
        let login: Value = login.json().await.unwrap();
        assert!(login["username"].is_string() && login["principal_id"] == login["user_id"], "{login}");
        Self { token: login["access_token"].as_str().unwrap().to_owned(), app }
    }

    fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let request = self.app.client.request(method.parse().unwrap(), format!("{}{path}", self.app.url));
        request.bearer_auth(&self.token).header("origin", "http://localhost:3000")
    }

    async fn get(&self, path: &str) -> Value {
        self.app.call_as(&self.token, "GET", path, None).await.1
    }

    async fn send(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, reply) = self.app.call_as(&self.token, method, path, Some(body)).await;
        assert!((200..300).contains(&status), "{method} {path}: {status} {reply}");
        reply
    }

    /// Sends all messages as a streamed chat and returns the text of the answer.
    async fn ask(&self, conversation: &str, messages: &[Value]) -> String {
        let body = json!({"model": "good", "messages": messages, "stream": true,
                          "stream_options": {"include_usage": true}, "conversation": conversation, "store": true});
        let reply = self.request("POST", "/v1/chat/completions").json(&body).send().await.unwrap();
        assert_eq!(reply.status(), 200);
        let events = events(reply).await;
        assert_eq!(events.last().map(String::as_str), Some("[DONE]"));
        streamed_text(&events)
    }

    /// The messages that the page shows of a conversation: role and text from `role` and `content`.
    async fn shown(&self, conversation: &str) -> Vec<(String, String)> {
        let list = self.get(&format!("/v1/conversations/{conversation}/items?limit=100&order=asc")).await;
        list["data"].as_array().unwrap().iter().map(shown).collect()
    }
}

/// Role and text of an item, as the page reads them.
fn shown(item: &Value) -> (String, String) {
    let text = |part: &Value| match part["type"].as_str().unwrap() {
        "text" => part["text"].as_str().unwrap().to_owned(),
        "input_text" => part["input_text"].as_str().unwrap().to_owned(),
        other => other.to_owned(),
    };
    let parts: Vec<String> = item["content"].as_array().unwrap().iter().map(text).collect();
    (item["role"].as_str().unwrap().to_owned(), parts.join(" "))
}

fn pairs(messages: &[(&str, &str)]) -> Vec<(String, String)> {
    messages.iter().map(|(role, text)| ((*role).to_owned(), (*text).to_owned())).collect()
}

#[tokio::test]
async fn the_page_logs_in_and_reads_models_settings_and_projects() {
    let upstream = Upstream::start().await;
    let page = Page::open(&upstream).await;
    let list = page.get("/v1/models").await;
    let model = list["data"].as_array().unwrap().iter().find(|model| model["id"] == "good").unwrap().clone();
    assert_eq!((&model["model_display_name"], &model["category"]), (&json!("good"), &json!("upstream")));
    assert!(model["category_order_number"].is_i64() && model["model_order_number"].is_i64(), "{model}");
    let details = page.get("/v1/models/catalogs/good").await;
    assert_eq!((&details["id"], &details["supports_tools"]), (&json!("good"), &json!(true)));
    let settings = page.get("/v1//users/me/settings").await;
    assert!(settings["server_capabilities"]["image_generation_enabled"].is_boolean(), "{settings}");
    let chosen = json!({"preferences": {"selected_model": "good", "enable_search": false}});
    page.send("PATCH", "/v1/users/me/settings/preferences", chosen).await;
    let preferences = page.get("/v1/users/me/settings/preferences").await;
    assert_eq!(preferences["preferences"]["selected_model"], "good");
    let project =
        page.send("POST", "/v1/projects", json!({"name": "Trips", "instruction": "Be brief."})).await;
    let projects = page.get("/v1/projects?limit=100").await;
    assert_eq!((&projects["data"][0]["id"], &projects["total"]), (&project["id"], &json!(1)));
    let refused = page.get("/v1/conversations/conv_0000000000000000").await;
    assert!(refused["message"].is_string() && refused["code"].is_string(), "{refused}");
}

#[tokio::test]
async fn a_conversation_is_stored_as_the_page_shows_it() {
    let upstream = Upstream::start().await;
    let page = Page::open(&upstream).await;
    let made = json!({"title": "Where to?", "metadata": {"model_id": "good", "is_favorite": "false"}});
    let made = page.send("POST", "/v1/conversations", made).await;
    let id = made["id"].as_str().unwrap();
    let (mut messages, mut kept): (Vec<Value>, Vec<(&str, &str)>) = (Vec::new(), Vec::new());
    for question in ["Where to?", "And then?"] {
        let item = json!({"items": [{"type": "message", "role": "user",
                                     "content": [{"type": "input_text", "input_text": question}]}]});
        page.send("POST", &format!("/v1/conversations/{id}/items"), item).await;
        messages.push(json!({"role": "user", "content": [{"type": "text", "text": question}]}));
        assert_eq!(page.ask(id, &messages).await, ANSWER);
        messages.push(json!({"role": "assistant", "content": [{"type": "text", "text": ANSWER}]}));
        kept.extend([("user", question), ("assistant", ANSWER)]);
        assert_eq!(page.shown(id).await, pairs(&kept));
    }
    let list = page.get("/v1/conversations?limit=20").await;
    assert_eq!((&list["data"][0]["title"], &list["total"]), (&json!("Where to?"), &json!(1)));

    let share = json!({"scope": "conversation", "include_images": true, "include_context_messages": true});
    let share = page.send("POST", &format!("/v1/conversations/{id}/share"), share).await;
    let public = format!("{}/v1/public/shares/{}", page.app.url, share["slug"].as_str().unwrap());
    let public: Value = page.app.client.get(public).send().await.unwrap().json().await.unwrap();
    let seen: Vec<_> = public["snapshot"]["items"].as_array().unwrap().iter().map(shown).collect();
    assert_eq!(seen, pairs(&kept));
}

#[tokio::test]
async fn a_regenerated_answer_is_a_branch_and_then_a_chat() {
    let upstream = Upstream::start().await;
    let page = Page::open(&upstream).await;
    let made = page.send("POST", "/v1/conversations", json!({"title": "Where to?"})).await;
    let id = made["id"].as_str().unwrap();
    let question = json!({"role": "user", "content": [{"type": "text", "text": "Where to?"}]});
    let messages = [question];
    let kept = [("user", "Where to?"), ("assistant", ANSWER)];
    assert_eq!(page.ask(id, &messages).await, ANSWER);
    let items = page.get(&format!("/v1/conversations/{id}/items?limit=100&order=asc")).await;
    let last = items["data"][1]["id"].as_str().unwrap();
    let outcome =
        page.send("POST", &format!("/v1/conversations/{id}/items/{last}/regenerate"), json!({})).await;
    assert_eq!((&outcome["branch"], &outcome["branch_created"]), (&json!("MAIN"), &json!(true)));
    assert_eq!(page.shown(id).await, pairs(&kept[..1]));
    assert_eq!(page.ask(id, &messages).await, ANSWER);
    assert_eq!(page.shown(id).await, pairs(&kept));
    let branches = page.get(&format!("/v1/conversations/{id}/branches")).await;
    assert_eq!(branches["data"].as_array().unwrap().len(), 2, "the old answer still exists: {branches}");
}

#[tokio::test]
async fn a_tool_call_is_shown_with_its_result() {
    let upstream = Upstream::start().await;
    let page = Page::open(&upstream).await;
    let made = page.send("POST", "/v1/conversations", json!({"title": "Look"})).await;
    let id = made["id"].as_str().unwrap();
    let question = json!({"role": "user", "content": "Find it."});
    let tools = json!([{"type": "function", "function": {"name": "look", "parameters":
        {"type": "object", "properties": {"q": {"type": "string"}}}}}]);
    let body = json!({"model": "good", "messages": [question], "conversation": id, "store": true,
                      "tools": tools, "tool_choice": "required"});
    let answer = page.send("POST", "/v1/chat/completions", body).await;
    let call = &answer["choices"][0]["message"]["tool_calls"][0];
    let messages = [
        question,
        json!({"role": "assistant", "content": "", "tool_calls": [call]}),
        json!({"role": "tool", "tool_call_id": call["id"], "content": "it is there"}),
    ];
    assert_eq!(page.ask(id, &messages).await, ANSWER);
    let items = page.get(&format!("/v1/conversations/{id}/items?limit=100&order=asc")).await;
    let items = items["data"].as_array().unwrap();
    let calls = items.iter().find(|item| item["content"][0]["type"] == "tool_calls").unwrap();
    assert_eq!((&calls["role"], &calls["content"][0]["tool_calls"][0]), (&json!("assistant"), call));
    let result = items.iter().find(|item| item["role"] == "tool").unwrap();
    let expected = json!({"type": "tool_result", "tool_call_id": call["id"], "tool_result": "it is there"});
    assert_eq!(result["content"], json!([expected]));
    assert_eq!(items.len(), 4, "each once: {items:?}");
}
