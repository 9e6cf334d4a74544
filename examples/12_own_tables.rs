//! 12 · Your own tables in the same database, written in the same transactions: here support tickets, each with a
//! conversation about it. Both are stored, or neither is.
//!
//!     cargo run -p jan-examples --bin 12_own_tables [FILE]

use jan_core::conversation::{Conversation, Item};
use jan_core::page::PageRequest;
use jan_core::sql::Migration;
use jan_core::{Clock, Database, Error, JsonObject, Result, SystemClock, UserId, id};
use jan_llm::Store;

/// Never change a released migration: add one with the next number.
const MIGRATIONS: &[Migration] = &[Migration {
    number: 1,
    sqlite: "CREATE TABLE ticket (number BIGINT PRIMARY KEY, conversation TEXT NOT NULL)",
    postgres: "CREATE TABLE ticket (number BIGINT PRIMARY KEY, conversation TEXT NOT NULL)",
}];

async fn open_ticket(database: &Database, store: &Store, me: &UserId, number: i64) -> Result<()> {
    let db = database.sql().ok_or_else(|| Error::internal("tickets need a SQL database"))?;
    let now = SystemClock.millis();
    let conversation =
        Conversation { id: id::short("conv_"), created_at: now, updated_at: now, ..Default::default() };
    let body =
        JsonObject::parse(r#"{"type": "message", "role": "user", "content": "It is broken."}"#.into())?;
    let question = Item::new(id::short("msg_"), now, body);

    let mut tx = database.begin().await?;
    let insert = "INSERT INTO ticket (number, conversation) VALUES ($1, $2)";
    store.conversations.create_in(&mut tx, me, conversation.clone(), vec![question]).await?;
    db.of(&mut tx)?.execute(insert, &[number.into(), conversation.id.into()]).await?;
    tx.commit().await // without the commit, or after an error, neither is stored
}

#[tokio::main]
async fn main() -> Result<()> {
    let database = Database::sqlite(std::env::args().nth(1).unwrap_or_else(|| "tickets.db".into())).await?;
    let (store, me) = (Store::on(&database).await?, UserId::new("ann"));
    let Some(db) = database.sql() else { return Ok(()) };
    db.migrate("tickets", MIGRATIONS).await?;

    open_ticket(&database, &store, &me, 1).await?;
    let again = open_ticket(&database, &store, &me, 1).await;
    println!("the number is taken: {}", again.is_err());
    let all = db.all("SELECT number, conversation FROM ticket ORDER BY number", &[]).await?;
    for row in &all {
        let id = row.text("conversation")?;
        let items = store.conversations.items(&me, &id, None, &PageRequest::default()).await?.items;
        println!("ticket {}: {} item", row.int("number")?, items.len());
    }
    println!("conversations in all: {}", store.conversations.count(&me, &Default::default()).await?);
    database.close().await;
    Ok(())
}
