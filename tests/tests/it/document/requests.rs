//! Requests in the document: the members that the server uses are described, and unreadable values are errors that name
//! the field.

use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use super::{Described, refused_field};
use crate::app::App;
use crate::media::png;

#[tokio::test]
async fn used_members_and_query_parameters_are_described() {
    let app = App::start(|_| {}).await;
    let api = Described::new(&app).await;
    let schemas = &api.document["components"]["schemas"];
    let described: &[(&str, &[&str])] = &[
        ("ChatCompletionRequest", &["conversation", "store", "store_reasoning", "deep_research", "metadata"]),
        ("ChatCompletion", &["conversation", "trimmed"]),
        ("ChatCompletionChunk", &["conversation", "trimmed"]),
        ("BulkDeleteConversations", &["conversation_ids"]),
        ("BulkDeleteMedia", &["ids"]),
    ];
    for (schema, members) in described {
        for member in *members {
            assert!(schemas[schema]["properties"][member].is_object(), "{schema} has no {member}");
        }
    }
    let query = |path: &str| {
        let parameters = api.operation("POST", path)["parameters"].as_array().unwrap().clone();
        let queries = parameters.into_iter().filter(|parameter| parameter["in"] == "query");
        queries.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(query("/v1/chat/completions"), ["referrer", "persona"]);
    // The examples name an existing model, or a placeholder if there is none.
    let model = |document: &Value| {
        let body = &document["paths"]["/v1/chat/completions"]["post"]["requestBody"];
        body["content"]["application/json"]["example"]["model"].as_str().unwrap().to_owned()
    };
    assert_eq!(model(&api.document), "echo");
    let app = App::start(|config| config.echo.enabled = false).await;
    assert_eq!(model(&Described::new(&app).await.document), "the-name-of-a-model");
}

#[tokio::test]
async fn an_unreadable_boolean_is_an_error_that_names_it() {
    let app = App::start(|_| {}).await;
    let file = || Part::bytes(png(2, 2, b"")).file_name("dot.png").mime_str("image/png").unwrap();
    for bad in ["maybe", "yes", "2", "on"] {
        let before = Form::new().text("public", bad).part("file", file());
        let behind = Form::new().part("file", file()).text("public", bad);
        for form in [before, behind] {
            let reply = app.form("/v1/media/upload", form).await;
            assert_eq!(refused_field(reply).await, (400, "public".into()), "{bad}");
        }
    }
    for body in [
        json!({"source": {"type": "data_url", "data_url": crate::media::DOT}, "public": "maybe"}),
        json!({"source": {"type": "data_url", "data_url": crate::media::DOT}, "public": 1}),
    ] {
        let reply = app.post("/v1/media", &body).send().await.unwrap();
        assert_eq!(refused_field(reply).await, (400, "public".into()), "{body}");
    }
    let reply = app.post("/v1/media/prepare-upload", &json!({"mime_type": "image/png", "public": "x"}));
    assert_eq!(refused_field(reply.send().await.unwrap()).await, (400, "public".into()));
    assert_eq!(app.ok("GET", "/v1/media", None).await["data"], json!([]), "nothing was stored");
    let reply = app.get("/v1/shares?include_revoked=maybe").send().await.unwrap();
    assert_eq!(refused_field(reply).await, (400, "include_revoked".into()));
    // Readable values are accepted; an empty field counts as missing.
    for (word, public) in
        [("true", true), ("True", true), ("1", true), ("false", false), ("0", false), ("", false)]
    {
        let form = Form::new().part("file", file()).text("public", word);
        let kept: Value = app.form("/v1/media/upload", form).await.json().await.unwrap();
        assert_eq!(kept["data"]["public"], public, "{word}: {kept}");
        let id = kept["data"]["id"].as_str().unwrap().to_owned();
        app.ok("DELETE", &format!("/v1/media/{id}"), None).await;
    }
}

#[tokio::test]
async fn unreadable_numbers_and_booleans_in_an_image_form_are_errors() {
    let app = App::start(|_| {}).await;
    for (name, bad) in
        [("n", "many"), ("n", "1.5"), ("partial_images", "x"), ("stream", "maybe"), ("store", "maybe")]
    {
        let file = Part::bytes(png(2, 2, b"")).file_name("dot.png").mime_str("image/png").unwrap();
        let form = Form::new().part("image", file).text("prompt", "Make it blue").text(name, bad);
        assert_eq!(
            refused_field(app.form("/v1/images/edits", form).await).await,
            (400, name.into()),
            "{name}={bad}"
        );
    }
}

#[tokio::test]
async fn settings_say_whether_image_generation_is_enabled() {
    for enabled in [true, false] {
        let app = App::start(|config| {
            config.images.enabled = enabled;
            config.providers.insert("images".into(), crate::app::provider("http://127.0.0.1:9/v1"));
        })
        .await;
        let settings = app.ok("GET", "/v1/users/me/settings", None).await;
        assert_eq!(settings["data"]["server_capabilities"]["image_generation_enabled"], enabled);
    }
}
