//! What a share shows, frozen: the words of user and assistant, and nothing that says whose they are. Every member that
//! stands in a snapshot is named here; what a conversation, an item or a block holds besides (metadata, project, referrer,
//! instructions, thoughts, files, arguments and outputs of tools) cannot get into one.

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
/// A conversation of fewer items says nothing yet.
const LEAST_ITEMS: usize = 2;

/// What a share shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Snapshot {
    /// What it is called.
    pub title: String,
    /// The model that gave the last answer, where that is known.
    pub model_name: Option<String>,
    /// Who answered, where they have a name.
    pub assistant_name: Option<String>,
    /// When it was frozen, in seconds since the Unix epoch.
    pub created_at: i64,
    /// What was said.
    pub items: Vec<SharedItem>,
}

/// One thing that was said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SharedItem {
    /// Its id in the conversation.
    pub id: String,
    /// `message`, or the type of a tool's call or output.
    #[serde(rename = "type")]
    pub kind: String,
    /// `user` or `assistant`, for messages.
    pub role: Option<String>,
    /// Its blocks, for messages.
    pub content: Vec<Value>,
    /// The call that a tool's item is about.
    pub call_id: Option<String>,
    /// When it was said, in seconds since the Unix epoch.
    pub created_at: i64,
}

/// What is to be frozen, as far as it was read.
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

    /// All of a branch.
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

    /// One answer, and what was said before it if that is wanted.
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

    /// Reads a branch from its beginning, up to and with an item if one is named.
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

    pub(super) fn frozen(self, title: String, now: Millis) -> Snapshot {
        let Self { items, model: model_name, .. } = self;
        Snapshot { title, model_name, assistant_name: None, created_at: seconds(now), items }
    }
}

/// An item as the public may see it; instructions and thoughts it may not.
fn shared(item: &Item, images: bool) -> Result<Option<SharedItem>> {
    let (kind, role) = (item.text("type").unwrap_or_default(), item.text("role"));
    let is_said = kind == "message" && matches!(role.as_deref(), Some("user" | "assistant"));
    let is_tool = kind.ends_with("_call") || kind.ends_with("_output");
    if !is_said && !is_tool {
        return Ok(None);
    }
    let content: Vec<Value> =
        if is_said { item.body.get("content")?.unwrap_or_default() } else { Vec::new() };
    let content = content.iter().filter_map(|block| shown(block, images)).collect();
    let (id, call_id) = (item.id.clone(), item.text("call_id"));
    Ok(Some(SharedItem { id, kind, role, content, call_id, created_at: seconds(item.created_at) }))
}

/// A block as the public may see it: words, and pictures if they are wanted.
fn shown(block: &Value, images: bool) -> Option<Value> {
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
    // A quotation of the web is public; one of a file names the file.
    if let Some(Value::Array(annotations)) = shown.get_mut("annotations") {
        annotations.retain(|one| one.get("type").and_then(Value::as_str) == Some("url_citation"));
    }
    Some(Value::Object(shown))
}
