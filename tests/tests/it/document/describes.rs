//! Calls every operation of the document with its example, in the order in which a user would call them.

use jan_core::model::ModelInfo;
use jan_tests::Upstream;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use super::Described;
use crate::app::{App, provider};
use crate::media::png;

/// The operations that cannot succeed, and why.
const CANNOT_SUCCEED: &[(&str, &str)] = &[
    ("createImageVariation", "it is not supported"),
    ("docs", "it redirects"),
    ("swaggerFolder", "it redirects"),
    ("swaggerIndex", "it redirects"),
];

fn id(value: &Value) -> String {
    value["id"].as_str().unwrap_or_else(|| panic!("no id in {value}")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_succeeds_and_every_reply_is_as_described() {
    let upstream = Upstream::start().await;
    let app = App::start(|config| {
        config.echo.enabled = false;
        let mut provider = provider(&upstream.url());
        // The examples name the first model of the list.
        provider.models.insert("good".into(), ModelInfo { order: Some(0), ..ModelInfo::default() });
        config.providers.insert("upstream".into(), provider);
        config.images.enabled = true;
        config.images.model = Some("z-image".into());
    })
    .await;
    let mut api = Described::new(&app).await;
    server(&mut api).await;
    chats(&mut api).await;
    conversations(&mut api).await;
    shares(&mut api).await;
    projects_and_users(&mut api).await;
    images_and_files(&mut api).await;
    deletions(&mut api).await;

    let all = api.document["paths"].as_object().unwrap().values();
    let all = all.flat_map(|operations| operations.as_object().unwrap().values());
    let missed: Vec<&str> = all
        .map(|operation| operation["operationId"].as_str().unwrap())
        .filter(|id| !api.tried.contains(*id) && !CANNOT_SUCCEED.iter().any(|(failing, _)| failing == id))
        .collect();
    assert!(missed.is_empty(), "these operations are not tested: {missed:?}");
    assert!(api.wrong.is_empty(), "these replies are not as described:\n{}", api.wrong.join("\n\n"));
}

async fn server(api: &mut Described<'_>) {
    for path in ["/healthz", "/media/healthz", "/readyz", "/v1/version", "/api/openapi.json"] {
        api.ask("GET", path, &[]).await;
    }
    api.ask("GET", "/", &[]).await;
    api.ask("GET", "/api/swagger/{file}", &[("file", "index.html")]).await;
    api.ask("GET", "/v1/prompt-templates/{key}", &[("key", "timing")]).await;
    let login = api.ask("POST", "/auth/guest-login", &[]).await;
    let token = json!({"refresh_token": login["refresh_token"]});
    api.ask_with("POST", "/auth/refresh-token", &[], Some(token)).await;
    let models = api.ask("GET", "/v1/models", &[]).await;
    let first = models["data"][0]["id"].as_str().unwrap();
    assert_eq!(api.example("POST", "/v1/chat/completions").unwrap()["model"], first);
    api.ask("GET", "/v1/models/{id}", &[("id", first)]).await;
    api.ask("GET", "/v1/models/catalogs/{id}", &[("id", first)]).await;
}

async fn chats(api: &mut Described<'_>) {
    api.ask("POST", "/v1/completions", &[]).await;
    let mut prompt = api.example("POST", "/v1/completions").unwrap();
    prompt["stream"] = true.into();
    api.ask_with("POST", "/v1/completions", &[], Some(prompt)).await;
    let path = "/v1/chat/completions";
    api.ask("POST", path, &[]).await;
    let mut chat = api.example("POST", path).unwrap();
    chat["store"] = true.into();
    chat["metadata"] = json!({"topic": "travel"});
    let kept = api.ask_with("POST", path, &[], Some(chat.clone())).await;
    chat["conversation"] = json!({});
    chat["store_reasoning"] = true.into();
    let answer = api.ask_with("POST", path, &[], Some(chat.clone())).await;
    assert!(answer["conversation"]["id"].is_string(), "{answer}");
    chat["stream"] = true.into();
    api.ask_with("POST", path, &[], Some(chat)).await;
    api.ask("GET", path, &[]).await;
    let kept = id(&kept);
    let path_id = [("id", kept.as_str())];
    for (method, path) in [
        ("GET", "/v1/chat/completions/{id}"),
        ("POST", "/v1/chat/completions/{id}"),
        ("GET", "/v1/chat/completions/{id}/messages"),
        ("DELETE", "/v1/chat/completions/{id}"),
    ] {
        api.ask(method, path, &path_id).await;
    }
    api.ask("POST", "/v1/embeddings", &[]).await;
}

async fn conversations(api: &mut Described<'_>) {
    let made = id(&api.ask("POST", "/v1/conversations", &[]).await);
    let path_id = [("id", made.as_str())];
    api.ask("GET", "/v1/conversations", &[]).await;
    for method in ["GET", "POST", "PATCH"] {
        api.ask(method, "/v1/conversations/{id}", &path_id).await;
    }
    let items = "/v1/conversations/{id}/items";
    let added = api.ask("POST", items, &path_id).await;
    let call = json!({"type": "function_call", "call_id": "call_1", "name": "look", "arguments": "{}"});
    api.ask_with("POST", items, &path_id, Some(json!({"items": [call]}))).await;
    api.ask("GET", items, &path_id).await;
    let item = id(&added["data"][0]);
    let of_call = [path_id[0], ("call_id", "call_1")];
    for method in ["GET", "PATCH"] {
        api.ask(method, "/v1/conversations/{id}/items/by-call-id/{call_id}", &of_call).await;
    }
    let of_item = [path_id[0], ("item_id", item.as_str())];
    api.ask("GET", "/v1/conversations/{id}/items/{item_id}", &of_item).await;
    let edited = api.ask("POST", "/v1/conversations/{id}/items/{item_id}/edit", &of_item).await;
    let item = id(&edited["user_item"]);
    let of_item = [path_id[0], ("item_id", item.as_str())];
    let edited = api.ask("PUT", "/v1/conversations/{id}/items/{item_id}/edit", &of_item).await;
    let item = id(&edited["user_item"]);
    let of_item = [path_id[0], ("item_id", item.as_str())];
    let regenerate = "/v1/conversations/{id}/items/{item_id}/regenerate";
    api.ask("POST", regenerate, &of_item).await;
    let mut body = api.example("POST", regenerate).unwrap();
    body["answer"] = true.into();
    api.ask_with("POST", regenerate, &of_item, Some(body.clone())).await;
    body["stream"] = true.into();
    api.ask_with("POST", regenerate, &of_item, Some(body)).await;

    let branches = "/v1/conversations/{id}/branches";
    let branch = api.ask("POST", branches, &path_id).await["name"].as_str().unwrap().to_owned();
    api.ask("GET", branches, &path_id).await;
    let (named, main) = ([path_id[0], ("name", branch.as_str())], [path_id[0], ("name", "MAIN")]);
    api.ask("GET", "/v1/conversations/{id}/branches/{name}", &named).await;
    api.ask("POST", "/v1/conversations/{id}/branches/{name}/activate", &named).await;
    api.ask("POST", "/v1/conversations/{id}/branches/{name}/activate", &main).await;
    api.ask("DELETE", "/v1/conversations/{id}/branches/{name}", &named).await;
    let listed = api.ask("GET", items, &path_id).await;
    let item = id(&listed["data"][0]);
    api.ask("DELETE", "/v1/conversations/{id}/items/{item_id}", &[path_id[0], ("item_id", item.as_str())])
        .await;
}

async fn shares(api: &mut Described<'_>) {
    let conversation = json!([{"role": "user", "content": "Tea?"}, {"role": "assistant", "content": "Yes."}]);
    let conversation = api.app.conversation(conversation).await;
    let path_id = [("id", conversation.as_str())];
    let items = api.ask("GET", "/v1/conversations/{id}/items", &path_id).await;
    let answer = id(&items["data"][0]);
    let of_answer = [path_id[0], ("item_id", answer.as_str())];
    let one = api.ask("POST", "/v1/conversations/{id}/items/{item_id}/share", &of_answer).await;
    let whole = api.ask("POST", "/v1/conversations/{id}/share", &path_id).await;
    api.ask("GET", "/v1/conversations/{id}/shares", &path_id).await;
    api.ask("GET", "/v1/shares", &[]).await;
    let slug = [("slug", whole["data"]["slug"].as_str().unwrap())];
    api.ask("GET", "/v1/public/shares/{slug}", &slug).await;
    api.ask("HEAD", "/v1/public/shares/{slug}", &slug).await;
    api.ask("GET", "/v1/share/{slug}", &slug).await;
    let (one, whole) = (id(&one["data"]), id(&whole["data"]));
    api.ask("DELETE", "/v1/conversations/{id}/shares/{share_id}", &[path_id[0], ("share_id", &one)]).await;
    api.ask("DELETE", "/v1/shares/{id}", &[("id", &whole)]).await;
}

async fn projects_and_users(api: &mut Described<'_>) {
    let project = id(&api.ask("POST", "/v1/projects", &[]).await["data"]);
    let path_id = [("id", project.as_str())];
    api.ask("GET", "/v1/projects", &[]).await;
    for (method, path) in [
        ("GET", "/v1/projects/{id}"),
        ("PATCH", "/v1/projects/{id}"),
        ("GET", "/v1/projects/{id}/conversations"),
        ("GET", "/v1/usage/projects/{id}"),
        ("DELETE", "/v1/projects/{id}"),
    ] {
        api.ask(method, path, &path_id).await;
    }
    for (method, path) in [
        ("GET", "/v1/users/me"),
        ("GET", "/v1/users/me/settings"),
        ("PATCH", "/v1/users/me/settings"),
        ("GET", "/v1/users/me/settings/preferences"),
        ("PATCH", "/v1/users/me/settings/preferences"),
        ("GET", "/v1/usage/me"),
        ("GET", "/v1/usage/me/daily"),
    ] {
        api.ask(method, path, &[]).await;
    }
}

async fn images_and_files(api: &mut Described<'_>) {
    api.ask("POST", "/v1/images/generations", &[]).await;
    api.ask("POST", "/v1/images/edits", &[]).await;

    let file = || Part::bytes(png(3, 3, b"")).file_name("dot.png").mime_str("image/png").unwrap();
    let mut kept = String::new();
    for path in ["/v1/files", "/v1/files/upload"] {
        let form = Form::new().part("file", file()).text("purpose", "user_data");
        let request = api.request("POST", path, &[], "").multipart(form);
        kept = id(&api.reply("POST", path, request).await);
    }
    let path_id = [("id", kept.as_str())];
    api.ask("GET", "/v1/files", &[]).await;
    for (method, path) in [
        ("GET", "/v1/files/{id}"),
        ("GET", "/v1/files/{id}/metadata"),
        ("GET", "/v1/files/{id}/content"),
        ("DELETE", "/v1/files/{id}"),
    ] {
        api.ask(method, path, &path_id).await;
    }

    let made = api.ask("POST", "/v1/media", &[]).await;
    api.ask("GET", "/v1/media", &[]).await;
    let request =
        api.request("POST", "/v1/media/upload", &[], "").multipart(Form::new().part("file", file()));
    api.reply("POST", "/v1/media/upload", request).await;
    for path in ["/v1/media/prepare-upload", "/v1/media/upload-presigned"] {
        let announced = api.ask("POST", path, &[]).await;
        let (link, announced) = (announced["data"]["upload_url"].as_str().unwrap(), id(&announced["data"]));
        let query = link.find('?').map(|at| &link[at..]).unwrap();
        let body = png(if path.ends_with("presigned") { 4 } else { 5 }, 4, b"");
        let request = api.request("PUT", "/api/media/{id}", &[("id", &announced)], query);
        api.reply("PUT", "/api/media/{id}", request.header("content-type", "image/png").body(body)).await;
        api.ask("POST", "/v1/media/{id}/complete", &[("id", &announced)]).await;
    }
    let made = id(&made["data"]);
    let path_id = [("id", made.as_str())];
    api.ask("POST", "/v1/media/resolve", &[]).await;
    api.ask_with("POST", "/v1/media/resolve", &[], Some(json!({"ids": [made]}))).await;
    for (method, path) in [
        ("PATCH", "/v1/media/{id}"),
        ("GET", "/v1/media/{id}"),
        ("HEAD", "/v1/media/{id}"),
        ("GET", "/v1/media/{id}/metadata"),
        ("GET", "/v1/media/{id}/presign"),
        ("GET", "/api/media/{id}"),
        ("HEAD", "/api/media/{id}"),
        ("DELETE", "/v1/media/{id}"),
    ] {
        api.ask(method, path, &path_id).await;
    }
    api.ask("POST", "/v1/media/bulk-delete", &[]).await;
}

async fn deletions(api: &mut Described<'_>) {
    let conversation = api.app.conversation(json!([{"role": "user", "content": "x"}])).await;
    api.ask("DELETE", "/v1/conversations/{id}", &[("id", &conversation)]).await;
    api.ask("POST", "/v1/conversations/bulk-delete", &[]).await;
    api.ask("DELETE", "/v1/conversations", &[]).await;
    api.ask("DELETE", "/v1/users/me", &[]).await;
}
