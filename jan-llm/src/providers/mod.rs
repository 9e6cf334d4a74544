//! Who answers: one folder or file per kind of provider.

mod echo;
#[cfg(feature = "local")]
pub mod local;
#[cfg(feature = "client")]
mod openai;

pub use echo::Echo;
#[cfg(feature = "client")]
pub use openai::{OpenAi, Upstream};
