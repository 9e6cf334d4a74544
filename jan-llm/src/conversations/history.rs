//! Messages of a conversation's history on their way into a request. Most are plain text and stay the JSON that the request
//! gets; they are parsed only when something looks into them. The rules for a history ([`super::order`], [`super::resent`])
//! work on both these and a request's own messages ([`AsMessage`]).

use std::sync::OnceLock;

use bytes::Bytes;
use jan_core::chat::Message;
use jan_core::{Error, Result};

/// A message of a history.
#[derive(Debug, Clone, Default)]
pub(crate) struct HistoryMessage {
    /// The last item that it was made of; nothing for a message that is new.
    pub(crate) item: Option<String>,
    role: &'static str,
    /// The message as JSON: plain text without calls. Taken away when the message is changed.
    json: Option<Bytes>,
    message: OnceLock<Message>,
}

impl HistoryMessage {
    /// A message of plain text, as the JSON of a chat's message with this role.
    pub(crate) fn plain(item: String, role: &'static str, json: Bytes) -> Self {
        Self { item: Some(item), role, json: Some(json), message: OnceLock::new() }
    }

    /// A message that was made of `item`.
    pub(crate) fn of(item: String, message: Message) -> Self {
        Self { item: Some(item), ..message.into() }
    }

    pub(crate) fn into_message(self) -> Message {
        match self.message.into_inner() {
            Some(message) => message,
            None => parsed(self.json.as_ref()),
        }
    }

    /// Writes the message as JSON.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    fn write_to(&self, out: &mut Vec<u8>) -> Result<()> {
        match &self.json {
            Some(json) => out.extend_from_slice(json),
            None => serde_json::to_writer(out, self.message()).map_err(Error::internal)?,
        }
        Ok(())
    }
}

impl From<Message> for HistoryMessage {
    fn from(message: Message) -> Self {
        Self { item: None, role: "", json: None, message: message.into() }
    }
}

/// The JSON of plain text is written by us, so it can be read.
fn parsed(json: Option<&Bytes>) -> Message {
    json.and_then(|json| serde_json::from_slice(json).ok()).unwrap_or_default()
}

/// The messages as the JSON of a request's `messages`.
///
/// # Errors
/// When one cannot be written as JSON.
pub(crate) fn to_json(messages: &[HistoryMessage]) -> Result<Bytes> {
    let length: usize =
        messages.iter().map(|message| message.json.as_ref().map_or(256, |json| json.len() + 1)).sum();
    let mut out = Vec::with_capacity(length + 2);
    for message in messages {
        out.push(if out.is_empty() { b'[' } else { b',' });
        message.write_to(&mut out)?;
    }
    if out.is_empty() {
        out.push(b'[');
    }
    out.push(b']');
    Ok(out.into())
}

/// A message, whether it was parsed already or not.
pub(crate) trait AsMessage {
    /// Who speaks.
    fn role(&self) -> &str;

    /// It is known to be plain text, without calls, media or other members; others may be plain too.
    fn is_plain(&self) -> bool;

    fn message(&self) -> &Message;

    /// Changes the message.
    fn change<T>(&mut self, change: impl FnOnce(&mut Message) -> T) -> T
    where
        Self: Sized;
}

impl AsMessage for HistoryMessage {
    fn role(&self) -> &str {
        match &self.json {
            Some(_) => self.role,
            None => &self.message().role,
        }
    }

    fn is_plain(&self) -> bool {
        self.json.is_some()
    }

    fn message(&self) -> &Message {
        self.message.get_or_init(|| parsed(self.json.as_ref()))
    }

    fn change<T>(&mut self, change: impl FnOnce(&mut Message) -> T) -> T {
        let item = self.item.take();
        let mut message = std::mem::take(self).into_message();
        let result = change(&mut message);
        *self = Self { item, ..message.into() };
        result
    }
}

impl AsMessage for Message {
    fn role(&self) -> &str {
        &self.role
    }

    fn is_plain(&self) -> bool {
        false
    }

    fn message(&self) -> &Message {
        self
    }

    fn change<T>(&mut self, change: impl FnOnce(&mut Message) -> T) -> T {
        change(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_stays_the_json_that_it_is_until_it_is_changed() {
        let json = r#"{"role":"user","content":"caf\u00e9"}"#;
        let plain = HistoryMessage::plain("msg_1".into(), "user", json.into());
        assert_eq!((plain.role(), plain.message().text().as_str()), ("user", "café"));
        let new = HistoryMessage::from(Message::new("assistant", "x"));
        let both = [plain.clone(), new];
        let text = format!(r#"[{json},{{"role":"assistant","content":"x"}}]"#);
        assert_eq!(to_json(&both).unwrap(), text);
        let mut changed = plain;
        changed.change(|message| message.role = "tool".into());
        assert_eq!((changed.role(), changed.is_plain()), ("tool", false));
        assert_eq!(to_json(&[changed]).unwrap(), r#"[{"role":"tool","content":"café"}]"#);
        assert_eq!(to_json(&[]).unwrap(), "[]");
    }
}
