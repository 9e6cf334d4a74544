//! Compares the OpenAPI document with the server: every example is sent and must succeed, and every reply must match
//! its schema, without any member that the document does not name.

mod describes;
mod requests;

use std::collections::BTreeSet;
use std::time::Duration;

use boon::{Compiler, Schemas};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Map, Value};

use crate::app::App;

/// Schemas with unknown members, which pass through from models and clients.
const WITH_UNKNOWN_MEMBERS: &[&str] = &[
    "ChatCompletion",
    "ChatChoice",
    "ChatMessage",
    "ChatCompletionChunk",
    "ChunkChoice",
    "ChatDelta",
    "Usage",
    "Model",
    "Embedding",
    "EmbeddingList",
    "Image",
    "ImageEvent",
    "Images",
    "Item",
    "OpenApi",
];
const ADDRESS: &str = "http://document/openapi.json";

/// A server, its document, and the operations that were called.
struct Described<'a> {
    app: &'a App,
    /// A client that follows no redirect, because some routes reply with one.
    client: Client,
    document: Value,
    strict: Value,
    tried: BTreeSet<String>,
    /// All replies that do not match the document, so that one run shows every error.
    wrong: Vec<String>,
}

impl<'a> Described<'a> {
    async fn new(app: &'a App) -> Self {
        let document: Value = app.get("/api/openapi.json").send().await.unwrap().json().await.unwrap();
        let mut strict = document.clone();
        for (name, schema) in strict["components"]["schemas"].as_object_mut().unwrap() {
            close(schema, WITH_UNKNOWN_MEMBERS.contains(&name.as_str()));
        }
        close(&mut strict["paths"], false);
        let client = Client::builder().redirect(Policy::none()).timeout(Duration::from_secs(60));
        Self {
            app,
            client: client.build().unwrap(),
            document,
            strict,
            tried: BTreeSet::new(),
            wrong: Vec::new(),
        }
    }

    fn operation(&self, method: &str, path: &str) -> &Value {
        let operation = &self.document["paths"][path][method.to_lowercase()];
        assert!(operation.is_object(), "the document has no {method} {path}");
        operation
    }

    /// The documented example of a body.
    fn example(&self, method: &str, path: &str) -> Option<Value> {
        self.operation(method, path)["requestBody"]["content"]["application/json"].get("example").cloned()
    }

    /// Sends the documented example, or no body if the document has none.
    async fn ask(&mut self, method: &str, path: &str, variables: &[(&str, &str)]) -> Value {
        let example = self.example(method, path);
        self.ask_with(method, path, variables, example).await
    }

    /// Sends another body.
    async fn ask_with(
        &mut self,
        method: &str,
        path: &str,
        variables: &[(&str, &str)],
        body: Option<Value>,
    ) -> Value {
        let request = self.request(method, path, variables, "");
        self.reply(method, path, if let Some(body) = body { request.json(&body) } else { request }).await
    }

    /// A request to a path of the document, with values for its variables and a query.
    fn request(&self, method: &str, path: &str, variables: &[(&str, &str)], query: &str) -> RequestBuilder {
        let at = variables
            .iter()
            .fold(path.to_owned(), |at, (name, value)| at.replace(&format!("{{{name}}}"), value));
        let (app, client) = (self.app, &self.client);
        client.request(method.parse().unwrap(), format!("{}{at}{query}", app.url)).bearer_auth(&app.token)
    }

    /// Sends a request; its reply must have the success status and the schema of the document.
    async fn reply(&mut self, method: &str, path: &str, request: RequestBuilder) -> Value {
        let operation = self.operation(method, path);
        let id = operation["operationId"].as_str().unwrap().to_owned();
        let responses: &Map<String, Value> = operation["responses"].as_object().unwrap();
        let status = responses.keys().find(|status| *status != "default").unwrap().clone();
        let reply = request.send().await.unwrap();
        let got = reply.status().as_u16();
        let kind = reply.headers().get("content-type").and_then(|kind| kind.to_str().ok());
        let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default().to_owned();
        let bytes = reply.bytes().await.unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert_eq!(got.to_string(), status, "{method} {path}: {text}");
        self.tried.insert(id);
        match kind.as_str() {
            "application/json" if !bytes.is_empty() => {
                let body: Value = serde_json::from_slice(&bytes).unwrap();
                self.check(method, path, &status, &kind, &body);
                body
            }
            "text/event-stream" => {
                let events: Vec<Value> = text
                    .lines()
                    .filter_map(|line| line.strip_prefix("data: "))
                    .filter(|data| *data != "[DONE]")
                    .map(|data| serde_json::from_str(data).unwrap())
                    .collect();
                for event in &events {
                    self.check(method, path, &status, &kind, event);
                }
                Value::from(events)
            }
            _ => Value::Null,
        }
    }

    fn check(&mut self, method: &str, path: &str, status: &str, kind: &str, body: &Value) {
        let escaped =
            |text: &str| text.replace('~', "~0").replace('/', "~1").replace('{', "%7B").replace('}', "%7D");
        let at = format!(
            "{ADDRESS}#/paths/{}/{}/responses/{status}/content/{}/schema",
            escaped(path),
            method.to_lowercase(),
            escaped(kind),
        );
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.add_resource(ADDRESS, self.strict.clone()).unwrap();
        let schema = compiler.compile(&at, &mut schemas).unwrap_or_else(|error| panic!("{at}: {error:#}"));
        if let Err(error) = schemas.validate(body, schema) {
            self.wrong.push(format!("{method} {path}: {error:#}\n{body}"));
        }
    }
}

/// Forbids unknown members in every object schema that lists its members. For a combined schema (`allOf`) they are
/// forbidden in the whole, not in its parts.
fn close(schema: &mut Value, open: bool) {
    if let Some(members) = schema.as_object_mut() {
        let parts = members.remove("allOf");
        if !open && members.contains_key("properties") && !members.contains_key("additionalProperties") {
            members.insert("additionalProperties".into(), false.into());
        }
        members.values_mut().for_each(|member| close(member, open));
        if let Some(Value::Array(mut parts)) = parts {
            for part in parts.iter_mut().filter_map(Value::as_object_mut) {
                part.values_mut().for_each(|member| close(member, open));
            }
            members.insert("allOf".into(), parts.into());
            members.insert("unevaluatedProperties".into(), open.into());
        }
    } else if let Some(items) = schema.as_array_mut() {
        items.iter_mut().for_each(|item| close(item, open));
    }
}

/// The status of an error reply and the field that it names.
async fn refused_field(reply: Response) -> (u16, String) {
    let status = reply.status().as_u16();
    let body: Value = reply.json().await.unwrap();
    (status, body["error"]["param"].as_str().unwrap_or_default().to_owned())
}
