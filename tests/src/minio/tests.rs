use std::net::TcpStream;

use super::*;

#[tokio::test]
async fn buckets_survive_a_kill_and_the_folder_is_removed_at_the_end() {
    let Some(mut minio) = PrivateMinio::start().await else { return };
    let (one, other) = (minio.bucket().await, minio.bucket().await);
    assert_ne!(one, other);
    assert!(minio.objects(&one).await.is_empty());
    let address = minio.endpoint().replace("http://", "");

    minio.kill().await;
    assert!(TcpStream::connect(&address).is_err(), "nothing listens");
    minio.restart().await;
    assert!(minio.objects(&other).await.is_empty(), "the bucket exists and is empty");

    let folder = minio.location.folder.path().to_owned();
    assert!(folder.exists());
    drop(minio);
    assert!(!folder.exists() && TcpStream::connect(&address).is_err());
}
