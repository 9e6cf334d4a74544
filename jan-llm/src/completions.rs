//! Stored chat completions (`store: true` without a conversation), as in OpenAI's API: they can be listed, read, given
//! metadata and deleted.

use std::sync::Arc;

use jan_core::chat::{AnswerBody, Message};
use jan_core::conversation::Metadata;
use jan_core::page::{Page, PageRequest};
use jan_core::record::{Records, TypedRecord};
use jan_core::{ChatRequest, Clock, Error, ErrorKind, JsonObject, Result, Transaction, UserId, id};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};

use crate::conversations::check_metadata;
use crate::store::Store;

/// The service for stored chat completions. Cheap to clone.
#[derive(Clone)]
pub struct Completions {
    records: Records<Completion>,
    clock: Arc<dyn Clock>,
}

/// The stored form of a completion.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Completion {
    messages: Vec<Message>,
    metadata: Metadata,
    /// The answer exactly as it was sent to the caller.
    answer: Box<RawValue>,
}

/// A completion whose answer has not arrived yet.
pub(crate) struct Pending {
    pub(crate) id: String,
    messages: Vec<Message>,
    metadata: Metadata,
}

/// The members of a completion that can be changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CompletionPatch {
    /// Up to 16 pairs; they replace the stored metadata.
    pub metadata: Metadata,
}

impl TryFrom<&JsonObject> for CompletionPatch {
    type Error = Error;

    fn try_from(body: &JsonObject) -> Result<Self> {
        Ok(Self { metadata: body.required("metadata")? })
    }
}

/// Which completions to list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only completions that this model answered.
    pub model: Option<String>,
    /// Only completions whose metadata contains all these pairs.
    pub metadata: Metadata,
}

impl Filter {
    fn matches_metadata(&self, completion: &TypedRecord<Completion>) -> bool {
        self.metadata.iter().all(|(key, value)| completion.body.metadata.get(key) == Some(value))
    }
}

impl Completions {
    /// The completions in `store`.
    pub fn new(store: &Store, clock: Arc<dyn Clock>) -> Self {
        Self { records: Records::new("chat.completion", store.records.clone()), clock }
    }

    /// Checks what can be checked before the model is called. The id is generated here, because upstreams do not
    /// promise that their ids are unique.
    pub(crate) fn begin(&self, request: &ChatRequest, messages: &[Message]) -> Result<Pending> {
        let metadata: Metadata = request.get("metadata")?.unwrap_or_default();
        check_metadata(&metadata)?;
        Ok(Pending { id: id::random("chatcmpl-", 24), messages: messages.to_vec(), metadata })
    }

    /// The record of a completion with its answer. The record's group is the model that answered, so that completions
    /// can be listed by model.
    pub(crate) fn answered(
        &self,
        pending: Pending,
        answer: &AnswerBody,
        bytes: &[u8],
    ) -> Result<TypedRecord<Completion>> {
        let bytes = serde_json::from_slice(bytes).map_err(Error::internal)?;
        let body = Completion { messages: pending.messages, metadata: pending.metadata, answer: bytes };
        Ok(TypedRecord::new(pending.id, self.clock.millis(), body).group(Some(answer.model.clone())))
    }

    /// Stores a completion in the caller's transaction, which also stores its chat turn.
    pub(crate) async fn insert_in(
        &self,
        tx: &mut Transaction,
        owner: &UserId,
        completion: &TypedRecord<Completion>,
    ) -> Result<()> {
        self.records.insert_in(tx, owner, completion).await
    }

    /// A page of the owner's completions, by creation time.
    ///
    /// # Errors
    /// As [`Records::list`].
    pub async fn list(
        &self,
        owner: &UserId,
        filter: &Filter,
        page: &PageRequest,
    ) -> Result<Page<JsonObject>> {
        let mut found = Vec::new();
        let mut at = page.clone();
        loop {
            let next = self.records.list(owner, filter.model.as_deref(), &at).await?;
            at.after = next.items.last().map(|last| last.id.clone());
            for completion in next.items.iter().filter(|completion| filter.matches_metadata(completion)) {
                if found.len() == page.limit as usize {
                    return Ok(Page { items: found, has_more: true });
                }
                found.push(shape(completion)?);
            }
            let full = found.len() == page.limit as usize;
            if !next.has_more || full && filter.metadata.is_empty() {
                return Ok(Page { items: found, has_more: next.has_more });
            }
        }
    }

    /// How many completions [`Completions::list`] lists on all pages.
    ///
    /// # Errors
    /// The store's.
    pub async fn count(&self, owner: &UserId, filter: &Filter) -> Result<u64> {
        let model = filter.model.as_deref();
        if filter.metadata.is_empty() {
            return self.records.count(owner, model).await;
        }
        let all = self.records.all(owner, model).await?;
        Ok(all.iter().filter(|completion| filter.matches_metadata(completion)).count() as u64)
    }

    /// The completion with this id: the answer as it was sent, with the current metadata.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`].
    pub async fn get(&self, owner: &UserId, id: &str) -> Result<JsonObject> {
        shape(&self.load(owner, id).await?)
    }

    /// The messages of the request, each with an id.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; [`ErrorKind::Invalid`] naming `after` when it is the id of none of these messages.
    pub async fn messages(&self, owner: &UserId, id: &str, page: &PageRequest) -> Result<Page<Value>> {
        let completion = self.load(owner, id).await?;
        let messages: Vec<(usize, Value)> = completion
            .body
            .messages
            .iter()
            .enumerate()
            .map(|(i, message)| (i, message_shape(id, i, message)))
            .collect();
        let after = match &page.after {
            None => None,
            Some(after) => {
                let found =
                    messages.iter().find(|(_, message)| message.get("id").is_some_and(|id| id == after));
                Some(found.ok_or_else(|| page.unknown_cursor())?.0)
            }
        };
        Ok(page.cut(messages.iter(), after, |(i, _)| *i).map(|(_, message)| message))
    }

    /// Replaces the metadata.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] naming the pair, [`ErrorKind::NotFound`].
    pub async fn update(&self, owner: &UserId, id: &str, patch: CompletionPatch) -> Result<JsonObject> {
        let CompletionPatch { metadata } = patch;
        check_metadata(&metadata)?;
        let change = |completion: &mut TypedRecord<Completion>| {
            completion.body.metadata.clone_from(&metadata);
            Ok(())
        };
        let changed = self.records.update(owner, id, change).await;
        shape(&changed.map_err(|e| if e.kind() == ErrorKind::NotFound { not_found(id) } else { e })?)
    }

    /// Deletes a completion.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`].
    pub async fn delete(&self, owner: &UserId, id: &str) -> Result<()> {
        if self.records.delete(owner, id).await? { Ok(()) } else { Err(not_found(id)) }
    }

    async fn load(&self, owner: &UserId, id: &str) -> Result<TypedRecord<Completion>> {
        self.records.get(owner, id).await?.ok_or_else(|| not_found(id))
    }
}

fn shape(completion: &TypedRecord<Completion>) -> Result<JsonObject> {
    let mut shape = JsonObject::parse(completion.body.answer.get().to_owned().into())?;
    shape.set("id", &completion.id)?;
    shape.set("metadata", &completion.body.metadata)?;
    Ok(shape)
}

/// As in OpenAI's API, `content` is a text or null, and an array of content parts is in `content_parts`.
fn message_shape(id: &str, i: usize, message: &Message) -> Value {
    let mut shape = json!(message);
    if let Some(members) = shape.as_object_mut() {
        members.insert("id".into(), format!("{id}-{i}").into());
        if let Some(parts) = members.get("content").filter(|content| content.is_array()).cloned() {
            members.insert("content".into(), message.text().into());
            members.insert("content_parts".into(), parts);
        }
    }
    shape
}

fn not_found(id: &str) -> Error {
    Error::not_found(format!("There is no kept chat completion `{id}`.")).with_code("completion_not_found")
}
