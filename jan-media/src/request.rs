//! What the Media API is asked with, read from JSON: what is to be kept, announced, resolved. The fields have the names
//! of the original, and the aliases that its documents know.

use jan_core::media::{NewMedia, OwnHosts};
use jan_core::{Error, JsonObject, Result};
use serde::Deserialize;
use serde_json::Value;

use crate::ingest::Source;
use crate::placeholders;
use crate::uploads::NewUpload;

/// How many ids one request may name.
const MAX_IDS: usize = 100;

#[derive(Deserialize)]
struct SourceBody {
    r#type: Option<String>,
    url: Option<String>,
    data_url: Option<String>,
}

/// `{source: {type, url, data_url}, filename, public}`: where it comes from, and what is said of it. Whose it is says the
/// credential; a `user_id` is passed over.
///
/// # Errors
/// [`jan_core::ErrorKind::Invalid`] naming the field.
pub fn new_media(body: &JsonObject) -> Result<(Source, NewMedia)> {
    let source: SourceBody = body.required("source")?;
    let kind = source.r#type.as_deref().unwrap_or_default().to_ascii_lowercase();
    let found = match kind.as_str() {
        "remote_url" | "remoteurl" | "remote" => source.url.map(Source::Remote).ok_or("source.url"),
        "data_url" | "dataurl" | "datauri" => source.data_url.map(Source::DataUrl).ok_or("source.data_url"),
        "" => Err("source.type"),
        _ => {
            let message = format!("unknown source type `{kind}`: it is `remote_url` or `data_url`.");
            return Err(Error::invalid("source.type", message));
        }
    };
    let public = body.get("public")?.unwrap_or(false);
    let new = NewMedia { filename: body.get("filename")?, public, ..NewMedia::default() };
    Ok((found.map_err(Error::missing)?, new))
}

/// `{mime_type or content_type, filename, size, sha256, public}`: an upload that is announced.
///
/// # Errors
/// [`jan_core::ErrorKind::Invalid`] naming the field.
pub fn new_upload(body: &JsonObject) -> Result<NewUpload> {
    let mime = body.get("mime_type")?.or(body.get("content_type")?);
    let public = body.get("public")?.unwrap_or(false);
    let sha256: Option<String> = body.get("sha256")?;
    let is_hash = |hash: &String| hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    if sha256.as_ref().is_some_and(|hash| !is_hash(hash)) {
        return Err(Error::invalid("sha256", "`sha256` must be 64 hexadecimal digits."));
    }
    let new = NewMedia { mime, filename: body.get("filename")?, public, ..NewMedia::default() };
    Ok(NewUpload { new, bytes: body.get("size")?, sha256 })
}

/// What is to be resolved.
pub enum Resolvable {
    /// These ids, in their order.
    Ids(Vec<String>),
    /// Every id in a payload; they are named in the second part.
    Payload(Value, Vec<String>),
}

/// `{ids}` or `{payload}`.
///
/// # Errors
/// [`jan_core::ErrorKind::Invalid`] naming the field.
pub fn resolvable(body: &JsonObject, hosts: &OwnHosts) -> Result<Resolvable> {
    if let Some(payload) = body.get::<Value>("payload")? {
        let ids = placeholders::find(&payload, hosts);
        return Ok(Resolvable::Payload(payload, ids));
    }
    let ids = ids_of(body, &["ids"])?;
    // An id may be spelled as it is in payloads.
    Ok(Resolvable::Ids(ids.into_iter().map(|id| hosts.id_of(&id).map(str::to_owned).unwrap_or(id)).collect()))
}

/// The 1 to 100 ids in the first of these fields that is there.
///
/// # Errors
/// [`jan_core::ErrorKind::Invalid`] naming the first of the fields.
pub fn ids_of(body: &JsonObject, fields: &[&str]) -> Result<Vec<String>> {
    let named = fields.iter().find(|field| body.raw(field).is_some()).or(fields.first()).copied();
    let field = named.unwrap_or_default();
    let ids: Option<Vec<String>> = body.get(field)?;
    ids.filter(|ids| (1..=MAX_IDS).contains(&ids.len()))
        .ok_or_else(|| Error::invalid(field, format!("`{field}` must hold 1 to {MAX_IDS} ids of media.")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn body(value: &Value) -> JsonObject {
        JsonObject::parse(value.to_string().into()).unwrap()
    }

    #[test]
    fn every_spelling_of_a_source_is_read() {
        for kind in ["remote_url", "remoteurl", "remote", "REMOTE_URL"] {
            let (source, new) =
                new_media(&body(&json!({"source": {"type": kind, "url": "u"}, "filename": "f"}))).unwrap();
            assert!(
                matches!(source, Source::Remote(url) if url == "u") && new.filename.as_deref() == Some("f")
            );
        }
        for kind in ["data_url", "dataurl", "datauri"] {
            let (source, new) =
                new_media(&body(&json!({"source": {"type": kind, "data_url": "d"}, "public": true})))
                    .unwrap();
            assert!(matches!(source, Source::DataUrl(url) if url == "d") && new.public);
        }
    }

    #[test]
    fn the_field_at_fault_is_named() {
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
            assert_eq!(new_media(&body(&value)).err().unwrap().get_param(), Some(param), "{value}");
        }
        for (value, param) in [
            (json!({"sha256": "xy"}), "sha256"),
            (json!({"size": -1}), "size"),
            (json!({"mime_type": 1}), "mime_type"),
        ] {
            assert_eq!(new_upload(&body(&value)).unwrap_err().get_param(), Some(param), "{value}");
        }
        for value in [json!({}), json!({"ids": []}), json!({"ids": "x"}), json!({"ids": vec!["x"; 101]})] {
            assert_eq!(
                resolvable(&body(&value), &OwnHosts::new()).err().unwrap().get_param(),
                Some("ids"),
                "{value}"
            );
        }
    }
}
