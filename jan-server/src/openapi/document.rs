//! The OpenAPI 3.1 document, made from THE TABLE: each row has a documentation entry, each entry its schemas.

use std::sync::LazyLock;

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

use super::doc::{Components, MODEL, SchemaOf, Success};
use crate::gateway::admit::Access;
use crate::gateway::idempotency;
use crate::http::error::ErrorReply;
use crate::http::reply::{ListMeta, Meta};
use crate::router::{Repeat, Row, TABLE};

/// Adds `T`'s schema, and those it refers to, to the components, and returns the reference to it.
pub(super) fn named<T: ToSchema>(components: &mut Components) -> Value {
    let mut schemas: Vec<(String, RefOr<Schema>)> = vec![(T::name().into_owned(), T::schema())];
    T::schemas(&mut schemas);
    for (name, schema) in schemas {
        if let Ok(schema) = serde_json::to_value(schema) {
            components.add(name, schema);
        }
    }
    json!({"$ref": format!("#/components/schemas/{}", T::name())})
}

static DOCUMENT: LazyLock<String> = LazyLock::new(|| build().0.to_string());

/// The document as JSON. Its examples name `model`, so that they work without changes.
pub(crate) fn document(model: Option<&str>) -> Bytes {
    let model = Value::from(model.unwrap_or("the-name-of-a-model")).to_string();
    DOCUMENT.replace(&Value::from(MODEL).to_string(), &model).into()
}

fn build() -> (Value, Components) {
    let mut components = Components::default();
    let error = named::<ErrorReply<'static>>(&mut components);
    let mut paths: Map<String, Value> = Map::new();
    for row in TABLE {
        let operation = operation(row, &error, &mut components);
        let path_item = paths.entry(row.path.replace("{*", "{")).or_insert_with(|| json!({}));
        if let Some(methods) = path_item.as_object_mut() {
            methods.insert(row.method.as_str().to_ascii_lowercase(), operation);
        }
    }
    let document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Jan Server",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The API of Jan Server and OpenAI in one binary. Get a token from `POST /llm/auth/guest-login`, \
                            press *Authorize* and paste it, then try any route. Every `/v1` and `/auth` route but \
                            the public ones also answers under its service's prefix, `/llm`, \
                            those of the Media API under `/media`.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        // Relative to this document, so that it is correct wherever the server is mounted.
        "servers": [{"url": ".."}],
        "paths": paths,
        "components": {
            "schemas": components.schemas,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
    });
    (document, components)
}

fn operation(row: &Row, error: &Value, components: &mut Components) -> Value {
    let doc = row.doc;
    let security = match row.access {
        Access::Public => json!([]),
        Access::User => json!([{"bearer": []}, {"apiKey": []}]),
    };
    let body = doc.body.map(|(kind, schema)| {
        let mut content = json!({"schema": schema(components)});
        if let (Some(members), Some(example)) = (content.as_object_mut(), doc.example) {
            // An example that is not JSON is omitted here and found by the test below.
            members.extend(serde_json::from_str(example).ok().map(|example| ("example".to_owned(), example)));
        }
        json!({"required": true, "content": {kind: content}})
    });
    let mut operation = json!({
        "operationId": doc.id,
        "tags": [doc.tag],
        "summary": doc.summary,
        "description": doc.about,
        "parameters": parameters(row),
        "security": security,
        "responses": {
            doc.status.to_string(): success(doc.status, &doc.success, components),
            "default": {"description": "An error", "content": {"application/json": {"schema": error}}},
        },
    });
    if let Some(members) = operation.as_object_mut() {
        members.extend(body.map(|body| ("requestBody".to_owned(), body)));
    }
    operation
}

fn parameters(row: &Row) -> Vec<Value> {
    let variables = row.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let in_path = variables.map(|name| {
        let name = name.trim_start_matches('*');
        json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}})
    });
    let in_query = row.doc.query.iter().map(
        |(name, about)| json!({"name": name, "in": "query", "description": about, "schema": {"type": "string"}}),
    );
    let key = (row.repeat == Repeat::Replays).then(|| {
        let about = "A key of your own choice, new for each request. The same request sent again with it within 24 hours \
                     gets the answer of the first, and nothing is made twice.";
        json!({"name": idempotency::NAME, "in": "header", "description": about, "schema": {"type": "string", "maxLength": 255}})
    });
    in_path.chain(in_query).chain(key).collect()
}

fn success(status: u16, reply: &Success, components: &mut Components) -> Value {
    let mut json_of = |schema: SchemaOf| json!({"schema": schema(components)});
    let content = match reply {
        Success::Json(schema) => json!({"application/json": json_of(*schema)}),
        Success::JsonOrEvents(schema, event) => {
            json!({"application/json": json_of(*schema), "text/event-stream": json_of(*event)})
        }
        Success::Enveloped(schema) => {
            let data = schema(components);
            let meta = named::<Meta<'static>>(components);
            let envelope = json!({"type": "object", "required": ["data", "meta"], "properties": {"data": data, "meta": meta}});
            json!({"application/json": {"schema": envelope}})
        }
        Success::List(schema) => json!({"application/json": {"schema": list_of(&schema(components))}}),
        Success::EnvelopedList(schema) => {
            let mut list = list_of(&schema(components));
            if let Some(Value::Object(members)) = list.get_mut("properties") {
                members.insert("meta".to_owned(), named::<ListMeta<'static>>(components));
            }
            json!({"application/json": {"schema": list}})
        }
        Success::Nothing => return json!({"description": "Done"}),
        Success::Head => return json!({"description": "The head alone"}),
        Success::Page(kind) => json!({*kind: {"schema": {"type": "string"}}}),
        Success::Bytes => json!({"*/*": {"schema": {"type": "string", "format": "binary"}}}),
    };
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    json!({"description": reason.unwrap_or("Success"), "content": content})
}

/// A page of a list.
fn list_of(item: &Value) -> Value {
    json!({"type": "object", "required": ["object", "data", "has_more"], "properties": {
        "object": {"type": "string", "const": "list"},
        "data": {"type": "array", "items": item},
        "first_id": {"type": ["string", "null"]},
        "last_id": {"type": ["string", "null"]},
        "has_more": {"type": "boolean"},
        "next_after": {"type": ["string", "null"], "description": "The `after` of the next page."},
    }})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_schemas_share_a_name() {
        assert_eq!(build().1.name_conflicts, [""; 0]);
    }

    #[test]
    fn every_json_body_has_an_example_that_names_an_existing_model() {
        for row in TABLE.iter().filter(|row| row.doc.body.is_some_and(|(kind, _)| kind == "application/json"))
        {
            let example = row.doc.example.unwrap_or_else(|| panic!("{} has no example", row.path));
            let example: Value =
                serde_json::from_str(example).unwrap_or_else(|e| panic!("{}: {e}", row.path));
            assert!(example.is_object(), "{}", row.path);
        }
        let document: Value = serde_json::from_slice(&document(Some("a \"model\""))).unwrap();
        let body = &document["paths"]["/v1/chat/completions"]["post"]["requestBody"];
        assert_eq!(body["content"]["application/json"]["example"]["model"], "a \"model\"");
        assert!(!document.to_string().contains(MODEL));
    }

    #[test]
    fn every_row_is_in_the_document_and_every_reference_resolves() {
        let document: Value = serde_json::from_slice(&document(Some("m"))).unwrap();
        let mut ids = std::collections::BTreeSet::new();
        for row in TABLE {
            let entry =
                &document["paths"][row.path.replace("{*", "{")][row.method.as_str().to_ascii_lowercase()];
            assert!(
                entry["summary"].as_str().is_some_and(|text| !text.is_empty()),
                "{} is not described",
                row.path
            );
            let closed = entry["security"].as_array().is_some_and(|ways| !ways.is_empty());
            assert_eq!(closed, row.access == Access::User, "{}", row.path);
            assert!(
                ids.insert(entry["operationId"].as_str().unwrap().to_owned()),
                "{} shares its id",
                row.path
            );
        }
        let text = document.to_string();
        for reference in text.split("\"#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(document["components"]["schemas"][name].is_object(), "{name} is missing");
        }
    }
}
