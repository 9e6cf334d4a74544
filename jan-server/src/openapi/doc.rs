//! What a route says of itself for the document, and where the schemas that it names are gathered.

use std::collections::BTreeMap;

use serde_json::Value;

/// The schemas that the document's paths refer to, by name.
#[derive(Default)]
pub(crate) struct Components {
    pub(super) schemas: BTreeMap<String, Value>,
    /// Names that two different schemas have; none, or the document shows the wrong one.
    pub(super) clashes: Vec<String>,
}

impl Components {
    pub(super) fn add(&mut self, name: String, schema: Value) {
        match self.schemas.get(&name) {
            Some(known) if *known != schema => self.clashes.push(name),
            _ => drop(self.schemas.insert(name, schema)),
        }
    }
}

/// Puts a schema among the components and refers to it.
pub(crate) type SchemaOf = fn(&mut Components) -> Value;

/// One route in words.
pub(crate) struct Doc {
    pub(crate) id: &'static str,
    pub(crate) tag: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) about: &'static str,
    /// Query parameters: name and meaning.
    pub(crate) query: &'static [(&'static str, &'static str)],
    /// The body: its content type and its schema.
    pub(crate) takes: Option<(&'static str, SchemaOf)>,
    /// A body in JSON that works as it is: what Swagger offers to send. [`MODEL`] stands for a model that is there.
    pub(crate) example: Option<&'static str>,
    pub(crate) status: u16,
    pub(crate) gives: Gives,
}

/// Stands in examples for the first model of `GET /v1/models`.
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
            takes: None,
            example: None,
            status: 204,
            gives: Gives::Nothing,
        }
    }

    pub(crate) const fn query(self, query: &'static [(&'static str, &'static str)]) -> Self {
        Self { query, ..self }
    }

    pub(crate) const fn takes(self, schema: SchemaOf) -> Self {
        self.takes_as("application/json", schema)
    }

    pub(crate) const fn takes_as(self, kind: &'static str, schema: SchemaOf) -> Self {
        Self { takes: Some((kind, schema)), ..self }
    }

    pub(crate) const fn example(self, example: &'static str) -> Self {
        Self { example: Some(example), ..self }
    }

    pub(crate) const fn json(self, status: u16, schema: SchemaOf) -> Self {
        Self { status, gives: Gives::Json(schema), ..self }
    }

    pub(crate) const fn json_or_events(self, status: u16, schema: SchemaOf, event: SchemaOf) -> Self {
        Self { status, gives: Gives::JsonOrEvents(schema, event), ..self }
    }

    pub(crate) const fn enveloped(self, status: u16, schema: SchemaOf) -> Self {
        Self { status, gives: Gives::Enveloped(schema), ..self }
    }

    pub(crate) const fn list(self, schema: SchemaOf) -> Self {
        Self { status: 200, gives: Gives::List(schema), ..self }
    }

    pub(crate) const fn enveloped_list(self, schema: SchemaOf) -> Self {
        Self { status: 200, gives: Gives::EnvelopedList(schema), ..self }
    }

    pub(crate) const fn redirects(self) -> Self {
        Self { status: 307, gives: Gives::Nothing, ..self }
    }

    pub(crate) const fn page(self, status: u16, kind: &'static str) -> Self {
        Self { status, gives: Gives::Page(kind), ..self }
    }

    pub(crate) const fn bytes(self) -> Self {
        Self { status: 200, gives: Gives::Bytes, ..self }
    }

    pub(crate) const fn head(self) -> Self {
        Self { status: 200, gives: Gives::Head, ..self }
    }
}

/// What a success looks like.
pub(crate) enum Gives {
    /// A bare JSON object.
    Json(SchemaOf),
    /// The same, or events when the request asks for a stream.
    JsonOrEvents(SchemaOf, SchemaOf),
    /// A JSON object in the `{data, meta}` envelope.
    Enveloped(SchemaOf),
    /// A page of a list of these.
    List(SchemaOf),
    /// The same with the envelope's `meta` beside it.
    EnvelopedList(SchemaOf),
    /// No body.
    Nothing,
    /// Something for people, of this content type.
    Page(&'static str),
    /// A file, of whatever type it is.
    Bytes,
    /// Headers alone.
    Head,
}
