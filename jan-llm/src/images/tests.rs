//! Pictures over a provider, a keeper of media and conversations that a test can look into.

use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::{TryStreamExt, stream};
use jan_core::media::{MediaObject, NewMedia, Resolved, Want};
use jan_core::page::PageRequest;
use jan_core::{BoxStream, SystemClock};
use serde_json::{Value, json};

use super::*;
use crate::conversations::NewConversation;
use jan_core::JsonObject;

/// Keeps what it is given under ids of its own making.
#[derive(Default)]
struct Shelf(Mutex<Vec<(UserId, Bytes)>>);

fn name(at: usize) -> String {
    format!("jan_{at:026}")
}

impl Shelf {
    fn put(&self, owner: &UserId, bytes: Bytes) -> MediaObject {
        let mut kept = self.0.lock();
        kept.push((owner.clone(), bytes.clone()));
        MediaObject {
            id: name(kept.len() - 1),
            mime: "image/png".into(),
            bytes: bytes.len() as u64,
            sha256: String::new(),
            width: None,
            height: None,
            filename: None,
            purpose: None,
            created_at: 0,
            retention_until: None,
            public: false,
            deduped: false,
        }
    }
}

#[async_trait]
impl MediaSink for Shelf {
    async fn keep(
        &self,
        owner: &UserId,
        bytes: BoxStream<Result<Bytes>>,
        _: NewMedia,
    ) -> Result<MediaObject> {
        let bytes: Vec<Bytes> = bytes.try_collect().await?;
        Ok(self.put(owner, bytes.concat().into()))
    }

    async fn keep_from(&self, owner: &UserId, url: String, _: NewMedia) -> Result<MediaObject> {
        match url.strip_prefix("https://here/") {
            Some(word) => Ok(self.put(owner, word.to_owned().into())),
            None => Err(Error::invalid("url", "That address may not be asked.")),
        }
    }
}

#[async_trait]
impl MediaResolver for Shelf {
    async fn existing(&self, _: &UserId, _: &[String]) -> Result<HashSet<String>> {
        unreachable!("pictures have no history")
    }

    async fn resolve(&self, owner: &UserId, ids: &[String], want: Want) -> Result<HashMap<String, Resolved>> {
        let kept = self.0.lock();
        let found = ids.iter().map(|id| {
            let at = (0..kept.len()).find(|at| name(*at) == *id && kept[*at].0 == *owner);
            let at = at.ok_or_else(|| Error::invalid("id", format!("no {id}")).with_code("unknown_media"))?;
            let url = match want {
                Want::DataUrl => format!("data:image/png;base64,{}", STANDARD.encode(&kept[at].1)),
                Want::Link => format!("https://link/{id}"),
            };
            let (mime, bytes) = ("image/png".into(), kept[at].1.len() as u64);
            Ok((id.clone(), Resolved { mime, bytes, filename: None, url, expires_at: None }))
        });
        found.collect()
    }
}

/// Answers what it was told to answer, and remembers what it was asked.
struct Painter {
    data: Value,
    asked: Mutex<Vec<ImageRequest>>,
}

#[async_trait]
impl ImageProvider for Painter {
    async fn generate(&self, request: ImageRequest) -> Result<ImageReply> {
        let streams = request.members.get("stream")?.unwrap_or(false);
        self.asked.lock().push(request);
        if streams {
            let events: Vec<_> =
                self.data.as_array().unwrap().iter().map(|event| Ok(object(event))).collect();
            return Ok(ImageReply::Events(Box::pin(stream::iter(events))));
        }
        let whole = json!({"created": 7, "data": self.data, "usage": {"total_tokens": 3}});
        Ok(ImageReply::Whole(object(&whole)))
    }
}

fn object(value: &Value) -> JsonObject {
    JsonObject::parse(value.to_string().into()).unwrap()
}

struct Studio {
    images: Images,
    painter: Arc<Painter>,
    shelf: Arc<Shelf>,
    conversations: Conversations,
    me: UserId,
}

fn studio(data: Value) -> Studio {
    let (painter, shelf) = (Painter { data, asked: Mutex::default() }, Arc::new(Shelf::default()));
    let painter = Arc::new(painter);
    let conversations = Conversations::new(&crate::store::memory_store(), Arc::new(SystemClock));
    let settings = ImageSettings { model: Some("z-image".into()), ..ImageSettings::default() };
    let images =
        Images::new(shelf.clone(), conversations.clone(), settings).provider("mine", painter.clone());
    Studio { images, painter, shelf, conversations, me: UserId::new("me") }
}

impl Studio {
    async fn generate(&self, body: Value) -> Result<Value> {
        match self.images.generate(&self.me, object(&body).into()).await? {
            ImageReply::Whole(whole) => Ok(serde_json::from_slice(&whole.to_bytes()).unwrap()),
            ImageReply::Events(events) => {
                let events: Vec<JsonObject> = events.try_collect().await?;
                Ok(serde_json::to_value(&events).unwrap())
            }
        }
    }

    async fn edit(&self, body: Value) -> Result<ImageReply> {
        self.images.edit(&self.me, NewImage::from(object(&body)).into()).await
    }

    fn told(&self) -> Value {
        serde_json::from_slice(&self.painter.asked.lock().last().unwrap().members.to_bytes()).unwrap()
    }
}

fn base64(text: &str) -> String {
    STANDARD.encode(text)
}

#[tokio::test]
async fn a_picture_is_kept_told_and_remembered() {
    let studio = studio(json!([{"b64_json": base64("fox"), "revised_prompt": "a red fox"}]));
    let conversation = studio.conversations.create(&studio.me, NewConversation::default()).await.unwrap().0;
    let body = json!({
        "prompt": "a fox", "n": 1, "conversation_id": conversation.id, "store": true, "provider_id": "mine", "seed": 5,
    });
    let told = studio.generate(body).await.unwrap();
    assert_eq!((&told["created"], &told["usage"]["total_tokens"]), (&json!(7), &json!(3)));
    let picture = &told["data"][0];
    assert_eq!(picture["url"], format!("https://link/{}", name(0)));
    assert_eq!((&picture["id"], &picture["revised_prompt"]), (&json!(name(0)), &json!("a red fox")));
    assert!(picture.get("b64_json").is_none());
    assert_eq!(studio.shelf.0.lock()[0].1, "fox");
    let wanted =
        json!({"prompt": "a fox", "n": 1, "seed": 5, "model": "z-image", "response_format": "b64_json"});
    assert_eq!(studio.told(), wanted);
    let page = PageRequest::default();
    let items = studio.conversations.items(&studio.me, &conversation.id, None, &page).await.unwrap().items;
    let item: Value = serde_json::from_slice(&items[0].body.to_bytes()).unwrap();
    assert_eq!((&item["type"], &item["prompt"]), (&json!("image_generation"), &json!("a fox")));
    assert_eq!(item["content"][0]["image"]["file_id"], name(0));
}

#[tokio::test]
async fn base64_is_told_where_it_is_asked_for() {
    let studio = studio(json!([{"b64_json": base64("fox")}, {"url": "https://here/hen"}]));
    let told = studio.generate(json!({"prompt": "x", "response_format": "b64_json"})).await.unwrap();
    assert_eq!(
        (&told["data"][0]["b64_json"], &told["data"][0]["id"]),
        (&json!(base64("fox")), &json!(name(0)))
    );
    assert_eq!(
        (&told["data"][1]["b64_json"], &told["data"][1]["id"]),
        (&json!(base64("hen")), &json!(name(1)))
    );
    assert!(told["data"][1].get("url").is_none());
}

#[tokio::test]
async fn what_cannot_be_fetched_stays_where_the_upstream_left_it() {
    let studio = studio(json!([{"url": "https://elsewhere/fox"}]));
    let told = studio.generate(json!({"prompt": "x"})).await.unwrap();
    assert_eq!(told["data"], json!([{"url": "https://elsewhere/fox"}]));
}

#[tokio::test]
async fn a_stream_keeps_the_picture_that_it_ends_with() {
    let studio = studio(json!([
        {"type": "image_generation.partial_image", "b64_json": base64("f"), "partial_image_index": 0},
        {"type": "image_generation.completed", "b64_json": base64("fox"), "usage": {}},
    ]));
    let body = json!({"prompt": "x", "stream": true, "model": "gpt-image-1", "response_format": "b64_json"});
    let events = studio.generate(body).await.unwrap();
    assert_eq!(events[0]["b64_json"], base64("f"));
    assert_eq!((&events[1]["b64_json"], &events[1]["id"]), (&json!(base64("fox")), &json!(name(0))));
    assert!(studio.told().get("response_format").is_none(), "this model refuses to be told");
}

#[tokio::test]
async fn pictures_to_be_changed_are_found_by_id_by_url_and_in_base64() {
    let studio = studio(json!([{"b64_json": base64("new")}]));
    let id = studio.shelf.put(&studio.me, "old".into()).id;
    let body = json!({
        "prompt": "x", "size": "original", "mask": {"url": "https://here/mask"},
        "image": [id, {"id": id}, {"url": format!("data:image/png;{id}")}, {"b64_json": base64("inline")}],
        "images": [{"image_url": "https://here/linked"}, {"file_id": id}],
    });
    studio.edit(body).await.map(drop).unwrap();
    let asked = studio.painter.asked.lock().pop().unwrap();
    let seen: Vec<_> = asked.pictures.iter().map(|picture| picture.bytes.clone()).collect();
    assert_eq!(seen, ["old", "old", "old", "inline", "linked", "old"]);
    assert_eq!(asked.mask.unwrap().bytes, "mask");
    assert!(asked.members.raw("size").is_none() && asked.members.raw("image").is_none());
}

#[tokio::test]
async fn what_is_wrong_is_named_before_anything_is_made() {
    let studio = studio(json!([]));
    let foreign = studio.shelf.put(&UserId::new("another"), "theirs".into()).id;
    for (body, param) in [
        (json!({}), "prompt"),
        (json!({"prompt": "  "}), "prompt"),
        (json!({"prompt": 5}), "prompt"),
        (json!({"prompt": "é".repeat(32_001)}), "prompt"),
        (json!({"prompt": "x", "n": 0}), "n"),
        (json!({"prompt": "x", "n": 5}), "n"),
        (json!({"prompt": "x", "n": -1}), "n"),
        (json!({"prompt": "x", "size": "big"}), "size"),
        (json!({"prompt": "x", "size": "original"}), "size"),
        (json!({"prompt": "x", "size": "0x9"}), "size"),
        (json!({"prompt": "x", "response_format": "png"}), "response_format"),
        (json!({"prompt": "x", "partial_images": 4}), "partial_images"),
        (json!({"prompt": "x", "stream": "yes"}), "stream"),
        (json!({"prompt": "x", "provider_id": "theirs"}), "provider_id"),
        (json!({"prompt": "x", "store": true, "conversation_id": "conv_none"}), "conversation_id"),
    ] {
        let error = studio.generate(body.clone()).await.unwrap_err();
        assert_eq!(error.param(), Some(param), "{body}: {error:?}");
    }
    for (body, param) in [
        (json!({"prompt": "x"}), "image"),
        (json!({"prompt": "x", "image": []}), "image"),
        (json!({"prompt": "x", "image": {}}), "image"),
        (json!({"prompt": "x", "image": "not base64!"}), "image"),
        (json!({"prompt": "x", "image": "https://elsewhere/fox"}), "image"),
        (json!({"prompt": "x", "image": 7}), "image"),
        (json!({"prompt": "x", "image": base64("ok"), "mask": "https://elsewhere/fox"}), "mask"),
        (json!({"prompt": "x", "image": vec![base64("ok"); 17]}), "image"),
        (json!({"prompt": "x", "image": foreign}), "image"),
    ] {
        let error = studio.edit(body.clone()).await.map(drop).unwrap_err();
        assert_eq!(error.param(), Some(param), "{body}: {error:?}");
    }
    assert!(studio.painter.asked.lock().is_empty());
    let none = Images::new(studio.shelf.clone(), studio.conversations.clone(), ImageSettings::default());
    let error = none.generate(&studio.me, NewImage::new("x")).await.map(drop).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Invalid, "image_generation_disabled"));
}
