//! Providers around a provider: each does one thing to a call on its way to the model, or to the reply on its way back,
//! and passes on untouched what it has nothing to do with. They are composed once, and then everybody who asks the
//! provider gets them: chats, tools, agents, an embedder's own code.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! use jan_llm::layers::{Metered, Trimmed};
//! use jan_llm::{Chat, Database, Echo, Meter, Store, SystemClock};
//!
//! let store = Store::on(&Database::memory()).await?;
//! let meter = Meter::new(&store, std::sync::Arc::new(SystemClock));
//! let chat = Chat::new(Metered::new(Trimmed::new(Echo::default()), meter));
//! # Ok::<(), jan_core::Error>(())
//! # }).unwrap();
//! ```
//!
//! | layer | does |
//! |---|---|
//! | [`Metered`] | counts the tokens that answers cost, on their callers' accounts |
//! | [`Trimmed`] | fits the history of a conversation into the model's context |
//! | [`ResolveMedia`] | puts pictures and files in the place of their ids |
//! | `TimeLimit` | ends a call at its deadline (feature `client`) |
//!
//! The server's order, from the outside: `TimeLimit`, `Metered`, `Trimmed`, `ResolveMedia`, then the router. Trimming comes
//! before media, so that no picture is read that is left out afterwards.

pub(crate) mod media;
mod metered;
#[cfg(feature = "client")]
mod time_limit;
mod trimmed;

pub use media::ResolveMedia;
pub use metered::Metered;
pub(crate) use metered::report_usage;
#[cfg(feature = "client")]
pub use time_limit::TimeLimit;
pub use trimmed::Trimmed;
