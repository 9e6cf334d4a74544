//! Writes `multipart/form-data` bodies (RFC 7578), the form in which OpenAI's API takes images to edit.

use std::fmt::Display;

use bytes::{BufMut, Bytes, BytesMut};
use jan_core::image::{ImageRequest, Picture};
use jan_core::{Result, id};
use serde_json::Value;

/// A form to which fields and files are added.
pub(super) struct Form {
    boundary: String,
    body: BytesMut,
}

impl Form {
    fn new() -> Self {
        // Long and random, so that it does not occur in an image.
        Self { boundary: id::random("jan-", 32), body: BytesMut::new() }
    }

    /// The form of an edit. As in OpenAI's own clients, one image is the field `image`, several are `image[]`.
    pub(super) fn of_edit(request: &ImageRequest) -> Result<Self> {
        let mut form = Self::new();
        for (name, raw) in request.members.members() {
            match serde_json::from_slice(raw).unwrap_or_default() {
                Value::Null => {}
                Value::String(text) => form.field(name, text),
                other => form.field(name, other),
            }
        }
        let name = if request.pictures.len() > 1 { "image[]" } else { "image" };
        for picture in &request.pictures {
            form.file(name, picture);
        }
        if let Some(mask) = &request.mask {
            form.file("mask", mask);
        }
        Ok(form)
    }

    pub(super) fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    pub(super) fn finish(mut self) -> Bytes {
        self.put(format_args!("--{}--\r\n", self.boundary.clone()));
        self.body.freeze()
    }

    fn field(&mut self, name: &str, value: impl Display) {
        self.begin(name);
        self.put(format_args!("\r\n\r\n{value}\r\n"));
    }

    fn file(&mut self, name: &str, picture: &Picture) {
        let extension = picture.mime.rsplit('/').next().unwrap_or("png");
        let filename = match &picture.filename {
            Some(filename) => filename.clone(),
            None => format!("picture.{extension}"),
        };
        self.begin(name);
        self.put(format_args!(
            "; filename=\"{}\"\r\nContent-Type: {}\r\n\r\n",
            quoted(&filename),
            picture.mime
        ));
        self.body.put_slice(&picture.bytes);
        self.body.put_slice(b"\r\n");
    }

    fn begin(&mut self, name: &str) {
        let boundary = self.boundary.clone();
        self.put(format_args!("--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"", quoted(name)));
    }

    fn put(&mut self, text: impl Display) {
        self.body.put_slice(text.to_string().as_bytes());
    }
}

/// Escapes a name as browsers do, so that it cannot end the quotation marks or the line.
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;
    use jan_core::JsonObject;

    #[test]
    fn fields_and_files_are_written_and_names_are_escaped() {
        let mut members = JsonObject::new();
        members.set("prompt", "a \"red\" fox").unwrap();
        members.set("n", &2).unwrap();
        members.set("none", &Value::Null).unwrap();
        let picture = |filename: Option<&str>| Picture {
            mime: "image/png".into(),
            filename: filename.map(str::to_owned),
            bytes: Bytes::from_static(b"\x89PNG\r\n--"),
        };
        let pictures = vec![picture(Some("a\"\r\n.png")), picture(None)];
        let form = Form::of_edit(&ImageRequest { members, pictures, mask: Some(picture(None)) }).unwrap();
        let edge = form.boundary.clone();
        assert_eq!(form.content_type(), format!("multipart/form-data; boundary={edge}"));
        let file = |name: &str, filename: &str| {
            format!(
                "--{edge}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{filename}\"\r\n\
                 Content-Type: image/png\r\n\r\n\u{1}PNG\r\n--\r\n"
            )
        };
        let field = |name: &str, value: &str| {
            format!("--{edge}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let wanted = [
            field("prompt", "a \"red\" fox"),
            field("n", "2"),
            file("image[]", "a%22%0D%0A.png"),
            file("image[]", "picture.png"),
            file("mask", "picture.png"),
            format!("--{edge}--\r\n"),
        ];
        let written: Vec<u8> =
            form.finish().iter().map(|byte| if *byte == 0x89 { 1 } else { *byte }).collect();
        assert_eq!(String::from_utf8(written).unwrap(), wanted.concat());
    }
}
