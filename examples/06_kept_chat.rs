//! 06 · A conversation that is stored in a SQLite file and continues at the next start, without a server.
//!
//!     cargo run -p jan-examples --bin 06_kept_chat [FILE]

use std::sync::Arc;

use jan_core::conversation::Filter;
use jan_core::page::PageRequest;
use jan_core::{Database, Principal, SystemClock};
use jan_llm::{Chat, ChatRequest, Conversations, Echo, Keeper, Store};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args().nth(1).unwrap_or_else(|| "chats.db".into());
    let database = Database::sqlite(file).await?; // one for the whole app
    let (store, clock) = (Store::on(&database).await?, Arc::new(SystemClock));
    let chat = Chat::new(Echo::default()).keeper(Keeper::new(&store, clock.clone()));
    let (conversations, me) = (Conversations::new(&store, clock), Principal::open("me"));

    // Continue the newest conversation, or begin one: `{}` creates it with this turn.
    let existing = conversations.list(&me.user, &Filter::default(), &PageRequest::default()).await?.items;
    let conversation = match existing.first() {
        Some(conversation) => serde_json::json!(conversation.id),
        None => serde_json::json!({}),
    };
    let text = format!("Hello number {}", existing.len() + 1);
    let request = ChatRequest::new("echo").user(text).with("conversation", &conversation);
    println!("{}", chat.complete(request, &me).await?.parse()?.choices[0].message.text());

    // When `complete` returns, the turn is stored and survives a crash of the process.
    let newest = &conversations.list(&me.user, &Filter::default(), &PageRequest::default()).await?.items[0];
    let items = conversations.items(&me.user, &newest.id, None, &PageRequest::default()).await?.items;
    println!("{}: {} items", newest.title.as_deref().unwrap_or("untitled"), items.len());
    Ok(())
}
