//! Settings kept: one record for each owner, made when they first change something.

use std::sync::Arc;

use jan_core::record::{Records, TypedRecord};
use jan_core::{Clock, Result, UserId, id};

use super::{PreferencesPatch, SettingsPatch, UserSettings};
use crate::store::Store;

/// Nobody has more than one.
const KEY: &str = "settings";

/// Keeps every user's [`UserSettings`]. Cheap to clone.
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

    /// The owner's settings and their id; the defaults, and no id, as long as nothing was changed.
    ///
    /// # Errors
    /// The store's.
    pub async fn read(&self, owner: &UserId) -> Result<(Option<String>, UserSettings)> {
        let kept = self.records.find(owner, KEY).await?;
        Ok(kept.map_or_else(Default::default, |kept| (Some(kept.id), kept.body)))
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
        let changed = |kept: &mut TypedRecord<UserSettings>| {
            kept.body.updated_at = now;
            change(&mut kept.body)
        };
        let first = || {
            let settings = UserSettings { created_at: now, ..UserSettings::default() };
            TypedRecord::new(id::short("set_"), self.clock.millis(), settings)
        };
        let kept = self.records.update_or_insert(owner, KEY, first, changed).await?;
        Ok((Some(kept.id), kept.body))
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

    async fn keeps_its_promises(store: Store) {
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
        let (id, kept) = settings.patch(&me, &patch).await.unwrap();
        assert!(id.as_deref().is_some_and(|id| id.starts_with("set_")));
        assert_eq!(
            (kept.profile_settings.nick_name.as_str(), kept.created_at, kept.updated_at),
            ("Ann", 7, 7)
        );
        let patch = preference("theme", "dark".into());
        let kept = settings.patch_preferences(&me, &patch).await.unwrap();
        assert_eq!(
            (&kept.preferences["theme"], kept.profile_settings.nick_name.as_str()),
            (&json!("dark"), "Ann")
        );
        assert_eq!(settings.read(&me).await.unwrap(), (id, kept));
        assert_eq!(settings.read(&UserId::new("you")).await.unwrap().0, None);
    }

    #[tokio::test]
    async fn settings_are_read_without_writing_and_merged() {
        keeps_its_promises(crate::store::memory_store()).await;
    }

    #[cfg(feature = "sqlite")]
    #[tokio::test]
    async fn a_file_keeps_them_too() {
        let folder = tempfile::tempdir().unwrap();
        keeps_its_promises(crate::store::sqlite_store(folder.path().join("jan.db")).await).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn first_changes_at_the_same_time_all_count() {
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
