//! What a turn costs in conversations of several lengths: kept by the server, and beside it the same messages sent whole by a
//! client that keeps them itself.

use std::io;

use serde_json::{Value, json};

use crate::Target;
use crate::client::{Connection, Requests};
use crate::numbers::{JsonLine, Times};

/// The most items that one request may bring.
const ITEMS: usize = 20;

/// Measures `count` turns of each way at each length, in items. They take turns, so that both see the same machine.
pub(crate) async fn lengths(target: &Target, lengths: &[usize], count: usize) -> io::Result<String> {
    let mut line = JsonLine::default();
    for length in lengths {
        let mut messages: Vec<Value> = (0..*length).map(message).collect();
        let conversation = conversation(target, &messages).await?;
        let (mut kept, mut sent) = (Times::default(), Times::default());
        let first = Requests::post(target, vec![body(target, &messages, None)])?;
        let mut connection = Connection::open(&first).await?;
        for turn in 0..count {
            let question = message(length + 2 * turn);
            let ask = body(target, std::slice::from_ref(&question), Some(&conversation));
            let ask = Requests::post(target, vec![ask])?;
            messages.push(question);
            let whole = Requests::post(target, vec![body(target, &messages, None)])?;
            let times = [connection.timed(&ask).await?, connection.timed(&whole).await?];
            messages.push(message(1));
            // The first turns fill caches.
            if turn >= 3 {
                kept.push(times[0]);
                sent.push(times[1]);
            }
        }
        line = line
            .number(&format!("kept_{length}_ms"), kept.percentile(50))
            .number(&format!("sent_{length}_ms"), sent.percentile(50));
    }
    Ok(line.end())
}

/// A question or, at odd places, an answer of 200 characters, which is different at each place.
fn message(place: usize) -> Value {
    let role = if place.is_multiple_of(2) { "user" } else { "assistant" };
    json!({"role": role, "content": format!("{place}: {}", "rivers run to the sea, ".repeat(9))})
}

fn body(target: &Target, messages: &[Value], conversation: Option<&str>) -> String {
    let mut body = json!({"model": target.model, "messages": messages});
    if let (Some(members), Some(id)) = (body.as_object_mut(), conversation) {
        members.insert("conversation".into(), id.into());
    }
    body.to_string()
}

/// A conversation that holds these messages: its id.
async fn conversation(target: &Target, messages: &[Value]) -> io::Result<String> {
    let base = target.url.trim_end_matches("/chat/completions");
    let at = |path: String| Target { url: format!("{base}{path}"), ..target.clone() };
    let make = Requests::post(&at("/conversations".into()), vec!["{}".into()])?;
    let mut connection = Connection::open(&make).await?;
    let made: Value = serde_json::from_slice(&connection.answer(&make).await?)?;
    let id = made.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let items = at(format!("/conversations/{id}/items"));
    for some in messages.chunks(ITEMS) {
        connection.answer(&Requests::post(&items, vec![json!({"items": some}).to_string()])?).await?;
    }
    Ok(id)
}
