//! `/v1/conversations/{id}/items/{item_id}/edit` and `…/regenerate`: the old messages are kept, and their replacements
//! are stored on another branch.

use jan_core::conversation::Item;
use jan_core::{JsonObject, Result};
use jan_llm::chat::{Edit, Regenerated};
use jan_llm::conversations::original_outcome;
use jan_llm::turn::Turn;

use super::call::Call;
use super::chat::answer;
use crate::http::reply::{Reply, bare};

/// Creates a branch for another answer to a message, and the answer if the body asks for it.
pub(crate) async fn regenerate(mut call: Call) -> Reply {
    let (id, item, body) = (call.path("id")?, call.path("item_id")?, call.object_or_nothing().await?);
    match call.services.chat.regenerate(call.caller(), &id, &item, &body).await? {
        Regenerated::Branched(outcome) => bare(&shaped(&call, outcome)?),
        Regenerated::Answered(turn, question) => answered(call, *turn, Some(question)).await,
    }
}

/// Replaces the text of a user's message, and answers it if the body has `regenerate`.
pub(crate) async fn edit(mut call: Call) -> Reply {
    let (id, item, body) = (call.path("id")?, call.path("item_id")?, call.object_with_ids().await?);
    match call.services.chat.edit(call.caller(), &id, &item, &body).await? {
        Edit::Saved(outcome) => bare(&shaped(&call, outcome)?),
        Edit::Answered(turn) => answered(call, turn, None).await,
    }
}

/// The reply to an answered request: the outcome of the branches, the new items, and the answer as a chat completion.
async fn answered(call: Call, turn: Turn, question: Option<Item>) -> Reply {
    if turn.wants_stream() {
        return answer(call, turn).await;
    }
    call.log_fields.model(turn.model());
    call.log_fields.report(turn.report());
    let (answer, mut outcome): (_, JsonObject) = turn.complete_with_outcome().await?;
    if let Some(question) = question {
        outcome.set("user_item_id", &question.id)?;
    }
    outcome.set("completion", &JsonObject::parse(answer.to_bytes())?)?;
    bare(&shaped(&call, outcome)?)
}

/// The outcome with its items in the shape that this server returns.
fn shaped(call: &Call, outcome: JsonObject) -> Result<JsonObject> {
    if call.services.settings.bare { original_outcome(outcome) } else { Ok(outcome) }
}
