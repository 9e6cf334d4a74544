//! The requests of the Media API, read from JSON. The fields have the names of the original server, and the aliases
//! that its documentation lists.

use jan_core::media::OwnHosts;
use jan_core::{Error, JsonObject, Result};
use serde::Deserialize;
use serde_json::Value;

use crate::ingest::Source;
use crate::placeholders;
use crate::uploads::NewUpload;

/// The largest number of ids in one request.
const MAX_IDS: usize = 100;

/// A file to be stored: its source and its properties. A `user_id` is ignored: the credential determines the owner.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CreateMedia {
    /// Where the file is.
    #[cfg_attr(feature = "openapi", schema(value_type = MediaSource))]
    pub source: Source,
    /// The file name.
    pub filename: Option<String>,
    /// Makes it readable by everybody who knows its id. Default: false.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub public: bool,
}

/// Where a file is.
#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct MediaSource {
    /// `remote_url` (or `remoteurl`, `remote`) or `data_url` (or `dataurl`, `datauri`).
    #[cfg_attr(feature = "openapi", schema(example = "data_url", value_type = String))]
    r#type: Option<String>,
    /// A public address.
    url: Option<String>,
    /// `data:<mime>;base64,<data>`.
    #[cfg_attr(
        feature = "openapi",
        schema(
            example = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
        )
    )]
    data_url: Option<String>,
}

/// A change of who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MediaPatch {
    /// Makes it readable by everybody who knows its id.
    pub public: bool,
}

/// A request for links, either for ids or for the ids in a payload.
#[derive(Debug, Clone, Default, PartialEq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ResolveMedia {
    /// 1 to 100 ids.
    pub ids: Option<Vec<String>>,
    /// Any JSON.
    pub payload: Option<Value>,
}

/// Files to be deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BulkDeleteMedia {
    /// 1 to 100 ids; `media_ids` means the same.
    pub ids: Vec<String>,
}

/// The two forms of [`ResolveMedia`].
pub enum Resolvable {
    /// These ids, in their order.
    Ids(Vec<String>),
    /// A payload, and the ids that it contains.
    Payload(Value, Vec<String>),
}

impl ResolveMedia {
    /// The request with ids in place of links to `hosts`.
    pub fn resolvable(self, hosts: &OwnHosts) -> Resolvable {
        match self.payload {
            Some(payload) => {
                let ids = placeholders::find(&payload, hosts);
                Resolvable::Payload(payload, ids)
            }
            None => Resolvable::Ids(own_ids(self.ids.unwrap_or_default(), hosts)),
        }
    }
}

impl BulkDeleteMedia {
    /// The ids, with ids in place of links to `hosts`.
    pub fn ids(self, hosts: &OwnHosts) -> Vec<String> {
        own_ids(self.ids, hosts)
    }
}

impl TryFrom<&JsonObject> for CreateMedia {
    type Error = Error;

    fn try_from(body: &JsonObject) -> Result<Self> {
        let source = body.required::<MediaSource>("source")?.try_into()?;
        let public = body.get("public")?.unwrap_or(false);
        Ok(Self { source, filename: body.get("filename")?, public })
    }
}

impl TryFrom<MediaSource> for Source {
    type Error = Error;

    fn try_from(source: MediaSource) -> Result<Self> {
        let kind = source.r#type.as_deref().unwrap_or_default().to_ascii_lowercase();
        let found = match kind.as_str() {
            "remote_url" | "remoteurl" | "remote" => source.url.map(Self::Remote).ok_or("source.url"),
            "data_url" | "dataurl" | "datauri" => source.data_url.map(Self::DataUrl).ok_or("source.data_url"),
            "" => Err("source.type"),
            _ => {
                let message = format!("unknown source type `{kind}`: it is `remote_url` or `data_url`.");
                return Err(Error::invalid("source.type", message));
            }
        };
        found.map_err(Error::missing)
    }
}

impl TryFrom<&JsonObject> for NewUpload {
    type Error = Error;

    fn try_from(body: &JsonObject) -> Result<Self> {
        Ok(Self {
            mime_type: body.get("mime_type")?.or(body.get("content_type")?),
            public: body.get("public")?.unwrap_or(false),
            sha256: body.get("sha256")?,
            filename: body.get("filename")?,
            size: body.get("size")?,
        })
    }
}

impl TryFrom<&JsonObject> for MediaPatch {
    type Error = Error;

    fn try_from(body: &JsonObject) -> Result<Self> {
        Ok(Self { public: body.required("public")? })
    }
}

impl TryFrom<&JsonObject> for ResolveMedia {
    type Error = Error;

    fn try_from(body: &JsonObject) -> Result<Self> {
        let payload = body.get("payload")?;
        let ids = if payload.is_none() { Some(ids_of(body, "ids")?) } else { None };
        Ok(Self { ids, payload })
    }
}

impl TryFrom<&JsonObject> for BulkDeleteMedia {
    type Error = Error;

    fn try_from(body: &JsonObject) -> Result<Self> {
        let named = ["ids", "media_ids"].into_iter().find(|field| body.raw(field).is_some());
        Ok(Self { ids: ids_of(body, named.unwrap_or("ids"))? })
    }
}

fn ids_of(body: &JsonObject, field: &str) -> Result<Vec<String>> {
    let ids: Option<Vec<String>> = body.get(field)?;
    ids.filter(|ids| (1..=MAX_IDS).contains(&ids.len()))
        .ok_or_else(|| Error::invalid(field, format!("`{field}` must hold 1 to {MAX_IDS} ids of media.")))
}

/// Ids in all the forms that payloads may contain, converted to plain ids.
fn own_ids(ids: Vec<String>, hosts: &OwnHosts) -> Vec<String> {
    ids.into_iter().map(|id| hosts.id_of(&id).map(str::to_owned).unwrap_or(id)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn body(value: &Value) -> JsonObject {
        JsonObject::parse(value.to_string().into()).unwrap()
    }

    #[test]
    fn every_alias_of_a_source_type_is_read() {
        for kind in ["remote_url", "remoteurl", "remote", "REMOTE_URL"] {
            let body = body(&json!({"source": {"type": kind, "url": "u"}, "filename": "f"}));
            let CreateMedia { source, filename, .. } = CreateMedia::try_from(&body).unwrap();
            assert!(matches!(source, Source::Remote(url) if url == "u") && filename.as_deref() == Some("f"));
        }
        for kind in ["data_url", "dataurl", "datauri"] {
            let body = body(&json!({"source": {"type": kind, "data_url": "d"}, "public": true}));
            let CreateMedia { source, public, .. } = CreateMedia::try_from(&body).unwrap();
            assert!(matches!(source, Source::DataUrl(url) if url == "d") && public);
        }
    }

    #[test]
    fn an_error_names_the_wrong_field() {
        for (value, param) in [
            (json!({}), "source"),
            (json!({"source": 7}), "source"),
            (json!({"source": {}}), "source.type"),
            (json!({"source": {"type": "ftp"}}), "source.type"),
            (json!({"source": {"type": "remote_url"}}), "source.url"),
            (json!({"source": {"type": "remote_url", "url": null}}), "source.url"),
            (json!({"source": {"type": "data_url", "url": "x"}}), "source.data_url"),
            (json!({"source": {"type": "remote", "url": "x"}, "public": "yes"}), "public"),
            (json!({"source": {"type": "remote", "url": "x"}, "filename": 7}), "filename"),
        ] {
            assert_eq!(CreateMedia::try_from(&body(&value)).err().unwrap().param(), Some(param), "{value}");
        }
        for (value, param) in [(json!({"size": -1}), "size"), (json!({"mime_type": 1}), "mime_type")] {
            assert_eq!(NewUpload::try_from(&body(&value)).unwrap_err().param(), Some(param), "{value}");
        }
        for value in [json!({}), json!({"ids": []}), json!({"ids": "x"}), json!({"ids": vec!["x"; 101]})] {
            assert_eq!(ResolveMedia::try_from(&body(&value)).unwrap_err().param(), Some("ids"), "{value}");
        }
    }
}
