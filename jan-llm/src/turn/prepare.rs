//! From a request to a turn: which conversation is meant, what was said in it, what of the request is new, and what the
//! model is told first.

use jan_core::conversation::{Conversation, Fork, Item, ItemRef, RecentItem};
use jan_core::{Caller, ChatRequest, Error, ErrorKind, History, JsonObject, ModelCall, Result, UserId, id};
use jiff::Timestamp;
use serde::Deserialize;

use super::keep::{Destination, PendingTurn};
use super::plan::Plan;
use super::{Keeper, TurnOptions};
use crate::conversations::{AsMessage, HistoryMessage, check_referrer, in_order, to_json, to_messages};
use crate::layers::media::only_before;
use crate::prompt::{PromptInputs, compose_messages};

/// What a request says about keeping it; these members are ours and do not reach the model.
pub(crate) struct StoreOptions {
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

impl StoreOptions {
    /// The options of a request; `None` when it is to be answered and forgotten.
    pub(crate) fn of(request: &ChatRequest, options: &TurnOptions<'_>) -> Result<Option<Self>> {
        let conversation: Option<Named> = request.get("conversation").map_err(|_| {
            Error::invalid(
                "conversation",
                "`conversation` must be an id, or an object that may hold an `id`.",
            )
        })?;
        let store: Option<bool> = request.get("store")?;
        let from = options.referrer.is_some_and(|from| !from.is_empty());
        if conversation.is_none() && !from && store != Some(true) {
            return Ok(None);
        }
        let reasoning = request.get("store_reasoning")?.unwrap_or(false);
        let deep_research = request.get("deep_research")?.unwrap_or(false);
        Ok(Some(Self { conversation, store, reasoning, deep_research }))
    }

    /// Whether a conversation is meant, or only a chat completion that is kept.
    fn attaches(&self, options: &TurnOptions<'_>) -> bool {
        self.conversation.is_some() || options.referrer.is_some_and(|from| !from.is_empty())
    }
}

impl Keeper {
    /// The call as the model gets it, and what is kept of the turn.
    pub(crate) async fn prepare(
        &self,
        mut call: ModelCall,
        store: StoreOptions,
        options: &TurnOptions<'_>,
    ) -> Result<(ModelCall, PendingTurn)> {
        let (owner, now) = (call.caller.owner().clone(), self.clock.millis());
        let said = call.request.messages()?;
        let mut kept = PendingTurn::new(self.clone(), &call);
        kept.store_reasoning = store.reasoning;
        if store.store == Some(true) {
            kept.completion = Some(self.completions.begin(&call.request, &said)?);
            call.request = call.request.without("metadata");
        }
        call.request = ["conversation", "store", "store_reasoning", "deep_research"]
            .into_iter()
            .fold(call.request, ChatRequest::without);
        if !store.attaches(options) {
            return Ok((call, kept));
        }
        let (conversation, is_new, plan) = match store.conversation {
            Some(Named::Id(id) | Named::Object { id: Some(id) }) => {
                let recent = self.recent(&owner, &id).await.map_err(|e| e.with_param("conversation"))?;
                let plan = self.plan_after(&recent, &said)?;
                (recent.conversation, false, plan)
            }
            _ => (self.new_conversation(options)?, true, Plan::of_new(said.clone(), now)?),
        };
        let stores = store.store != Some(false);
        kept.fresh = plan.fresh;
        kept.tip = plan.tip;
        kept.destination = self.destination(plan.again.map(|(item, _)| item));
        kept.said = if stores && !is_new { said } else { Vec::new() };
        kept.attach(conversation, is_new, stores);
        let history = History { media: plan.old_media };
        let call =
            self.with_history(call, plan.talk, history, &mut kept, store.deep_research, options).await?;
        Ok((call, kept))
    }

    /// A turn that answers again: the model is told `before` and `fresh`, and the answer goes where `fork` says.
    pub(crate) async fn prepare_again(
        &self,
        caller: Caller,
        body: &JsonObject,
        conversation: Conversation,
        Again { before, fresh, fork, model }: Again,
    ) -> Result<(ModelCall, PendingTurn)> {
        let model = body.get("model")?.or(model).ok_or_else(|| {
            Error::invalid("model", "`model` is required: nothing says which one answered before.")
                .with_code("missing_parameter")
        })?;
        let (old, new) = (to_messages(&before), to_messages(&fresh));
        let history = History { media: only_before(&old, &new) };
        let talk: Vec<HistoryMessage> = old.into_iter().chain(new).map(HistoryMessage::from).collect();
        let mut asked = body.clone();
        let reasoning = body.get("store_reasoning")?.unwrap_or(false);
        let deep_research = body.get("deep_research")?.unwrap_or(false);
        for ours in
            ["content", "regenerate", "answer", "conversation", "store", "store_reasoning", "deep_research"]
        {
            asked.remove(ours);
        }
        asked.set("model", &model)?;
        asked.set_raw("messages", to_json(&talk)?);
        let call = ModelCall::new(ChatRequest::parse(asked.to_bytes())?, caller);
        let mut kept = PendingTurn::new(self.clone(), &call);
        kept.store_reasoning = reasoning;
        kept.fresh = fresh;
        kept.attach(conversation, false, true);
        kept.destination = Destination::Fork(Box::new(fork));
        let options = TurnOptions::default();
        let call = self.with_history(call, talk, history, &mut kept, deep_research, &options).await?;
        Ok((call, kept))
    }

    /// A conversation that a chat begins.
    fn new_conversation(&self, options: &TurnOptions<'_>) -> Result<Conversation> {
        let now = self.clock.millis();
        let referrer = options.referrer.filter(|from| !from.is_empty()).map(str::to_owned);
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

    /// Puts instructions before the messages of the conversation and makes all of them the request's messages.
    async fn with_history(
        &self,
        mut call: ModelCall,
        talk: Vec<HistoryMessage>,
        history: History,
        kept: &mut PendingTurn,
        deep_research: bool,
        options: &TurnOptions<'_>,
    ) -> Result<ModelCall> {
        let (mut talk, rest): (Vec<HistoryMessage>, Vec<HistoryMessage>) =
            in_order(talk).into_iter().partition(|message| matches!(message.role(), "system" | "developer"));
        kept.count_user_messages(&rest);
        talk.extend(rest);
        let owner = call.caller.owner();
        let project = match kept.project_id() {
            Some(id) => match self.projects.get(owner, id).await {
                // Deleted at this moment; a store that fails is another matter.
                Err(error) if error.kind() == ErrorKind::NotFound => None,
                project => Some(project?),
            },
            None => None,
        };
        let (_, settings) = self.settings.read(owner).await?;
        let templates = self.templates.all_active().await?;
        let date = today(self.clock.millis())?;
        let tools = call.request.get::<Vec<serde::de::IgnoredAny>>("tools")?;
        let inputs = PromptInputs {
            deep_research,
            project_instruction: project.as_ref().and_then(|project| project.body.instruction.as_deref()),
            profile: Some(&settings.profile_settings),
            orchestration: self.orchestration,
            date: Some(&date),
            tools: tools.is_some_and(|tools| !tools.is_empty()),
            persona: options.persona,
            disabled: &settings.disabled_modules(),
            templates: &|key| templates.get(key),
            memory: &[],
        };
        let (talk, applied) = compose_messages(talk, &inputs);
        kept.applied = applied;
        call.request = call.request.with_raw("messages", to_json(&talk)?);
        call.history = Some(history.into());
        call.caller.conversation = kept.conversation_id().map(str::to_owned);
        call.caller.project = kept.project_id().map(str::to_owned);
        Ok(call)
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
        let recent = self.recent(owner, id).await?;
        let mut items = recent.items.iter().map(RecentItem::read).collect::<Result<Vec<Item>>>()?;
        let at = items.iter().position(|known| known.id == there.id).ok_or_else(|| {
            Error::invalid("item_id", "The item is not on the active branch, or too far back.")
                .with_code("not_on_branch")
        })?;
        let model = items.iter().rev().find_map(|item| item.text("model"));
        items.truncate(at + 1);
        while let Some(last) = items.pop() {
            if last.text("role").as_deref() == Some("user") {
                return Ok((items, last, model));
            }
        }
        Err(Error::invalid("item_id", "No message of a user stands before this item.")
            .with_code("nothing_to_answer"))
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

fn today(millis: i64) -> Result<String> {
    let now = Timestamp::from_millisecond(millis).map_err(Error::internal)?;
    Ok(now.strftime("%A, %d %B %Y").to_string())
}
