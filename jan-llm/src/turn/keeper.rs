//! What a chat service needs to keep chats: the stores, and the operator's choices.

use std::sync::Arc;
#[cfg(feature = "client")]
use std::time::Duration;

use jan_core::{Clock, Result, UserId};

use crate::completions::Completions;
use crate::conversations::Conversations;
use crate::projects::Projects;
use crate::prompt::Orchestration;
use crate::settings::UserSettings;
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
    pub(crate) settings: SettingsReader,
    pub(crate) clock: Arc<dyn Clock>,
    /// How titles are made.
    pub titles: TitleSettings,
    /// Which prompt modules the operator switched on.
    pub orchestration: Orchestration,
}

/// How long a model may think about a title.
#[cfg(feature = "client")]
pub(super) const TITLE_PATIENCE: Duration = Duration::from_secs(10);

impl Keeper {
    /// Keeps chats in `store`.
    pub fn new(store: &Store, clock: Arc<dyn Clock>) -> Self {
        Self {
            conversations: Conversations::new(store, clock.clone()),
            projects: Projects::new(store, clock.clone()),
            completions: Completions::new(store, clock.clone()),
            settings: SettingsReader::new(store),
            clock,
            titles: TitleSettings::default(),
            orchestration: Orchestration::default(),
        }
    }
}

/// Reads what a user has chosen; changing it is the business of the settings' own service.
#[derive(Clone)]
pub(crate) struct SettingsReader(jan_core::record::Records<UserSettings>);

impl SettingsReader {
    fn new(store: &Store) -> Self {
        Self(jan_core::record::Records::new("settings", store.records.clone()))
    }

    pub(crate) async fn of(&self, owner: &UserId) -> Result<UserSettings> {
        Ok(self.0.find(owner, "settings").await?.map(|kept| kept.body).unwrap_or_default())
    }
}
