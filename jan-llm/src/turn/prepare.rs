//! From a request to a turn: which conversation is meant, what was said in it, what of the request is new, what the model
//! is told first, and what of all that fits.

use jan_core::chat::Message;
use jan_core::conversation::{Conversation, Fork, Item, ItemRef};
use jan_core::{ChatRequest, Error, ErrorKind, JsonObject, ModelProvider, Result, UserId, id};
use jiff::Timestamp;
use serde::Deserialize;

use super::keep::{Destination, Kept};
use super::plan::Plan;
use super::{Keeper, Manner};
use crate::conversations::{check_referrer, in_order, to_messages};
use crate::media::only_before;
use crate::prompt::{PromptInputs, compose};
use crate::trim::{DEFAULT_CONTEXT, Window};

/// Requests shorter than this are not worth asking how much the model can read.
const SHORT: usize = 8 * 1024;

/// What a request says about keeping it; these members are ours and do not reach the model.
pub(crate) struct Wishes {
    conversation: Option<Named>,
    store: Option<bool>,
    reasoning: bool,
    deep_research: bool,
}

/// `conversation` as a string, or an object with an id or without.
#[derive(Deserialize)]
#[serde(untagged)]
enum Named {
    Id(String),
    Object { id: Option<String> },
}

impl Wishes {
    /// The wishes of a request; `None` when it is to be answered and forgotten.
    pub(crate) fn of(request: &ChatRequest, manner: &Manner<'_>) -> Result<Option<Self>> {
        let conversation: Option<Named> = request.get("conversation").map_err(|_| {
            Error::invalid(
                "conversation",
                "`conversation` must be an id, or an object that may hold an `id`.",
            )
        })?;
        let store: Option<bool> = request.get("store")?;
        let from = manner.referrer.is_some_and(|from| !from.is_empty());
        if conversation.is_none() && !from && store != Some(true) {
            return Ok(None);
        }
        let reasoning = request.get("store_reasoning")?.unwrap_or(false);
        let deep_research = request.get("deep_research")?.unwrap_or(false);
        Ok(Some(Self { conversation, store, reasoning, deep_research }))
    }

    /// Whether a conversation is meant, or only a chat completion that is kept.
    fn attaches(&self, manner: &Manner<'_>) -> bool {
        self.conversation.is_some() || manner.referrer.is_some_and(|from| !from.is_empty())
    }
}

impl Keeper {
    /// The request as the model gets it, and what is kept of the turn.
    pub(crate) async fn prepare(
        &self,
        provider: &dyn ModelProvider,
        request: ChatRequest,
        owner: &UserId,
        wishes: Wishes,
        manner: &Manner<'_>,
    ) -> Result<(ChatRequest, Kept)> {
        let now = self.clock.millis();
        let said = request.messages()?;
        let completion = match wishes.store {
            Some(true) => Some(self.completions.begin(&request, &said)?),
            _ => None,
        };
        let mut kept = Kept::new(self.clone(), owner.clone(), request.model(), wishes.reasoning, completion);
        let request = ["conversation", "store", "store_reasoning", "deep_research"]
            .into_iter()
            .fold(request, ChatRequest::without);
        let request = if wishes.store == Some(true) { request.without("metadata") } else { request };
        if !wishes.attaches(manner) {
            return Ok((request, kept));
        }
        let (conversation, is_new) = match wishes.conversation {
            Some(Named::Id(id) | Named::Object { id: Some(id) }) => {
                (self.conversations.get(owner, &id).await.map_err(|e| e.param("conversation"))?, false)
            }
            _ => (self.begun(manner)?, true),
        };
        let plan = match is_new {
            true => Plan::of_new(said.clone(), now)?,
            false => self.plan(owner, &conversation.id, &said).await?,
        };
        let stores = wishes.store != Some(false);
        kept.fresh = plan.fresh;
        kept.old_media = plan.old_media;
        kept.tip = plan.tip;
        kept.destination = self.destination(plan.again.map(|(item, _)| item));
        kept.said = if stores && !is_new { said } else { Vec::new() };
        kept.attach(conversation, is_new, stores);
        let request =
            self.told(provider, request, plan.talk, &mut kept, wishes.deep_research, manner).await?;
        Ok((request, kept))
    }

    /// A turn that answers again: the model is told `before` and `fresh`, and the answer goes where `fork` says.
    pub(crate) async fn prepare_again(
        &self,
        provider: &dyn ModelProvider,
        body: &JsonObject,
        owner: &UserId,
        conversation: Conversation,
        Again { before, fresh, fork, model }: Again,
    ) -> Result<(ChatRequest, Kept)> {
        let model = body.get("model")?.or(model).ok_or_else(|| {
            Error::invalid("model", "`model` is required: nothing says which one answered before.")
                .code("missing_parameter")
        })?;
        let (told, new) = (to_messages(&before), to_messages(&fresh));
        let old_media = only_before(&told, &new);
        let talk: Vec<Message> = told.into_iter().chain(new).collect();
        let mut asked = body.clone();
        let reasoning = body.get("store_reasoning")?.unwrap_or(false);
        let deep_research = body.get("deep_research")?.unwrap_or(false);
        for ours in
            ["content", "regenerate", "answer", "conversation", "store", "store_reasoning", "deep_research"]
        {
            asked.remove(ours);
        }
        asked.set("model", &model)?;
        asked.set("messages", &talk)?;
        let request = ChatRequest::parse(asked.to_bytes())?;
        let mut kept = Kept::new(self.clone(), owner.clone(), &model, reasoning, None);
        (kept.fresh, kept.old_media) = (fresh, old_media);
        kept.attach(conversation, false, true);
        kept.destination = Destination::Fork(Box::new(fork));
        let request =
            self.told(provider, request, talk, &mut kept, deep_research, &Manner::default()).await?;
        Ok((request, kept))
    }

    /// A conversation that a chat begins.
    fn begun(&self, manner: &Manner<'_>) -> Result<Conversation> {
        let now = self.clock.millis();
        let referrer = manner.referrer.filter(|from| !from.is_empty()).map(str::to_owned);
        if let Some(referrer) = &referrer {
            check_referrer(referrer)?;
        }
        Ok(Conversation {
            id: id::short("conv_"),
            referrer,
            created_at: now,
            updated_at: now,
            ..Conversation::default()
        })
    }

    /// Puts instructions before the talk, cuts it to what the model can read, and makes it the request's messages.
    async fn told(
        &self,
        provider: &dyn ModelProvider,
        request: ChatRequest,
        talk: Vec<Message>,
        kept: &mut Kept,
        deep_research: bool,
        manner: &Manner<'_>,
    ) -> Result<ChatRequest> {
        let (instructions, rest): (Vec<Message>, Vec<Message>) = in_order(talk)
            .into_iter()
            .partition(|message| matches!(message.role.as_str(), "system" | "developer"));
        kept.count_user_messages(&rest);
        let talk: Vec<Message> = instructions.into_iter().chain(rest).collect();
        let project = match kept.project_id() {
            Some(id) => match self.projects.get(&kept.owner, id).await {
                // Deleted at this moment; a store that fails is another matter.
                Err(error) if error.kind() == ErrorKind::NotFound => None,
                project => Some(project?),
            },
            None => None,
        };
        let (_, settings) = self.settings.read(&kept.owner).await?;
        let templates = self.templates.all_active().await?;
        let date = today(self.clock.millis())?;
        let (talk, applied) = compose(
            talk,
            &PromptInputs {
                deep_research,
                project_instruction: project.as_ref().and_then(|project| project.body.instruction.as_deref()),
                profile: Some(&settings.profile_settings),
                orchestration: self.orchestration,
                date: Some(&date),
                tools: request
                    .get::<Vec<serde::de::IgnoredAny>>("tools")?
                    .is_some_and(|tools| !tools.is_empty()),
                persona: manner.persona,
                disabled: &settings.disabled_modules(),
                templates: &|key| templates.get(key),
                memory: &[],
            },
        );
        kept.applied = applied;
        let request = request.with("messages", &talk);
        if request.to_bytes().len() < SHORT {
            return Ok(request);
        }
        let tools: Option<Box<serde_json::value::RawValue>> = request.get("tools")?;
        let most = request.get::<u32>("max_completion_tokens")?.or(request.get("max_tokens")?);
        let context = context(provider, request.model()).await;
        let tools = tools.as_ref().map(|tools| tools.get().as_bytes());
        let fitted = Window { context, max_tokens: most, tools }.fit(talk);
        kept.trimmed = fitted.trimmed;
        Ok(if fitted.trimmed { request.with("messages", &fitted.messages) } else { request })
    }

    /// The user's message that `item` is or answers; what the active branch shows before it; and the model that answered
    /// last.
    pub(crate) async fn question(
        &self,
        owner: &UserId,
        id: &str,
        item: &str,
    ) -> Result<(Vec<Item>, Item, Option<String>)> {
        let there = self.conversations.item(owner, id, ItemRef::Id(item)).await?;
        let mut items = self.history(owner, id).await?.items;
        let at = items.iter().position(|known| known.id == there.id).ok_or_else(|| {
            Error::invalid("item_id", "The item is not on the active branch, or too far back.")
                .code("not_on_branch")
        })?;
        let model = items.iter().rev().find_map(|item| item.text("model"));
        items.truncate(at + 1);
        while let Some(last) = items.pop() {
            if last.text("role").as_deref() == Some("user") {
                return Ok((items, last, model));
            }
        }
        Err(Error::invalid("item_id", "No message of a user stands before this item.")
            .code("nothing_to_answer"))
    }
}

/// A turn that is answered again.
pub(crate) struct Again {
    /// What was said before.
    pub(crate) before: Vec<Item>,
    /// What is said anew.
    pub(crate) fresh: Vec<Item>,
    /// Where it goes.
    pub(crate) fork: Fork,
    /// The model, unless the body names one.
    pub(crate) model: Option<String>,
}

/// How much the model can read, as its provider says.
async fn context(provider: &dyn ModelProvider, model: &str) -> u32 {
    let models = provider.models().await.unwrap_or_default();
    let found = models.iter().find(|known| known.id == model);
    let told = found.and_then(|model| {
        ["context_length", "max_model_len", "context_window"]
            .iter()
            .find_map(|key| model.rest.get(*key)?.as_u64())
    });
    told.and_then(|context| u32::try_from(context).ok()).unwrap_or(DEFAULT_CONTEXT)
}

fn today(millis: i64) -> Result<String> {
    let now = Timestamp::from_millisecond(millis).map_err(Error::internal)?;
    Ok(now.strftime("%A, %d %B %Y").to_string())
}
