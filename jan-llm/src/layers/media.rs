//! Pictures and files that a chat names by their `jan_` ids, put in the form that the model's provider takes: all of them
//! are found first and asked for in one call. Parts that name nothing stay the bytes they came in, and so does a request
//! without any: it costs one search for `jan_`.
//!
//! What a request names must be there. What the history of a conversation names may be gone since: the model is told so
//! in words, and the conversation goes on.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use jan_core::chat::Content;
use jan_core::media::{MediaResolver, PREFIX, Resolved, Want, media_id_of};
use jan_core::{
    ChatReply, ChatRequest, Error, History, JsonObject, Model, ModelCall, ModelProvider, Result, UserId,
};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};

use crate::conversations::AsMessage;

type Body = Map<String, Value>;

/// A part that names media.
struct Named {
    /// Where it stands: the message, and the part of its content.
    at: (usize, usize),
    part: Body,
    id: String,
    kind: Kind,
}

/// What it is to the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Picture,
    File,
}

/// The media that only what was said `before` names, and nothing of what is said anew.
pub(crate) fn only_before<M: AsMessage>(before: &[M], anew: &[M]) -> HashSet<String> {
    let mut old = named_in(before);
    if !old.is_empty() {
        let new = named_in(anew);
        old.retain(|id| !new.contains(id));
    }
    old
}

fn named_in<M: AsMessage>(messages: &[M]) -> HashSet<String> {
    let others = messages.iter().filter(|message| !message.is_plain());
    let parts = others.filter_map(|message| match &message.message().content {
        Some(Content::Parts(parts)) => Some(parts),
        _ => None,
    });
    let others = parts.flatten().filter(|part| part.kind != "text");
    let ids = others.filter_map(|part| Some(names(&part.kind, &part.rest)?.0.to_owned()));
    ids.collect()
}

/// Shows models the pictures and files that chats name by their `jan_` ids, the caller's own, in the form that the model's
/// provider takes ([`ModelProvider::takes_media`]). Of media that only a conversation's history names
/// ([`jan_core::History::media`]), nothing needs to be there.
pub struct ResolveMedia<P> {
    provider: P,
    media: Arc<dyn MediaResolver>,
}

impl<P: ModelProvider> ResolveMedia<P> {
    /// Resolves what `provider` is asked with `media`.
    pub fn new(provider: P, media: Arc<dyn MediaResolver>) -> Self {
        Self { provider, media }
    }

    /// The request with the owner's media in it.
    ///
    /// # Errors
    /// [`jan_core::ErrorKind::Invalid`] with the code `unknown_media`, naming an id that is unknown or somebody else's;
    /// otherwise the resolver's.
    async fn resolve(
        &self,
        request: ChatRequest,
        owner: &UserId,
        history: Option<&History>,
    ) -> Result<ChatRequest> {
        if !request.raw("messages").is_some_and(|raw| holds_id(raw)) {
            return Ok(request);
        }
        let mut messages: Vec<JsonObject> = request.get("messages")?.unwrap_or_default();
        let mut named = Vec::new();
        for (place, message) in messages.iter().enumerate() {
            find(place, message, &mut named)?;
        }
        if named.is_empty() {
            return Ok(request);
        }
        let mut ids: Vec<String> = named.iter().map(|named| named.id.clone()).collect();
        ids.sort_unstable();
        ids.dedup();
        // Files are only ever taken as data; pictures as the provider likes them.
        let want = match named.iter().any(|named| named.kind == Kind::File) {
            true => Want::DataUrl,
            false => self.provider.takes_media(request.model()).await,
        };
        let may_be_gone = |id: &String| history.is_some_and(|history| history.media.contains(id));
        let found = match self.media.resolve(owner, &ids, want).await {
            Err(error) if error.code() == "unknown_media" && ids.iter().any(may_be_gone) => {
                let there = self.media.existing(owner, &ids).await?;
                ids.retain(|id| !may_be_gone(id) || there.contains(id));
                self.media.resolve(owner, &ids, want).await
            }
            found => found,
        };
        let found = found.map_err(|error| match error.code() {
            "unknown_media" => error.with_param("messages"),
            _ => error,
        })?;
        put(&mut messages, named, &found)?;
        Ok(request.with("messages", &messages))
    }
}

#[async_trait]
impl<P: ModelProvider> ModelProvider for ResolveMedia<P> {
    async fn models(&self) -> Result<Vec<Model>> {
        self.provider.models().await
    }

    fn inner(&self) -> Option<&dyn ModelProvider> {
        Some(&self.provider)
    }

    async fn chat(&self, mut call: ModelCall) -> Result<ChatReply> {
        call.request = self.resolve(call.request, call.caller.owner(), call.history.as_deref()).await?;
        self.provider.chat(call).await
    }
}

fn holds_id(raw: &[u8]) -> bool {
    memchr::memmem::find(raw, PREFIX.as_bytes()).is_some()
}

/// The parts of a message that name media.
fn find(message: usize, object: &JsonObject, named: &mut Vec<Named>) -> Result<()> {
    if !object.raw("content").is_some_and(|raw| raw.starts_with(b"[") && holds_id(raw)) {
        return Ok(());
    }
    let parts: Vec<&RawValue> = object.get("content")?.unwrap_or_default();
    for (place, raw) in parts.iter().enumerate().filter(|(_, raw)| holds_id(raw.get().as_bytes())) {
        // What is no object is for the model to judge.
        let Ok(part) = serde_json::from_str::<Body>(raw.get()) else { continue };
        let type_of = part.get("type").and_then(Value::as_str).unwrap_or_default();
        if let Some((id, kind)) = names(type_of, &part) {
            named.push(Named { at: (message, place), id: id.to_owned(), kind, part });
        }
    }
    Ok(())
}

/// The media that a part of this type names, if it is one that does.
fn names<'a>(type_of: &str, part: &'a Body) -> Option<(&'a str, Kind)> {
    match type_of {
        "image_url" | "input_image" | "image" => {
            let image = part.get("image_url").or_else(|| part.get("image"));
            let url = image.and_then(|image| image.as_str().or_else(|| image.get("url")?.as_str()));
            let file = part.get("file_id").or_else(|| image?.get("file_id")).and_then(Value::as_str);
            let id = url.and_then(media_id_of).or_else(|| media_id_of(file?))?;
            Some((id, Kind::Picture))
        }
        "file" => Some((one_of(part.get("file")?.as_object()?, &["file_id", "file_data"])?, Kind::File)),
        "input_file" => Some((one_of(part, &["file_id", "file_data", "file_url"])?, Kind::File)),
        _ => None,
    }
}

fn one_of<'a>(body: &'a Body, members: &[&str]) -> Option<&'a str> {
    members.iter().find_map(|member| media_id_of(body.get(*member)?.as_str()?))
}

/// Puts what was found in the place of what named it, in the words of OpenAI's chat completions; where nothing was, that
/// it is gone.
fn put(messages: &mut [JsonObject], named: Vec<Named>, found: &HashMap<String, Resolved>) -> Result<()> {
    let mut rest = named.into_iter().peekable();
    while let Some(first) = rest.next() {
        let at = first.at.0;
        let Some(message) = messages.get_mut(at) else { continue };
        let mut parts: Vec<Box<RawValue>> = message.get("content")?.unwrap_or_default();
        let mut next = Some(first);
        while let Some(named) = next {
            if let Some(place) = parts.get_mut(named.at.1) {
                let part = match found.get(&named.id) {
                    Some(media) => filled(named, media),
                    None => gone(named.kind),
                };
                *place = to_raw_value(&part).map_err(Error::internal)?;
            }
            next = rest.next_if(|named| named.at.0 == at);
        }
        message.set("content", &parts)?;
    }
    Ok(())
}

/// What stands in the place of media that was deleted since.
fn gone(kind: Kind) -> Body {
    let what = match kind {
        Kind::Picture => "picture",
        Kind::File => "file",
    };
    let text = format!("[a {what} that is no longer here]");
    Body::from_iter([("type".to_owned(), "text".into()), ("text".to_owned(), text.into())])
}

/// The part as an upstream expects it. What else stood in it stays.
fn filled(named: Named, media: &Resolved) -> Body {
    let Named { mut part, id, kind, .. } = named;
    match kind {
        Kind::Picture => {
            let mut image = match part.remove("image_url").or_else(|| part.remove("image")) {
                Some(Value::Object(image)) => image,
                _ => Body::new(),
            };
            image.remove("file_id");
            image.insert("url".into(), media.url.clone().into());
            part.remove("file_id");
            if let Some(detail) = part.remove("detail") {
                image.entry("detail").or_insert(detail);
            }
            part.insert("type".into(), "image_url".into());
            part.insert("image_url".into(), image.into());
        }
        Kind::File => {
            let mut file = match part.remove("file") {
                Some(Value::Object(file)) => file,
                _ => Body::new(),
            };
            let name = part.remove("filename").or_else(|| file.remove("filename"));
            let name = name.unwrap_or_else(|| json!(media.filename.as_deref().unwrap_or(&id)));
            for member in ["file_id", "file_data", "file_url"] {
                part.remove(member);
                file.remove(member);
            }
            file.insert("filename".into(), name);
            file.insert("file_data".into(), media.url.clone().into());
            part.insert("type".into(), "file".into());
            part.insert("file".into(), file.into());
        }
    }
    part
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use jan_core::ErrorKind;
    use jan_core::chat::Message;

    use super::*;
    use crate::Echo;

    /// Knows ids that end with `0`, and remembers what it was asked.
    #[derive(Default)]
    struct Shelf(Mutex<Vec<Vec<String>>>);

    #[async_trait]
    impl MediaResolver for Shelf {
        async fn resolve(&self, _: &UserId, ids: &[String], want: Want) -> Result<HashMap<String, Resolved>> {
            assert_eq!(want, Want::DataUrl);
            self.0.lock().push(ids.to_vec());
            let one = |id: &String| {
                if !id.ends_with('0') {
                    return Err(Error::invalid("media", format!("There is no media `{id}`."))
                        .with_code("unknown_media"));
                }
                let url = format!("data:image/png;base64,{}", id.len());
                let resolved =
                    Resolved { mime: String::new(), bytes: 1, filename: None, url, expires_at: None };
                Ok((id.clone(), resolved))
            };
            ids.iter().map(one).collect()
        }

        async fn existing(&self, _: &UserId, ids: &[String]) -> Result<HashSet<String>> {
            Ok(ids.iter().filter(|id| id.ends_with('0')).cloned().collect())
        }
    }

    const A: &str = "jan_01hqr8v9k2x3f4g5h6j7k8m9n0";
    const B: &str = "jan_01hqr8v9k2x3f4g5h6j7k8m9p0";

    fn layer(shelf: &Arc<Shelf>) -> ResolveMedia<Echo> {
        ResolveMedia::new(Echo::default(), shelf.clone())
    }

    async fn filled(body: String, shelf: &Arc<Shelf>) -> Result<String> {
        let request = ChatRequest::parse(body.into())?;
        let request = layer(shelf).resolve(request, &UserId::new("me"), None).await?;
        Ok(String::from_utf8(request.to_bytes().to_vec()).unwrap())
    }

    #[tokio::test]
    async fn what_names_nothing_stays_as_it_came_to_the_byte() {
        let shelf = Arc::new(Shelf::default());
        for content in [
            "\"hi\"",
            &format!("\"{A}\""),
            &format!(r#"[ {{"type":"text", "text":"see {A}"}}, 7, "{A}" ]"#),
            r#"[{"type":"image_url","image_url":{"url":"https://x/jan_1.png"}}]"#,
        ] {
            let body = format!(r#"{{ "model":"m", "messages":[{{"role":"user", "content":{content}}}]}}"#);
            assert_eq!(filled(body.clone(), &shelf).await.unwrap(), body);
        }
        assert!(shelf.0.lock().is_empty());
    }

    #[tokio::test]
    async fn every_kind_of_part_is_filled_in_one_call_and_the_others_stay() {
        let shelf = Arc::new(Shelf::default());
        let part = |part: &str| part.replace("$A", A).replace("$B", B);
        let url = "data:image/png;base64,30";
        let parts: &[(&str, Value)] = &[
            (
                r#"{"type":"image_url","image_url":{"url":"$A","detail":"low"}}"#,
                json!({"type": "image_url", "image_url": {"url": url, "detail": "low"}}),
            ),
            (
                r#"{"type":"image_url","image_url":"data:image/png;$B"}"#,
                json!({"type": "image_url", "image_url": {"url": url}}),
            ),
            (
                r#"{"type":"input_image","image_url":"$A","detail":"high"}"#,
                json!({"type": "image_url", "image_url": {"url": url, "detail": "high"}}),
            ),
            (
                r#"{"type":"input_image","file_id":"$A","own":1}"#,
                json!({"type": "image_url", "image_url": {"url": url}, "own": 1}),
            ),
            (
                r#"{"type":"file","file":{"file_id":"$B","filename":"a.pdf"}}"#,
                json!({"type": "file", "file": {"filename": "a.pdf", "file_data": url}}),
            ),
            (
                r#"{"type":"input_file","file_data":"data:application/pdf;$A"}"#,
                json!({"type": "file", "file": {"filename": A, "file_data": url}}),
            ),
        ];
        let named: Vec<String> = parts.iter().map(|(named, _)| part(named)).collect();
        let odd = r#"{ "type":"text","text":"x" , "n":1.50}"#;
        let body = format!(
            r#"{{"model":"m","messages":[{{"role":"system", "content":"jan_"}},{{"role":"user","content":[{odd},{}]}}],"own":1.50}}"#,
            named.join(",")
        );
        let sent = filled(body, &shelf).await.unwrap();
        assert!(sent.contains(odd) && sent.ends_with(r#""own":1.50}"#), "{sent}");
        let sent: Value = serde_json::from_str(&sent).unwrap();
        for (place, (named, wanted)) in parts.iter().enumerate() {
            assert_eq!(&sent["messages"][1]["content"][place + 1], wanted, "{named}");
        }
        assert_eq!(*shelf.0.lock(), [vec![A.to_owned(), B.to_owned()]], "one call");
    }

    #[tokio::test]
    async fn what_is_gone_from_the_history_is_said_to_be() {
        let [old, new] = ["n1", "n2"].map(|end| A.replace("n0", end));
        let message = |id: &str| {
            let part = json!({"type": "image_url", "image_url": {"url": id}});
            let file = json!({"type": "file", "file": {"file_id": id}});
            json!({"role": "user", "content": [part, file, {"type": "image_url", "image_url": {"url": A}}]})
        };
        let messages = |ids: &[&str]| -> Vec<Message> {
            ids.iter().map(|id| serde_json::from_value(message(id)).unwrap()).collect()
        };
        let before = only_before(&messages(&[&old, &new]), &messages(&[&new]));
        assert_eq!(before, HashSet::from([old.clone()]));
        let ask = |ids: &[&str]| {
            let messages: Vec<Value> = ids.iter().map(|id| message(id)).collect();
            ChatRequest::parse(json!({"model": "m", "messages": messages}).to_string().into()).unwrap()
        };
        let (me, shelf) = (UserId::new("me"), Arc::new(Shelf::default()));
        let (layer, history) = (layer(&shelf), History { media: before });
        let told = layer.resolve(ask(&[&old]), &me, Some(&history)).await.unwrap();
        let told: Value = serde_json::from_slice(&told.to_bytes()).unwrap();
        let content = &told["messages"][0]["content"];
        assert_eq!(content[0], json!({"type": "text", "text": "[a picture that is no longer here]"}));
        assert_eq!(content[1], json!({"type": "text", "text": "[a file that is no longer here]"}));
        assert_eq!(content[2]["image_url"]["url"], "data:image/png;base64,30");
        let error = layer.resolve(ask(&[&old, &new]), &me, Some(&history)).await.unwrap_err();
        assert!(error.message().contains(&new), "what is said anew must be there");
    }

    #[tokio::test]
    async fn an_unknown_id_is_named() {
        let unknown = A.replace("n0", "n1");
        let body = format!(
            r#"{{"model":"m","messages":[{{"role":"user","content":[{{"type":"image_url","image_url":{{"url":"{unknown}"}}}}]}}]}}"#
        );
        let error = filled(body, &Arc::new(Shelf::default())).await.unwrap_err();
        assert_eq!((error.kind(), error.param()), (ErrorKind::Invalid, Some("messages")));
        assert!(error.message().contains(&unknown));
    }
}
