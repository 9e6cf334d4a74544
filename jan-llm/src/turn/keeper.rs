//! What a chat service needs to keep chats: the stores, and the operator's choices.

use std::sync::Arc;
#[cfg(feature = "client")]
use std::time::Duration;

use jan_core::Clock;

use crate::completions::Completions;
use crate::conversations::Conversations;
use crate::projects::Projects;
use crate::prompt::{Orchestration, Templates};
use crate::settings::SettingsStore;
use crate::store::Store;

/// How titles are made.
#[derive(Debug, Clone, Default)]
pub struct TitleSettings {
    /// The model that is asked for a title; without one, the title is made of the first message's words.
    pub model: Option<String>,
}

/// Keeps chats for a [`crate::Chat`]. Cheap to clone.
#[derive(Clone)]
pub struct Keeper {
    pub(crate) conversations: Conversations,
    pub(crate) projects: Projects,
    pub(crate) completions: Completions,
    pub(crate) settings: SettingsStore,
    pub(crate) templates: Templates,
    pub(crate) clock: Arc<dyn Clock>,
    /// How titles are made.
    pub titles: TitleSettings,
    /// Which prompt modules the operator switched on.
    pub orchestration: Orchestration,
}

/// How long a model may think about a title.
#[cfg(feature = "client")]
pub(super) const TITLE_TIME: Duration = Duration::from_secs(10);

impl Keeper {
    /// Keeps chats in `store`.
    pub fn new(store: &Store, clock: Arc<dyn Clock>) -> Self {
        Self {
            conversations: Conversations::new(store, clock.clone()),
            projects: Projects::new(store, clock.clone()),
            completions: Completions::new(store, clock.clone()),
            settings: SettingsStore::new(store, clock.clone()),
            templates: Templates::new(store, clock.clone()),
            clock,
            titles: TitleSettings::default(),
            orchestration: Orchestration::default(),
        }
    }
}
