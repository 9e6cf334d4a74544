//! Chat completions that are kept by themselves (`store: true`), as OpenAI keeps them: to be listed, read again, given
//! metadata, deleted.

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

/// Keeps chat completions. Cheap to clone.
#[derive(Clone)]
pub struct Completions {
    records: Records<Completion>,
    clock: Arc<dyn Clock>,
}

/// A completion as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Completion {
    messages: Vec<Message>,
    metadata: Metadata,
    /// The answer as its caller got it.
    answer: Box<RawValue>,
}

/// A completion that waits for its answer.
pub(crate) struct Pending {
    pub(crate) id: String,
    messages: Vec<Message>,
    metadata: Metadata,
}

/// What is changed of a completion.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CompletionPatch {
    /// Up to 16 pairs, in the place of those that are there.
    pub metadata: Metadata,
}

impl TryFrom<&JsonObject> for CompletionPatch {
    type Error = Error;

    fn try_from(body: &JsonObject) -> Result<Self> {
        Ok(Self { metadata: body.required("metadata")? })
    }
}

/// Which completions a list holds.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Those of a model.
    pub model: Option<String>,
    /// Those with these pairs.
    pub metadata: Metadata,
}

impl Filter {
    /// Whether a completion has all the pairs.
    fn fits(&self, kept: &TypedRecord<Completion>) -> bool {
        self.metadata.iter().all(|(key, value)| kept.body.metadata.get(key) == Some(value))
    }
}

impl Completions {
    /// The completions in `store`.
    pub fn new(store: &Store, clock: Arc<dyn Clock>) -> Self {
        Self { records: Records::new("chat.completion", store.records.clone()), clock }
    }

    /// Checks what can be checked before the model is asked. The id is ours: upstreams do not promise that theirs is one.
    pub(crate) fn begin(&self, request: &ChatRequest, messages: &[Message]) -> Result<Pending> {
        let metadata: Metadata = request.get("metadata")?.unwrap_or_default();
        check_metadata(&metadata)?;
        Ok(Pending { id: id::random("chatcmpl-", 24), messages: messages.to_vec(), metadata })
    }

    /// A completion with its answer, as it is kept. Completions are listed by the model that answered.
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

    /// Keeps a completion, as part of the transaction that also keeps its turn.
    pub(crate) async fn insert_in(
        &self,
        tx: &mut Transaction,
        owner: &UserId,
        completion: &TypedRecord<Completion>,
    ) -> Result<()> {
        self.records.insert_in(tx, owner, completion).await
    }

    /// A page of the owner's completions, by their making.
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
            for kept in next.items.iter().filter(|kept| filter.fits(kept)) {
                if found.len() == page.limit as usize {
                    return Ok(Page { items: found, has_more: true });
                }
                found.push(shape(kept)?);
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
        Ok(all.iter().filter(|kept| filter.fits(kept)).count() as u64)
    }

    /// The completion of this id, as its caller got it, with its metadata.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`].
    pub async fn get(&self, owner: &UserId, id: &str) -> Result<JsonObject> {
        shape(&self.kept(owner, id).await?)
    }

    /// The messages that were asked, each with an id.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; [`ErrorKind::Invalid`] naming `after` when it is none of them.
    pub async fn messages(&self, owner: &UserId, id: &str, page: &PageRequest) -> Result<Page<Value>> {
        let kept = self.kept(owner, id).await?;
        let messages: Vec<(usize, Value)> = kept
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
        let change = |kept: &mut TypedRecord<Completion>| {
            kept.body.metadata.clone_from(&metadata);
            Ok(())
        };
        let changed = self.records.update(owner, id, change).await;
        shape(&changed.map_err(|e| if e.kind() == ErrorKind::NotFound { not_found(id) } else { e })?)
    }

    /// Deletes one.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`].
    pub async fn delete(&self, owner: &UserId, id: &str) -> Result<()> {
        if self.records.delete(owner, id).await? { Ok(()) } else { Err(not_found(id)) }
    }

    async fn kept(&self, owner: &UserId, id: &str) -> Result<TypedRecord<Completion>> {
        self.records.get(owner, id).await?.ok_or_else(|| not_found(id))
    }
}

fn shape(kept: &TypedRecord<Completion>) -> Result<JsonObject> {
    let mut shape = JsonObject::parse(kept.body.answer.get().to_owned().into())?;
    shape.set("id", &kept.id)?;
    shape.set("metadata", &kept.body.metadata)?;
    Ok(shape)
}

/// Parts stand in `content_parts`; `content` is text or nothing, as OpenAI has it.
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
