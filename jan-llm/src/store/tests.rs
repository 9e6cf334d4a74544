//! The stores keep their promises.

use futures_util::FutureExt;
use jan_core::promises;

use super::*;

/// Stores in a memory of their own, where nothing is waited for.
pub(crate) fn memory_store() -> Store {
    Store::on(&Database::memory()).now_or_never().unwrap().unwrap()
}

#[cfg(feature = "sqlite")]
pub(crate) async fn sqlite_store(path: impl AsRef<std::path::Path>) -> Store {
    Store::on(&Database::sqlite(path).await.unwrap()).await.unwrap()
}

async fn keeps_its_promises(database: Database) {
    let Store { conversations, branches, archive, records } = Store::on(&database).await.unwrap();
    promises::conversations(promises::Stores { conversations, branches, archive, records }).await;
}

#[tokio::test]
async fn memory_keeps_its_promises() {
    keeps_its_promises(Database::memory()).await;
}

#[tokio::test]
async fn stores_on_clones_of_one_memory_keep_the_same() {
    let database = Database::memory();
    let (one, other) = (Store::on(&database).await.unwrap(), Store::on(&database.clone()).await.unwrap());
    let me = jan_core::UserId::new("me");
    one.conversations.create(&me, conversation::Conversation::default(), Vec::new()).await.unwrap();
    assert_eq!(other.conversations.count(&me, &conversation::Filter::default()).await.unwrap(), 1);
}

#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread")]
async fn sqlite_keeps_its_promises() {
    let folder = tempfile::tempdir().unwrap();
    keeps_its_promises(Database::sqlite(folder.path().join("jan.db")).await.unwrap()).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn a_file_is_opened_again_with_all_that_was_kept() {
    use jan_core::conversation::Conversation;
    use jan_core::page::PageRequest;

    let folder = tempfile::tempdir().unwrap();
    let (path, me) = (folder.path().join("jan.db"), jan_core::UserId::new("me"));
    for kept in 1..=3 {
        let store = sqlite_store(&path).await.conversations;
        let new = Conversation { id: format!("conv_{kept}"), ..Conversation::default() };
        store.create(&me, new, Vec::new()).await.unwrap();
        let all = store.list(&me, &Default::default(), &PageRequest::default()).await.unwrap();
        assert_eq!(all.items.len(), kept);
    }
}
