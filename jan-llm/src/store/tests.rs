//! The stores keep their promises.

use super::*;
use jan_core::promises;

#[tokio::test]
async fn memory_keeps_its_promises() {
    promises::conversations(Store::memory().conversations).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread")]
async fn sqlite_keeps_its_promises() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::sqlite(folder.path().join("jan.db")).await.unwrap();
    promises::conversations(store.conversations).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn a_file_is_opened_again_with_all_that_was_kept() {
    use jan_core::conversation::Conversation;
    use jan_core::page::PageRequest;

    let folder = tempfile::tempdir().unwrap();
    let (path, me) = (folder.path().join("jan.db"), jan_core::UserId::new("me"));
    for kept in 1..=3 {
        let store = Store::sqlite(&path).await.unwrap().conversations;
        let new = Conversation { id: format!("conv_{kept}"), ..Conversation::default() };
        store.create(&me, new, Vec::new()).await.unwrap();
        let all = store.list(&me, &Default::default(), &PageRequest::default()).await.unwrap();
        assert_eq!(all.items.len(), kept);
    }
}
