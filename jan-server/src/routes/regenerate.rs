//! `/v1/conversations/{id}/items/{item_id}/edit` and `…/regenerate`: what was said is kept, what is said instead stands
//! on a branch of its own.

use jan_core::conversation::Item;
use jan_core::{JsonObject, Result};
use jan_llm::chat::{Edit, Regenerated};
use jan_llm::conversations::original_outcome;
use jan_llm::turn::Turn;

use super::call::Call;
use super::chat::answer;
use crate::http::reply::{Reply, bare};

/// A branch for another answer to a message, and that answer when the body asks for it.
pub(crate) async fn regenerate(mut call: Call) -> Reply {
    let (id, item, body) = (call.path("id")?, call.path("item_id")?, call.object_or_nothing().await?);
    match call.rooms.chat.regenerate(call.caller(), &id, &item, &body).await? {
        Regenerated::Branched(outcome) => bare(&shaped(&call, outcome)?),
        Regenerated::Answered(turn, question) => told(call, *turn, Some(question)).await,
    }
}

/// Another wording of a user's message, answered at once when the body says `regenerate`.
pub(crate) async fn edit(mut call: Call) -> Reply {
    let (id, item, body) = (call.path("id")?, call.path("item_id")?, call.object_with_ids().await?);
    match call.rooms.chat.edit(call.caller(), &id, &item, &body).await? {
        Edit::Saved(outcome) => bare(&shaped(&call, outcome)?),
        Edit::Answered(turn) => told(call, turn, None).await,
    }
}

/// What became of the branches, the new items, and the answer as a chat completion.
async fn told(call: Call, turn: Turn, question: Option<Item>) -> Reply {
    if turn.wants_stream() {
        return answer(call, turn).await;
    }
    call.noted.model(turn.model());
    call.noted.report(turn.report());
    let (answer, mut told): (_, JsonObject) = turn.complete_with_outcome().await?;
    if let Some(question) = question {
        told.set("user_item_id", &question.id)?;
    }
    told.set("completion", &JsonObject::parse(answer.to_bytes())?)?;
    bare(&shaped(&call, told)?)
}

/// The items of an outcome as this server shows items.
fn shaped(call: &Call, outcome: JsonObject) -> Result<JsonObject> {
    if call.rooms.settings.bare { original_outcome(outcome) } else { Ok(outcome) }
}
