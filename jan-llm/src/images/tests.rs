//! The image service over a fake provider, a fake media service and conversations in memory.

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

/// A media service in memory.
#[derive(Default)]
struct FakeMedia(Mutex<Vec<(UserId, Bytes)>>);

fn name(at: usize) -> String {
    format!("jan_{at:026}")
}

impl FakeMedia {
    fn put(&self, owner: &UserId, bytes: Bytes) -> MediaObject {
        let mut stored = self.0.lock();
        stored.push((owner.clone(), bytes.clone()));
        MediaObject {
            id: name(stored.len() - 1),
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
impl MediaSink for FakeMedia {
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
impl MediaResolver for FakeMedia {
    async fn existing(&self, _: &UserId, _: &[String]) -> Result<HashSet<String>> {
        unreachable!("pictures have no history")
    }

    async fn resolve(&self, owner: &UserId, ids: &[String], want: Want) -> Result<HashMap<String, Resolved>> {
        let stored = self.0.lock();
        let found = ids.iter().map(|id| {
            let at = (0..stored.len()).find(|at| name(*at) == *id && stored[*at].0 == *owner);
            let at = at.ok_or_else(|| Error::invalid("id", format!("no {id}")).with_code("unknown_media"))?;
            let url = match want {
                Want::DataUrl => format!("data:image/png;base64,{}", STANDARD.encode(&stored[at].1)),
                Want::Link => format!("https://link/{id}"),
            };
            let (mime, bytes) = ("image/png".into(), stored[at].1.len() as u64);
            Ok((id.clone(), Resolved { mime, bytes, filename: None, url, expires_at: None }))
        });
        found.collect()
    }
}

/// Returns the given images and records the requests.
struct FakeProvider {
    data: Value,
    requests: Mutex<Vec<ImageRequest>>,
}

#[async_trait]
impl ImageProvider for FakeProvider {
    async fn generate(&self, request: ImageRequest) -> Result<ImageReply> {
        let streams = request.members.get("stream")?.unwrap_or(false);
        self.requests.lock().push(request);
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

struct Fixture {
    images: Images,
    provider: Arc<FakeProvider>,
    media: Arc<FakeMedia>,
    conversations: Conversations,
    me: UserId,
}

fn fixture(data: Value) -> Fixture {
    let media = Arc::new(FakeMedia::default());
    let provider = Arc::new(FakeProvider { data, requests: Mutex::default() });
    let conversations = Conversations::new(&crate::store::memory_store(), Arc::new(SystemClock));
    let settings = ImageSettings { model: Some("z-image".into()), ..ImageSettings::default() };
    let images =
        Images::new(media.clone(), conversations.clone(), settings).provider("mine", provider.clone());
    Fixture { images, provider, media, conversations, me: UserId::new("me") }
}

impl Fixture {
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

    fn sent(&self) -> Value {
        serde_json::from_slice(&self.provider.requests.lock().last().unwrap().members.to_bytes()).unwrap()
    }
}

fn base64(text: &str) -> String {
    STANDARD.encode(text)
}

#[tokio::test]
async fn an_image_is_stored_returned_as_a_link_and_added_to_the_conversation() {
    let fixture = fixture(json!([{"b64_json": base64("fox"), "revised_prompt": "a red fox"}]));
    let conversation = fixture.conversations.create(&fixture.me, NewConversation::default()).await.unwrap().0;
    let body = json!({
        "prompt": "a fox", "n": 1, "conversation_id": conversation.id, "store": true, "provider_id": "mine", "seed": 5,
    });
    let reply = fixture.generate(body).await.unwrap();
    assert_eq!((&reply["created"], &reply["usage"]["total_tokens"]), (&json!(7), &json!(3)));
    let picture = &reply["data"][0];
    assert_eq!(picture["url"], format!("https://link/{}", name(0)));
    assert_eq!((&picture["id"], &picture["revised_prompt"]), (&json!(name(0)), &json!("a red fox")));
    assert!(picture.get("b64_json").is_none());
    assert_eq!(fixture.media.0.lock()[0].1, "fox");
    let wanted =
        json!({"prompt": "a fox", "n": 1, "seed": 5, "model": "z-image", "response_format": "b64_json"});
    assert_eq!(fixture.sent(), wanted);
    let page = PageRequest::default();
    let items = fixture.conversations.items(&fixture.me, &conversation.id, None, &page).await.unwrap().items;
    let item: Value = serde_json::from_slice(&items[0].body.to_bytes()).unwrap();
    assert_eq!((&item["type"], &item["prompt"]), (&json!("image_generation"), &json!("a fox")));
    assert_eq!(item["content"][0]["image"]["file_id"], name(0));
}

#[tokio::test]
async fn images_are_returned_as_base64_on_request() {
    let fixture = fixture(json!([{"b64_json": base64("fox")}, {"url": "https://here/hen"}]));
    let reply = fixture.generate(json!({"prompt": "x", "response_format": "b64_json"})).await.unwrap();
    assert_eq!(
        (&reply["data"][0]["b64_json"], &reply["data"][0]["id"]),
        (&json!(base64("fox")), &json!(name(0)))
    );
    assert_eq!(
        (&reply["data"][1]["b64_json"], &reply["data"][1]["id"]),
        (&json!(base64("hen")), &json!(name(1)))
    );
    assert!(reply["data"][1].get("url").is_none());
}

#[tokio::test]
async fn an_image_that_cannot_be_fetched_keeps_the_upstreams_url() {
    let fixture = fixture(json!([{"url": "https://elsewhere/fox"}]));
    let reply = fixture.generate(json!({"prompt": "x"})).await.unwrap();
    assert_eq!(reply["data"], json!([{"url": "https://elsewhere/fox"}]));
}

#[tokio::test]
async fn a_stream_stores_only_the_completed_image() {
    let fixture = fixture(json!([
        {"type": "image_generation.partial_image", "b64_json": base64("f"), "partial_image_index": 0},
        {"type": "image_generation.completed", "b64_json": base64("fox"), "usage": {}},
    ]));
    let body = json!({"prompt": "x", "stream": true, "model": "gpt-image-1", "response_format": "b64_json"});
    let events = fixture.generate(body).await.unwrap();
    assert_eq!(events[0]["b64_json"], base64("f"));
    assert_eq!((&events[1]["b64_json"], &events[1]["id"]), (&json!(base64("fox")), &json!(name(0))));
    assert!(fixture.sent().get("response_format").is_none(), "this model refuses the parameter");
}

#[tokio::test]
async fn source_images_are_named_by_id_by_url_and_in_base64() {
    let fixture = fixture(json!([{"b64_json": base64("new")}]));
    let id = fixture.media.put(&fixture.me, "old".into()).id;
    let body = json!({
        "prompt": "x", "size": "original", "mask": {"url": "https://here/mask"},
        "image": [id, {"id": id}, {"url": format!("data:image/png;{id}")}, {"b64_json": base64("inline")}],
        "images": [{"image_url": "https://here/linked"}, {"file_id": id}],
    });
    fixture.edit(body).await.map(drop).unwrap();
    let request = fixture.provider.requests.lock().pop().unwrap();
    let sent: Vec<_> = request.pictures.iter().map(|picture| picture.bytes.clone()).collect();
    assert_eq!(sent, ["old", "old", "old", "inline", "linked", "old"]);
    assert_eq!(request.mask.unwrap().bytes, "mask");
    assert!(request.members.raw("size").is_none() && request.members.raw("image").is_none());
}

#[tokio::test]
async fn errors_name_the_member_before_an_image_is_generated() {
    let fixture = fixture(json!([]));
    let foreign = fixture.media.put(&UserId::new("another"), "theirs".into()).id;
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
        let error = fixture.generate(body.clone()).await.unwrap_err();
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
        let error = fixture.edit(body.clone()).await.map(drop).unwrap_err();
        assert_eq!(error.param(), Some(param), "{body}: {error:?}");
    }
    assert!(fixture.provider.requests.lock().is_empty());
    let none = Images::new(fixture.media.clone(), fixture.conversations.clone(), ImageSettings::default());
    let error = none.generate(&fixture.me, NewImage::new("x")).await.map(drop).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Invalid, "image_generation_disabled"));
}
