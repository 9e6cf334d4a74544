//! Stores settings: one record for each owner, created with the owner's first change.

use std::sync::Arc;

use jan_core::record::{Records, TypedRecord};
use jan_core::{Clock, Result, UserId, id};

use super::{PreferencesPatch, SettingsPatch, UserSettings};
use crate::store::Store;

/// The key of the settings record; the same for all owners, so that each can have only one.
const KEY: &str = "settings";

/// The stored [`UserSettings`] of all users. Cheap to clone.
#[derive(Clone)]
pub struct SettingsStore {
    records: Records<UserSettings>,
    clock: Arc<dyn Clock>,
}

impl SettingsStore {
    /// The settings in `store`.
    pub fn new(store: &Store, clock: Arc<dyn Clock>) -> Self {
        Self { records: Records::new("settings", store.records.clone()), clock }
    }

    /// The owner's settings and the id of their record; the defaults and `None` before the first change.
    ///
    /// # Errors
    /// The store's.
    pub async fn read(&self, owner: &UserId) -> Result<(Option<String>, UserSettings)> {
        let stored = self.records.find(owner, KEY).await?;
        Ok(stored.map_or_else(Default::default, |stored| (Some(stored.id), stored.body)))
    }

    /// Merges a change.
    ///
    /// # Errors
    /// As [`UserSettings::apply`].
    pub async fn patch(
        &self,
        owner: &UserId,
        patch: &SettingsPatch,
    ) -> Result<(Option<String>, UserSettings)> {
        self.change(owner, |settings| settings.apply(patch)).await
    }

    /// Merges preferences key by key.
    ///
    /// # Errors
    /// As [`UserSettings::patch_preferences`].
    pub async fn patch_preferences(&self, owner: &UserId, patch: &PreferencesPatch) -> Result<UserSettings> {
        Ok(self.change(owner, |settings| settings.patch_preferences(patch)).await?.1)
    }

    async fn change<F>(&self, owner: &UserId, change: F) -> Result<(Option<String>, UserSettings)>
    where
        F: Fn(&mut UserSettings) -> Result<()> + Send + Sync,
    {
        let now = self.clock.unix_seconds();
        let changed = |stored: &mut TypedRecord<UserSettings>| {
            stored.body.updated_at = now;
            change(&mut stored.body)
        };
        let first = || {
            let settings = UserSettings { created_at: now, ..UserSettings::default() };
            TypedRecord::new(id::short("set_"), self.clock.millis(), settings)
        };
        let stored = self.records.update_or_insert(owner, KEY, first, changed).await?;
        Ok((Some(stored.id), stored.body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{MemoryPatch, ProfilePatch};
    use jan_core::clock::MovedClock;
    use serde_json::json;

    fn preference(key: impl Into<String>, value: serde_json::Value) -> PreferencesPatch {
        PreferencesPatch { preferences: [(key.into(), value)].into_iter().collect() }
    }

    async fn changes_are_checked_merged_and_read_back(store: Store) {
        let (settings, me) = (SettingsStore::new(&store, Arc::new(MovedClock::at(7))), UserId::new("me"));
        assert_eq!(settings.read(&me).await.unwrap(), (None, UserSettings::default()));
        assert!(store.records.find(&me, "settings", KEY).await.unwrap().is_none(), "reading writes nothing");

        let memory = MemoryPatch { max_user_items: Some(21), ..MemoryPatch::default() };
        let patch = SettingsPatch { memory_config: Some(memory), ..SettingsPatch::default() };
        let wrong = settings.patch(&me, &patch).await;
        assert_eq!(wrong.unwrap_err().param(), Some("memory_config.max_user_items"));
        assert_eq!(settings.read(&me).await.unwrap().0, None);

        let profile = ProfilePatch { nick_name: Some("Ann".into()), ..ProfilePatch::default() };
        let patch = SettingsPatch { profile_settings: Some(profile), ..SettingsPatch::default() };
        let (id, stored) = settings.patch(&me, &patch).await.unwrap();
        assert!(id.as_deref().is_some_and(|id| id.starts_with("set_")));
        assert_eq!(
            (stored.profile_settings.nick_name.as_str(), stored.created_at, stored.updated_at),
            ("Ann", 7, 7)
        );
        let patch = preference("theme", "dark".into());
        let stored = settings.patch_preferences(&me, &patch).await.unwrap();
        assert_eq!(
            (&stored.preferences["theme"], stored.profile_settings.nick_name.as_str()),
            (&json!("dark"), "Ann")
        );
        assert_eq!(settings.read(&me).await.unwrap(), (id, stored));
        assert_eq!(settings.read(&UserId::new("you")).await.unwrap().0, None);
    }

    #[tokio::test]
    async fn settings_are_read_without_writing_and_merged() {
        changes_are_checked_merged_and_read_back(crate::store::memory_store()).await;
    }

    #[cfg(feature = "sqlite")]
    #[tokio::test]
    async fn settings_are_stored_in_a_file_in_the_same_way() {
        let folder = tempfile::tempdir().unwrap();
        changes_are_checked_merged_and_read_back(
            crate::store::sqlite_store(folder.path().join("jan.db")).await,
        )
        .await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn concurrent_first_changes_are_all_stored() {
        let (store, me) = (crate::store::memory_store(), UserId::new("me"));
        let settings = SettingsStore::new(&store, Arc::new(MovedClock::at(7)));
        let change = |n: usize| {
            let (settings, me) = (settings.clone(), me.clone());
            let patch = preference(format!("key{n}"), n.into());
            tokio::spawn(async move { settings.patch_preferences(&me, &patch).await.map(drop) })
        };
        for done in futures_util::future::join_all((0..8).map(change)).await {
            done.unwrap().unwrap();
        }
        assert_eq!(settings.read(&me).await.unwrap().1.preferences.len(), 8);
    }
}
