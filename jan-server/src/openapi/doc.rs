//! The documentation entry of a route, and the collection of the schemas that entries refer to.

use std::collections::BTreeMap;

use serde_json::Value;

/// The schemas of the document, by name.
#[derive(Default)]
pub(crate) struct Components {
    pub(super) schemas: BTreeMap<String, Value>,
    /// Names of two different schemas. Must stay empty, because the document contains only one of the two.
    pub(super) name_conflicts: Vec<String>,
}

impl Components {
    pub(super) fn add(&mut self, name: String, schema: Value) {
        match self.schemas.get(&name) {
            Some(known) if *known != schema => self.name_conflicts.push(name),
            _ => drop(self.schemas.insert(name, schema)),
        }
    }
}

/// Adds a schema to the components and returns the reference to it.
pub(crate) type SchemaOf = fn(&mut Components) -> Value;

/// The documentation of one route.
pub(crate) struct Doc {
    pub(crate) id: &'static str,
    pub(crate) tag: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) about: &'static str,
    /// The query parameters: name and meaning.
    pub(crate) query: &'static [(&'static str, &'static str)],
    /// The request body: its content type and its schema.
    pub(crate) body: Option<(&'static str, SchemaOf)>,
    /// A JSON body that works without changes; Swagger UI offers it. [`MODEL`] stands for the name of a model.
    pub(crate) example: Option<&'static str>,
    pub(crate) status: u16,
    pub(crate) success: Success,
}

/// Placeholder in examples for the first model of `GET /v1/models`.
pub(crate) const MODEL: &str = "$first-model";

/// The query parameters of every list.
pub(crate) const PAGE: &[(&str, &str)] = &[
    ("limit", "How many at the most, 1 to 100. Default: 20."),
    ("after", "The id of the last one already seen."),
    ("order", "`asc` or `desc` (the default)."),
];

impl Doc {
    pub(crate) const fn new(
        id: &'static str,
        tag: &'static str,
        summary: &'static str,
        about: &'static str,
    ) -> Self {
        Self {
            id,
            tag,
            summary,
            about,
            query: &[],
            body: None,
            example: None,
            status: 204,
            success: Success::Nothing,
        }
    }

    pub(crate) const fn query(self, query: &'static [(&'static str, &'static str)]) -> Self {
        Self { query, ..self }
    }

    pub(crate) const fn body(self, schema: SchemaOf) -> Self {
        self.body_as("application/json", schema)
    }

    pub(crate) const fn body_as(self, kind: &'static str, schema: SchemaOf) -> Self {
        Self { body: Some((kind, schema)), ..self }
    }

    pub(crate) const fn example(self, example: &'static str) -> Self {
        Self { example: Some(example), ..self }
    }

    pub(crate) const fn json(self, status: u16, schema: SchemaOf) -> Self {
        Self { status, success: Success::Json(schema), ..self }
    }

    pub(crate) const fn json_or_events(self, status: u16, schema: SchemaOf, event: SchemaOf) -> Self {
        Self { status, success: Success::JsonOrEvents(schema, event), ..self }
    }

    pub(crate) const fn enveloped(self, status: u16, schema: SchemaOf) -> Self {
        Self { status, success: Success::Enveloped(schema), ..self }
    }

    pub(crate) const fn list(self, schema: SchemaOf) -> Self {
        Self { status: 200, success: Success::List(schema), ..self }
    }

    pub(crate) const fn enveloped_list(self, schema: SchemaOf) -> Self {
        Self { status: 200, success: Success::EnvelopedList(schema), ..self }
    }

    pub(crate) const fn redirects(self) -> Self {
        Self { status: 307, success: Success::Nothing, ..self }
    }

    pub(crate) const fn page(self, status: u16, kind: &'static str) -> Self {
        Self { status, success: Success::Page(kind), ..self }
    }

    pub(crate) const fn bytes(self) -> Self {
        Self { status: 200, success: Success::Bytes, ..self }
    }

    pub(crate) const fn head(self) -> Self {
        Self { status: 200, success: Success::Head, ..self }
    }
}

/// The reply of a successful request.
pub(crate) enum Success {
    /// A bare JSON object.
    Json(SchemaOf),
    /// A bare JSON object, or events when the request asks for a stream.
    JsonOrEvents(SchemaOf, SchemaOf),
    /// A JSON object in the `{data, meta}` envelope.
    Enveloped(SchemaOf),
    /// A page of a list.
    List(SchemaOf),
    /// A page of a list with the envelope's `meta`.
    EnvelopedList(SchemaOf),
    /// No body.
    Nothing,
    /// Text for people, of this content type.
    Page(&'static str),
    /// A file of any type.
    Bytes,
    /// Headers alone.
    Head,
}
