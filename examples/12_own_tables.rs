//! 12 · Tables of your own in the same database, written together with ours: here support tickets, each with the
//! conversation that is about it. A ticket without its conversation, or the other way round, cannot come to be.
//!
//!     cargo run -p jan-examples --bin 12_own_tables [FILE]

use jan_core::conversation::{Conversation, Item};
use jan_core::page::PageRequest;
use jan_core::sql::Migration;
use jan_core::{Clock, Database, Error, JsonObject, Result, SystemClock, UserId, id};
use jan_llm::Store;

/// What is released is never changed: the next change is the step with the next number.
const STEPS: &[Migration] = &[Migration {
    number: 1,
    sqlite: "CREATE TABLE ticket (number BIGINT PRIMARY KEY, conversation TEXT NOT NULL)",
    postgres: "CREATE TABLE ticket (number BIGINT PRIMARY KEY, conversation TEXT NOT NULL)",
}];

async fn open_ticket(database: &Database, store: &Store, me: &UserId, number: i64) -> Result<()> {
    let db = database.sql().ok_or_else(|| Error::internal("tickets need a SQL database"))?;
    let now = SystemClock.millis();
    let talk =
        Conversation { id: id::short("conv_"), created_at: now, updated_at: now, ..Default::default() };
    let body =
        JsonObject::parse(r#"{"type": "message", "role": "user", "content": "It is broken."}"#.into())?;
    let asked = Item::new(id::short("msg_"), now, body);

    let mut tx = database.begin().await?;
    let insert = "INSERT INTO ticket (number, conversation) VALUES ($1, $2)";
    store.conversations.create_in(&mut tx, me, talk.clone(), vec![asked]).await?;
    db.of(&mut tx)?.execute(insert, &[number.into(), talk.id.into()]).await?;
    tx.commit().await // without it, or after an error, nothing of both is there
}

#[tokio::main]
async fn main() -> Result<()> {
    let database = Database::sqlite(std::env::args().nth(1).unwrap_or_else(|| "tickets.db".into())).await?;
    let (store, me) = (Store::on(&database).await?, UserId::new("ann"));
    let Some(db) = database.sql() else { return Ok(()) };
    db.migrate("tickets", STEPS).await?;

    open_ticket(&database, &store, &me, 1).await?;
    let again = open_ticket(&database, &store, &me, 1).await;
    println!("the number is taken: {}", again.is_err());
    let all = db.all("SELECT number, conversation FROM ticket ORDER BY number", &[]).await?;
    for row in &all {
        let id = row.text("conversation")?;
        let said = store.conversations.items(&me, &id, None, &PageRequest::default()).await?.items;
        println!("ticket {}: {} item", row.int("number")?, said.len());
    }
    println!("conversations in all: {}", store.conversations.count(&me, &Default::default()).await?);
    database.close().await;
    Ok(())
}
