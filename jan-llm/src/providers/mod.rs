//! The model providers: one file or folder for each kind.

mod echo;
#[cfg(feature = "local")]
pub mod local;
#[cfg(feature = "client")]
mod openai;

pub use echo::Echo;
#[cfg(feature = "client")]
pub use openai::{OpenAi, Upstream};
