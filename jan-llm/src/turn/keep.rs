//! What is kept of a turn, and how: all of it in one transaction, when the answer is whole.

use std::sync::Arc;
#[cfg(feature = "client")]
use std::time::Instant;

use futures_util::future::BoxFuture;
use jan_core::chat::{AnswerBody, Message};
use jan_core::conversation::{Append, BRANCH_MOVED, Branch, Conversation, Fork, Item, Naming, Tip};
use jan_core::{
    AuthMethod, CallReport, Caller, ChatAnswer, JsonObject, ModelCall, ModelProvider, Principal, Result,
    Transaction, UserId, record,
};
use serde_json::{Value, json};

use super::Keeper;
#[cfg(feature = "client")]
use super::keeper::TITLE_TIME;
use crate::completions::{Completion, Pending};
use crate::conversations::{AsMessage, HistoryMessage, from_message, item_shape, reasoning};
#[cfg(feature = "client")]
use crate::layers::TimeLimit;
use crate::titles;

/// How often a turn that is written is compared with a conversation that others write to at the same time.
const MAX_COMPARISONS: usize = 8;

/// A title that a model is asked for.
pub(super) type Asked = BoxFuture<'static, Option<String>>;

/// A turn that is to be kept.
pub(crate) struct PendingTurn {
    keeper: Keeper,
    pub(super) owner: UserId,
    model: String,
    /// Says whether the history was trimmed.
    report: CallReport,
    pub(super) store_reasoning: bool,
    pub(super) completion: Option<Pending>,
    conversation: Option<Conversation>,
    is_new: bool,
    stores: bool,
    pub(super) destination: Destination,
    /// All that the caller said, to be compared again when the turn is written.
    pub(super) said: Vec<Message>,
    /// What of it the conversation did not hold yet.
    pub(super) fresh: Vec<Item>,
    /// What the active branch ended with.
    pub(super) tip: Tip,
    pub(super) applied: Vec<&'static str>,
    user_messages: usize,
    first_words: String,
}

/// Where the turn goes.
pub(super) enum Destination {
    /// The end of the active branch.
    End,
    /// A branch that takes the active one's place.
    Fork(Box<Fork>),
}

impl PendingTurn {
    /// Nothing yet of what `call` says and is answered.
    pub(super) fn new(keeper: Keeper, call: &ModelCall) -> Self {
        Self {
            keeper,
            owner: call.caller.owner().clone(),
            model: call.request.model().to_owned(),
            report: call.report.clone(),
            store_reasoning: false,
            completion: None,
            conversation: None,
            is_new: false,
            stores: false,
            destination: Destination::End,
            said: Vec::new(),
            fresh: Vec::new(),
            tip: Tip::Any,
            applied: Vec::new(),
            user_messages: 0,
            first_words: String::new(),
        }
    }

    pub(super) fn attach(&mut self, conversation: Conversation, is_new: bool, stores: bool) {
        (self.conversation, self.is_new, self.stores) = (Some(conversation), is_new, stores);
    }

    pub(super) fn conversation_id(&self) -> Option<&str> {
        self.known().map(|conversation| conversation.id.as_str())
    }

    /// The conversation; none when it is a new one that is not kept.
    fn known(&self) -> Option<&Conversation> {
        self.conversation.as_ref().filter(|_| self.stores || !self.is_new)
    }

    pub(crate) fn project_id(&self) -> Option<&str> {
        self.conversation.as_ref()?.project_id.as_deref()
    }

    /// Whether older messages were left out of the request. Known when the provider has returned.
    pub(super) fn trimmed(&self) -> bool {
        self.report.trimmed()
    }

    /// Counts the user's messages, for the title that may be due.
    pub(super) fn count_user_messages(&mut self, messages: &[HistoryMessage]) {
        let mut users = messages.iter().filter(|message| message.role() == "user").peekable();
        self.first_words = users.peek().map(|first| first.message().text()).unwrap_or_default();
        self.user_messages = users.count();
    }

    /// The id under which a kept completion can be asked for later.
    pub(super) fn completion_id(&self) -> Option<&str> {
        self.completion.as_ref().map(|pending| pending.id.as_str())
    }

    /// What a client is told of the conversation, in the answer or in the stream's first chunk.
    pub(super) fn told(&self, title: Option<&str>) -> Option<Value> {
        let conversation = self.known()?;
        let mut told = json!({"id": conversation.id});
        let title = title.or(conversation.title.as_deref());
        if let (Some(members), Some(title)) = (told.as_object_mut(), title) {
            members.insert("title".into(), title.into());
        }
        Some(told)
    }

    /// Asks the operator's model for a title, if one is due and a model makes them. It is the operator who asks, and not the
    /// owner of the conversation: the tokens are not theirs. No longer than [`TITLE_TIME`].
    pub(super) fn ask_for_title(&self, provider: &Arc<dyn ModelProvider>) -> Option<Asked> {
        let model = self.keeper.titles.model.as_deref().filter(|_| self.title_is_due())?;
        let request = titles::request(model, &[Message::new("user", self.first_words.clone())]);
        let operator = Principal::new(UserId::system("titles").as_str(), AuthMethod::Open);
        let mut caller = Caller::from(operator);
        caller.conversation = self.conversation_id().map(str::to_owned);
        let provider = in_time(provider.clone(), &mut caller);
        Some(Box::pin(async move {
            let reply = provider.chat(ModelCall::new(request, caller)).await.ok()?;
            let answer = reply.into_answer().await.ok()?.parse().ok()?;
            titles::clean(&answer.choices.first()?.message.text())
        }))
    }

    fn title_is_due(&self) -> bool {
        let Some(conversation) = self.conversation.as_ref().filter(|_| self.stores) else { return false };
        let locked = conversation.title_locked
            || conversation.metadata.get("title_locked").is_some_and(|locked| locked == "true");
        titles::is_due(self.user_messages, conversation.title.as_deref().unwrap_or_default(), locked)
    }

    /// Keeps the turn of a whole answer, and adds to the answer what its caller is told beside it.
    pub(super) async fn finish_answer(
        mut self: Box<Self>,
        mut answer: ChatAnswer,
        asked: Option<String>,
    ) -> Result<(ChatAnswer, JsonObject)> {
        if let Some(id) = self.completion_id().map(str::to_owned) {
            answer.object_mut().set("id", &id)?;
        }
        let body = answer.parse()?;
        let trimmed = self.trimmed();
        let title = self.title(asked);
        let outcome = self.finish(body, &answer.to_bytes(), title.clone()).await?;
        if let Some(told) = self.told(title.as_deref()) {
            answer.object_mut().set("conversation", &told)?;
        }
        if trimmed {
            answer.object_mut().set("trimmed", &true)?;
        }
        Ok((answer, outcome))
    }

    /// The title that the conversation gets with this turn, if it gets one: the model's, or one made of the first words.
    pub(super) fn title(&self, asked: Option<String>) -> Option<String> {
        self.title_is_due().then(|| asked.unwrap_or_else(|| titles::plain(&self.first_words)))
    }

    /// Writes the turn; when this returns, it is kept.
    pub(super) async fn finish(
        &mut self,
        answer: AnswerBody,
        bytes: &[u8],
        title: Option<String>,
    ) -> Result<JsonObject> {
        let now = self.keeper.clock.millis();
        let completion = self.completion.take();
        let completion = completion
            .map(|pending| self.keeper.completions.answered(pending, &answer, bytes))
            .transpose()?;
        let Some(mut conversation) = self.conversation.clone().filter(|_| self.stores) else {
            if completion.is_some() {
                let mut tx = self.keeper.conversations.store().begin().await?;
                self.put_completion(&mut tx, completion.as_ref()).await?;
                tx.commit().await?;
            }
            return Ok(JsonObject::new());
        };
        let answered = self.answer_items(&answer, now)?;
        if self.is_new {
            conversation.title.clone_from(&title);
        }
        let new = New { answered: &answered, title, completion: completion.as_ref(), at: now };
        let (asked, kept, mut outcome) = self.write(conversation, new).await?;
        let shapes = kept.iter().map(item_shape).collect::<Result<Vec<_>>>()?;
        if let Some(user) = shapes.get(..asked).and_then(<[_]>::last) {
            outcome.set("user_item", user)?;
        }
        outcome.set("items", &shapes.get(asked..).unwrap_or_default())?;
        Ok(outcome)
    }

    /// Writes what is new and the answer behind it, and the kept completion, all in one transaction. A branch that changed
    /// since it was read is compared with what was said once more. How many of the items were asked, all items, and what
    /// became of the branches.
    async fn write(
        &mut self,
        conversation: Conversation,
        New { answered, title, completion, at }: New<'_>,
    ) -> Result<(usize, Vec<Item>, JsonObject)> {
        let store = self.keeper.conversations.store().clone();
        if self.is_new {
            let items = self.fresh.iter().chain(answered).cloned().collect();
            let mut tx = store.begin().await?;
            let kept = store.conversations.create_in(&mut tx, &self.owner, conversation, items).await?;
            self.put_completion(&mut tx, completion).await?;
            tx.commit().await?;
            return Ok((self.fresh.len(), kept, JsonObject::new()));
        }
        let mut comparisons = 0;
        loop {
            // The last comparison counts, whatever happened since.
            let compares = comparisons < MAX_COMPARISONS && !self.said.is_empty();
            let tip = if compares { self.tip.clone() } else { Tip::Any };
            let items = self.fresh.iter().chain(answered).cloned().collect();
            let append = Append { branch: None, items, title: title.clone(), tip, at };
            let mut tx = store.begin().await?;
            match self.put(&mut tx, &conversation.id, append).await {
                Err(error) if compares && error.code() == BRANCH_MOVED => {
                    // The history is read anew: not while a transaction keeps others from writing.
                    drop(tx);
                    comparisons += 1;
                    self.compare_again(&conversation.id).await?;
                }
                written => {
                    let (kept, outcome) = written?;
                    self.put_completion(&mut tx, completion).await?;
                    tx.commit().await?;
                    return Ok((self.fresh.len(), kept, outcome));
                }
            }
        }
    }

    /// Adds items where the turn goes.
    async fn put(&self, tx: &mut Transaction, id: &str, append: Append) -> Result<(Vec<Item>, JsonObject)> {
        let (store, mut outcome) = (self.keeper.conversations.store(), JsonObject::new());
        let Destination::Fork(fork) = &self.destination else {
            return Ok((store.conversations.append_in(tx, &self.owner, id, append).await?, outcome));
        };
        let fork = Fork { items: append.items, tip: append.tip, ..(**fork).clone() };
        let naming = fork.naming.clone();
        let (branch, kept) = store.branches.fork_in(tx, &self.owner, id, fork).await?;
        tell_branch(&mut outcome, &branch, &naming)?;
        Ok((kept, outcome))
    }

    /// Keeps the completion, if one is to be kept.
    async fn put_completion(
        &self,
        tx: &mut Transaction,
        completion: Option<&record::TypedRecord<Completion>>,
    ) -> Result<()> {
        match completion {
            Some(completion) => self.keeper.completions.insert_in(tx, &self.owner, completion).await,
            None => Ok(()),
        }
    }

    /// Compares what was said with what the active branch shows by now.
    async fn compare_again(&mut self, id: &str) -> Result<()> {
        let plan = self.keeper.plan(&self.owner, id, &self.said).await?;
        let went_to_the_end = matches!(self.destination, Destination::End);
        // A question that came meanwhile, and that nobody answered yet, takes no place away.
        let again = plan.again.filter(|(_, is_answered)| *is_answered || !went_to_the_end);
        self.destination = self.keeper.destination(again.map(|(item, _)| item));
        (self.fresh, self.tip) = (plan.fresh, plan.tip);
        Ok(())
    }

    /// The items of the first choice; the others were offered, not said.
    fn answer_items(&self, answer: &AnswerBody, now: i64) -> Result<Vec<Item>> {
        let Some(choice) = answer.choices.first() else { return Ok(Vec::new()) };
        let mut items = Vec::new();
        let thought = choice.message.rest.get("reasoning_content").and_then(Value::as_str);
        if let Some(thought) = thought.filter(|_| self.store_reasoning) {
            items.push(reasoning(thought, now)?);
        }
        let mut said = from_message(&choice.message, now)?;
        for item in said.iter_mut().filter(|item| item.text("type").as_deref() == Some("message")) {
            item.body.set("model", &self.model)?;
            if let Some(reason) = choice.finish_reason.as_deref().filter(|reason| *reason != "stop") {
                item.body.set("finish_reason", reason)?;
            }
        }
        if let (Some(last), Some(usage)) = (said.last_mut(), &answer.usage) {
            last.body.set("usage", usage)?;
        }
        items.append(&mut said);
        Ok(items)
    }
}

/// What a turn adds beside what was asked.
struct New<'a> {
    /// The answer's items.
    answered: &'a [Item],
    /// The title that the conversation gets.
    title: Option<String>,
    /// The completion that is kept by itself.
    completion: Option<&'a record::TypedRecord<Completion>>,
    at: i64,
}

/// What the original tells of a branch that an edit or another answer made.
pub(crate) fn tell_branch(outcome: &mut JsonObject, branch: &Branch, naming: &Naming) -> Result<()> {
    outcome.set("branch", &branch.name)?;
    if let Naming::TakeOver { backup } = naming {
        outcome.set("old_main_backup", backup)?;
    }
    outcome.set("branch_created", &true)?;
    outcome.set("new_branch", &crate::conversations::BranchShape::from(branch.clone()))
}

/// The same provider, which ends the call when the time for a title is over.
#[cfg(feature = "client")]
fn in_time(provider: Arc<dyn ModelProvider>, caller: &mut Caller) -> impl ModelProvider {
    caller.deadline = Some(Instant::now() + TITLE_TIME);
    TimeLimit::new(provider)
}

/// Without a timer the model's own limits count.
#[cfg(not(feature = "client"))]
fn in_time(provider: Arc<dyn ModelProvider>, _: &mut Caller) -> impl ModelProvider {
    provider
}
