//! 07 · Your own conversation store: here one that prints each stored turn and passes every call on to another store.
//!
//!     cargo run -p jan-examples --bin 07_own_store

use std::sync::Arc;

use async_trait::async_trait;
use jan_core::conversation::*;
use jan_core::page::{Page, PageRequest};
use jan_core::{Database, JsonObject, Principal, Result, SystemClock, Transaction, Transactional, UserId};
use jan_llm::{Chat, ChatRequest, Echo, Keeper, Store};

struct Printing(Arc<dyn ConversationStore>);

#[async_trait]
impl Transactional for Printing {
    async fn begin(&self) -> Result<Transaction> {
        self.0.begin().await
    }
}

macro_rules! delegate {
    ($($name:ident($($arg:ident: $kind:ty),*) -> $returned:ty;)*) => { #[async_trait]
        impl ConversationStore for Printing {
            async fn append_in(&self, tx: &mut Transaction, owner: &UserId, id: &str, new: Append) -> Result<Vec<Item>> {
                let kept = self.0.append_in(tx, owner, id, new).await?;
                println!("{owner}: {} items stored", kept.len());
                Ok(kept)
            }

            $(async fn $name(&self, $($arg: $kind),*) -> Result<$returned> { self.0.$name($($arg),*).await })*
        }
    };
}

delegate! {
    create_in(tx: &mut Transaction, owner: &UserId, new: Conversation, items: Vec<Item>) -> Vec<Item>;
    get(owner: &UserId, id: &str) -> Conversation;
    list(owner: &UserId, filter: &Filter, page: &PageRequest) -> Page<Conversation>;
    count(owner: &UserId, filter: &Filter) -> u64;
    update(owner: &UserId, id: &str, change: Change) -> Conversation;
    leave_project(owner: &UserId, id: &str) -> u64;
    delete(owner: &UserId, which: &Selection, at: i64) -> Vec<String>;
    items(owner: &UserId, id: &str, branch: Option<&str>, page: &PageRequest) -> Page<Item>;
    item(owner: &UserId, id: &str, which: ItemRef<'_>) -> Item;
    merge_item(owner: &UserId, id: &str, which: ItemRef<'_>, members: JsonObject, at: i64) -> Item;
    delete_item(owner: &UserId, id: &str, item: &str, at: i64) -> ();
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut store = Store::on(&Database::memory()).await?;
    store.conversations = Arc::new(Printing(store.conversations));
    let chat = Chat::new(Echo::default()).keeper(Keeper::new(&store, Arc::new(SystemClock)));
    let (me, id) = (Principal::open("ann"), "conv_0000000000000000");
    let new = Conversation { id: id.into(), ..Default::default() };
    store.conversations.create(&me.user, new, vec![]).await?;
    chat.complete(ChatRequest::new("echo").user("Hello!").with("conversation", id), &me).await.map(drop)
}
