//! Images and files, as their owners upload, use and delete them. This file has the helpers that the others share.

mod bytes;
mod chat;
mod crash;
mod files;
mod links;
mod location;
mod remote;
#[cfg(unix)]
mod s3;
mod uploads;

use reqwest::Response;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::app::App;

/// One red pixel.
pub(crate) const DOT: &str = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";

/// The head of a PNG image of this size, followed by `rest`.
pub(crate) fn png(width: u32, height: u32, rest: &[u8]) -> Vec<u8> {
    let (width, height) = (width.to_be_bytes(), height.to_be_bytes());
    [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", &width[..], &height, b"\x08\x02\0\0\0", rest].concat()
}

pub(crate) fn by_data_url(url: &str) -> Value {
    json!({"source": {"type": "data_url", "data_url": url}})
}

impl App {
    /// Uploads a file by a form.
    pub(crate) async fn upload(&self, bytes: Vec<u8>, name: &str, kind: &str) -> Response {
        let part = Part::bytes(bytes).file_name(name.to_owned()).mime_str(kind).unwrap();
        self.form("/v1/media/upload", Form::new().text("user_id", "somebody").part("file", part)).await
    }

    pub(crate) async fn form(&self, path: &str, form: Form) -> Response {
        let url = format!("{}{path}", self.url);
        self.client.post(url).bearer_auth(&self.token).multipart(form).send().await.unwrap()
    }

    /// Requests a link without a credential.
    pub(crate) async fn open(&self, link: &str) -> Response {
        self.client.get(self.at(link)).send().await.unwrap()
    }

    /// The URL of a path on this server; a complete URL is returned unchanged.
    pub(crate) fn at(&self, link: &str) -> String {
        if link.starts_with('/') { format!("{}{link}", self.url) } else { link.to_owned() }
    }
}

/// The status of an error reply, the error's code and the field that it names.
pub(crate) async fn refused(reply: Response) -> (u16, String, String) {
    let status = reply.status().as_u16();
    let error: Value = reply.json().await.unwrap();
    let text = |member: &str| error["error"][member].as_str().unwrap_or_default().to_owned();
    (status, text("code"), text("param"))
}
