use std::net::TcpStream;

use super::*;

#[tokio::test]
async fn buckets_outlive_a_kill_and_nothing_stays_behind() {
    let Some(mut minio) = PrivateMinio::start().await else { return };
    let (one, other) = (minio.bucket().await, minio.bucket().await);
    assert_ne!(one, other);
    assert!(minio.objects(&one).await.is_empty());
    let address = minio.endpoint().replace("http://", "");

    minio.kill().await;
    assert!(TcpStream::connect(&address).is_err(), "nobody listens");
    minio.restart().await;
    assert!(minio.objects(&other).await.is_empty(), "it is there");

    let folder = minio.place.folder.path().to_owned();
    assert!(folder.exists());
    drop(minio);
    assert!(!folder.exists() && TcpStream::connect(&address).is_err());
}
