//! The content of a share: the messages of user and assistant, without anything that identifies the owner. Only members
//! that are listed here are copied. Everything else in a conversation, item or block (metadata, project, referrer,
//! instructions, reasoning, files, arguments and outputs of tools) is left out.

use jan_core::clock::seconds;
use jan_core::conversation::{Item, ItemRef};
use jan_core::record::Millis;
use jan_core::{Error, ErrorKind, Result, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{ShareOptions, whole_list};
use crate::conversations::Conversations;

/// The most bytes of a snapshot as JSON.
pub const MAX_SNAPSHOT: usize = 10 * 1024 * 1024;
/// The fewest items of a conversation that can be shared.
const LEAST_ITEMS: usize = 2;

/// The content of a share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Snapshot {
    /// The title of the share.
    pub title: String,
    /// The model of the last answer, if it is known.
    pub model_name: Option<String>,
    /// The display name of the assistant, if it has one.
    pub assistant_name: Option<String>,
    /// When the snapshot was taken, in seconds since the Unix epoch.
    pub created_at: i64,
    /// The shared items, oldest first.
    pub items: Vec<SharedItem>,
}

/// One item of a share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SharedItem {
    /// The item's id in the conversation.
    pub id: String,
    /// `message`, or the type of a tool call or output.
    #[serde(rename = "type")]
    pub kind: String,
    /// `user` or `assistant`, for messages.
    pub role: Option<String>,
    /// The content blocks, for messages.
    pub content: Vec<Value>,
    /// The id of the tool call, for tool calls and outputs.
    pub call_id: Option<String>,
    /// When the item was created, in seconds since the Unix epoch.
    pub created_at: i64,
}

/// The items read so far for a snapshot.
pub(super) struct Collected {
    items: Vec<SharedItem>,
    model: Option<String>,
    bytes: usize,
    images: bool,
}

impl Collected {
    fn new(options: ShareOptions) -> Self {
        Self { items: Vec::new(), model: None, bytes: 0, images: options.include_images }
    }

    /// Reads all items of a branch.
    pub(super) async fn conversation(
        conversations: &Conversations,
        owner: &UserId,
        id: &str,
        branch: Option<String>,
        options: ShareOptions,
    ) -> Result<Self> {
        let mut all = Self::new(options);
        all.read(conversations, owner, id, branch.as_deref(), None).await?;
        if all.items.len() < LEAST_ITEMS {
            let message = format!("A conversation can be shared when it has {LEAST_ITEMS} items.");
            return Err(Error::invalid("conversation_id", message).with_code("too_few_items"));
        }
        Ok(all)
    }

    /// Reads one answer, and the messages before it if the options include them.
    pub(super) async fn answer(
        conversations: &Conversations,
        owner: &UserId,
        id: &str,
        item: &str,
        branch: Option<String>,
        options: ShareOptions,
    ) -> Result<Self> {
        let answer = conversations.item(owner, id, ItemRef::Id(item)).await?;
        let is = |member: &str, wanted: &str| answer.text(member).as_deref() == Some(wanted);
        if !(is("type", "message") && is("role", "assistant") && is("status", "completed")) {
            let message = "Only a completed message of the assistant can be shared by itself.";
            return Err(Error::invalid("item_id", message).with_code("not_shareable"));
        }
        let mut one = Self::new(options);
        if options.include_context_messages {
            let branch = branch.unwrap_or_else(|| answer.branch.clone());
            one.read(conversations, owner, id, Some(&branch), Some(item)).await?;
        } else {
            one.add(&answer)?;
        }
        Ok(one)
    }

    /// Reads a branch from its beginning, up to and including the item `until`.
    async fn read(
        &mut self,
        conversations: &Conversations,
        owner: &UserId,
        id: &str,
        branch: Option<&str>,
        until: Option<&str>,
    ) -> Result<()> {
        let mut page = whole_list();
        loop {
            let next = conversations.items(owner, id, branch, &page).await?;
            page.after = next.items.last().map(|item| item.id.clone());
            for item in &next.items {
                self.add(item)?;
                if until == Some(&item.id) {
                    return Ok(());
                }
            }
            if !next.has_more {
                break;
            }
        }
        let missing = |item| Error::not_found(format!("There is no item `{item}` on this branch."));
        until.map_or(Ok(()), |item| Err(missing(item).with_code("item_not_found")))
    }

    fn add(&mut self, item: &Item) -> Result<()> {
        let Some(shared) = shared(item, self.images)? else { return Ok(()) };
        self.bytes += serde_json::to_vec(&shared).map_err(Error::internal)?.len();
        if self.bytes > MAX_SNAPSHOT {
            let message = format!("What is shared must have at most {MAX_SNAPSHOT} bytes.");
            return Err(Error::new(ErrorKind::TooLarge, message).with_code("share_too_large"));
        }
        if shared.role.as_deref() == Some("assistant") {
            self.model = item.text("model").or(self.model.take());
        }
        self.items.push(shared);
        Ok(())
    }

    pub(super) fn into_snapshot(self, title: String, now: Millis) -> Snapshot {
        let Self { items, model: model_name, .. } = self;
        Snapshot { title, model_name, assistant_name: None, created_at: seconds(now), items }
    }
}

/// The public form of an item; `None` for items that are not public (instructions, reasoning, …).
fn shared(item: &Item, images: bool) -> Result<Option<SharedItem>> {
    let (kind, role) = (item.text("type").unwrap_or_default(), item.text("role"));
    let is_message = kind == "message" && matches!(role.as_deref(), Some("user" | "assistant"));
    let is_tool = kind.ends_with("_call") || kind.ends_with("_output");
    if !is_message && !is_tool {
        return Ok(None);
    }
    let content: Vec<Value> =
        if is_message { item.body.get("content")?.unwrap_or_default() } else { Vec::new() };
    let content = content.iter().filter_map(|block| shared_block(block, images)).collect();
    let (id, call_id) = (item.id.clone(), item.text("call_id"));
    Ok(Some(SharedItem { id, kind, role, content, call_id, created_at: seconds(item.created_at) }))
}

/// The public form of a content block: text, and images if the options include them. `None` for all other blocks.
fn shared_block(block: &Value, images: bool) -> Option<Value> {
    let members: &[&str] = match block.get("type")?.as_str()? {
        "text" | "input_text" | "output_text" => &["type", "text", "annotations"],
        "refusal" => &["type", "refusal"],
        "image" | "image_url" | "input_image" | "output_image" if images => {
            &["type", "image_url", "image", "detail"]
        }
        _ => return None,
    };
    let mut shown: Map<String, Value> = members
        .iter()
        .filter_map(|member| Some(((*member).to_owned(), block.get(*member)?.clone())))
        .collect();
    // A citation of a web page is public; a citation of a file would show the file's name.
    if let Some(Value::Array(annotations)) = shown.get_mut("annotations") {
        annotations.retain(|one| one.get("type").and_then(Value::as_str) == Some("url_citation"));
    }
    Some(Value::Object(shown))
}
