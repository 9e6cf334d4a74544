//! Downloads from a local server that imitates the failures of real servers.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

use jan_core::ErrorKind;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::gguf::tests::model;

/// How the server handles one connection. After the last listed one it works without failures.
#[derive(Clone, Copy)]
enum Behaviour {
    /// States the full length and closes after this many bytes of the body.
    Cut(usize),
    /// Sends nothing more after this many bytes of the body.
    Silent(usize),
    /// Sends the whole file, even if a part was requested.
    IgnoresRange,
    /// Sends the requested part, even if the version of the request is not current.
    IgnoresIfRange,
    /// Replies with this status line and headers.
    Refuses(&'static str),
    /// States no length, and closes the connection after this many bytes.
    NoLength(usize),
    Normal,
}

struct Server {
    url: String,
    files: Arc<Mutex<(Vec<u8>, &'static str)>>,
    ranges: Arc<Mutex<Vec<Option<u64>>>>,
}

impl Server {
    async fn start(body: Vec<u8>, behaviours: &[Behaviour]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/m.gguf", listener.local_addr().unwrap());
        let files = Arc::new(Mutex::new((body, "\"v1\"")));
        let ranges = Arc::new(Mutex::new(Vec::new()));
        let mut behaviours: VecDeque<_> = behaviours.iter().copied().collect();
        let server = Self { url, files: Arc::clone(&files), ranges: Arc::clone(&ranges) };
        tokio::spawn(async move {
            while let Ok((mut tcp, _)) = listener.accept().await {
                let request = head(&mut tcp).await;
                let header =
                    |name: &str| request.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
                let range =
                    header("range: bytes=").and_then(|r| r.strip_suffix('-')).map(|r| r.parse().unwrap());
                ranges.lock().push(range);
                let (body, etag) = files.lock().clone();
                let same = header("if-range:") == Some(etag);
                let behaviour = behaviours.pop_front().unwrap_or(Behaviour::Normal);
                tokio::spawn(answer(tcp, behaviour, body, etag, range.unwrap_or(0) as usize, same));
            }
        });
        server
    }

    fn change(&self, body: Vec<u8>, etag: &'static str) {
        *self.files.lock() = (body, etag);
    }

    fn requested_ranges(&self) -> Vec<Option<u64>> {
        self.ranges.lock().clone()
    }

    fn pull(&self, dir: &TempDir) -> Pull {
        let times = (Duration::from_millis(5), Duration::from_millis(300));
        Pull { backoff: times.0, idle_timeout: times.1, ..Pull::new(&self.url, dir.path().join("m.gguf")) }
    }
}

async fn head(tcp: &mut TcpStream) -> String {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(tcp.read_u8().await.unwrap());
    }
    String::from_utf8(request).unwrap()
}

async fn answer(
    mut tcp: TcpStream,
    behaviour: Behaviour,
    body: Vec<u8>,
    etag: &str,
    from: usize,
    same: bool,
) {
    let part = match behaviour {
        Behaviour::IgnoresRange => false,
        Behaviour::IgnoresIfRange => from > 0,
        _ => from > 0 && same,
    };
    let (from, total) = (if part { from } else { 0 }, body.len());
    let (mut head, body) = match part {
        true => ("HTTP/1.1 206 Partial Content\r\n".to_owned(), &body[from.min(total)..]),
        false => ("HTTP/1.1 200 OK\r\n".to_owned(), &body[..]),
    };
    if part {
        head += &format!("content-range: bytes {from}-{}/{total}\r\n", total - 1);
    }
    head += &match behaviour {
        Behaviour::NoLength(_) => format!("etag: {etag}\r\n\r\n"),
        Behaviour::Refuses(status) => format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n"),
        _ => format!("etag: {etag}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len()),
    };
    if matches!(behaviour, Behaviour::Refuses(_)) {
        head = head.rsplit_once("HTTP/1.1").map(|(_, refusal)| format!("HTTP/1.1{refusal}")).unwrap();
    }
    let len = match behaviour {
        Behaviour::Cut(len) | Behaviour::Silent(len) | Behaviour::NoLength(len) => len.min(body.len()),
        Behaviour::Refuses(_) => 0,
        _ => body.len(),
    };
    let _ = tcp.write_all(head.as_bytes()).await;
    let _ = tcp.write_all(&body[..len]).await;
    if matches!(behaviour, Behaviour::Silent(_)) {
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

fn unfinished_size(dir: &TempDir, name: &str) -> Option<u64> {
    std::fs::metadata(dir.path().join(UNFINISHED).join(name)).ok().map(|meta| meta.len())
}

#[tokio::test]
async fn a_complete_file_is_checked_and_leaves_no_unfinished_files() {
    let (dir, body) = (TempDir::new().unwrap(), model(1_000_000));
    let server = Server::start(body.clone(), &[]).await;
    let mut pull = server.pull(&dir);
    pull.sha256 = Some(sha256(&body).to_uppercase());
    let mut seen = Vec::new();
    let pulled = pull.run(|at| seen.push((at.done, at.total))).await.unwrap();
    assert_eq!(std::fs::read(&pulled.path).unwrap(), body);
    assert_eq!((pulled.bytes, pulled.sha256), (body.len() as u64, sha256(&body)));
    let total = Some(body.len() as u64);
    assert_eq!((seen[0], seen[seen.len() - 1]), ((0, total), (body.len() as u64, total)));
    assert!(seen.is_sorted());
    assert_eq!((unfinished_size(&dir, "m.gguf.part"), unfinished_size(&dir, "m.gguf.json")), (None, None));

    // A second time: with the digest the existing file is recognised, without one it is an error.
    assert!(pull.run(|_| ()).await.unwrap().already_existed);
    let again = server.pull(&dir).run(|_| ()).await.unwrap_err();
    assert_eq!((again.kind(), again.code()), (ErrorKind::Conflict, "model_exists"));
    assert_eq!(server.requested_ranges().len(), 1);
}

#[tokio::test]
async fn interrupted_connections_are_resumed() {
    let (dir, body) = (TempDir::new().unwrap(), model(500_000));
    let busy = Behaviour::Refuses("503 Busy\r\nretry-after: 0");
    let server = Server::start(
        body.clone(),
        &[Behaviour::Cut(300_000), busy, Behaviour::Cut(100_000), Behaviour::Silent(7)],
    )
    .await;
    let pulled = server.pull(&dir).run(|_| ()).await.unwrap();
    assert_eq!(pulled.sha256, sha256(&body));
    assert_eq!(server.requested_ranges(), [None, Some(300_000), Some(300_000), Some(400_000), Some(400_007)]);
}

#[tokio::test]
async fn a_later_download_resumes_a_failed_one() {
    let (dir, body) = (TempDir::new().unwrap(), model(500_000));
    let server = Server::start(body.clone(), &[Behaviour::Cut(1000), Behaviour::Silent(500)]).await;
    let mut pull = server.pull(&dir);
    pull.retries = 0;
    let cut = pull.run(|_| ()).await.unwrap_err();
    assert_eq!((cut.code(), unfinished_size(&dir, "m.gguf.part")), ("pull_cut", Some(1000)));
    assert!(cut.message().contains("1000 bytes are kept"), "{cut}");
    let silent = pull.run(|_| ()).await.unwrap_err();
    assert_eq!(
        (silent.kind(), unfinished_size(&dir, "m.gguf.part")),
        (ErrorKind::UpstreamTimeout, Some(1500))
    );
    let mut first = None;
    let pulled = pull.run(|at| first = first.or(Some(at.done))).await.unwrap();
    assert_eq!((pulled.sha256, first), (sha256(&body), Some(1500)));
}

#[tokio::test]
async fn bytes_of_different_versions_are_never_combined() {
    for behaviour in [Behaviour::Normal, Behaviour::IgnoresRange, Behaviour::IgnoresIfRange] {
        let (dir, old, mut new) = (TempDir::new().unwrap(), model(400_000), model(400_000));
        new[1000..].iter_mut().for_each(|byte| *byte = !*byte);
        let server = Server::start(old, &[Behaviour::Cut(300_000), behaviour]).await;
        let mut pull = server.pull(&dir);
        pull.retries = 0;
        pull.run(|_| ()).await.unwrap_err();
        server.change(new.clone(), "\"v2\"");
        pull.retries = 1;
        assert_eq!(pull.run(|_| ()).await.unwrap().sha256, sha256(&new));
    }
}

#[tokio::test]
async fn a_server_without_ranges_is_retried_a_limited_number_of_times() {
    let (dir, body) = (TempDir::new().unwrap(), model(400_000));
    let server = Server::start(body.clone(), &[Behaviour::Cut(300_000), Behaviour::IgnoresRange]).await;
    assert_eq!(server.pull(&dir).run(|_| ()).await.unwrap().sha256, sha256(&body));

    let dir = TempDir::new().unwrap();
    let server = Server::start(body, &[Behaviour::Refuses("500 Broken"); 20]).await;
    let mut pull = server.pull(&dir);
    pull.retries = 3;
    assert!(pull.run(|_| ()).await.unwrap_err().message().contains("HTTP 500"));
    assert_eq!(server.requested_ranges().len(), 3, "two retries while no byte was received");
}

#[tokio::test]
async fn a_file_with_a_wrong_digest_is_deleted() {
    let (dir, body) = (TempDir::new().unwrap(), model(300_000));
    let mut wrong = body.clone();
    wrong[250_000] ^= 1;
    let server = Server::start(wrong, &[Behaviour::Cut(260_000)]).await;
    let mut pull = server.pull(&dir);
    pull.sha256 = Some(sha256(&body));
    let error = pull.run(|_| ()).await.unwrap_err();
    assert_eq!((error.code(), unfinished_size(&dir, "m.gguf.part")), ("digest_mismatch", None));
    assert!(!pull.path.exists());
    server.change(body, "\"v1\"");
    pull.run(|_| ()).await.unwrap();
}

#[tokio::test]
async fn another_kind_of_file_fails_early_and_an_incomplete_model_never_gets_the_final_name() {
    let dir = TempDir::new().unwrap();
    let page = [b"<!DOCTYPE html>", &[b' '; 10_000_000][..]].concat();
    let server = Server::start(page, &[]).await;
    let mut most = 0;
    let error = server.pull(&dir).run(|at| most = most.max(at.done)).await.unwrap_err();
    assert_eq!(error.code(), "not_a_model");
    assert!(most < 1_000_000);

    // Without a length the end of the connection looks like the end of the file; only the model's header shows that
    // bytes are missing.
    let body = model(300_000);
    let server =
        Server::start(body.clone(), &[Behaviour::NoLength(200_000), Behaviour::NoLength(usize::MAX)]).await;
    let error = server.pull(&dir).run(|_| ()).await.unwrap_err();
    assert_eq!((error.code(), server.pull(&dir).path.exists()), ("not_a_model", false));
    assert_eq!(server.pull(&dir).run(|_| ()).await.unwrap().sha256, sha256(&body));
}

#[tokio::test]
async fn two_downloads_of_one_file_exclude_each_other_and_a_dropped_one_keeps_its_bytes() {
    let (dir, body) = (TempDir::new().unwrap(), model(900_000));
    let server = Server::start(body.clone(), &[Behaviour::Silent(600_000)]).await;
    let mut pull = server.pull(&dir);
    pull.idle_timeout = Duration::from_secs(30);
    let done = Arc::new(AtomicU64::new(0));
    let running = {
        let (pull, done) = (pull.clone(), Arc::clone(&done));
        tokio::spawn(async move { pull.run(|at| done.store(at.done, Ordering::Relaxed)).await })
    };
    let begun = async {
        while done.load(Ordering::Relaxed) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), begun)
        .await
        .expect("the first pull gets bytes within a minute");
    let second = pull.run(|_| ()).await.unwrap_err();
    assert_eq!((second.kind(), second.code()), (ErrorKind::Conflict, "pull_running"));
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    assert!(unfinished_size(&dir, "m.gguf.part").unwrap() > 0);
    assert_eq!(pull.run(|_| ()).await.unwrap().sha256, sha256(&body));
    assert!(server.requested_ranges()[1].is_some_and(|from| from >= 256 * 1024));
}

#[tokio::test]
async fn redirects_are_followed_a_few_times_and_keep_the_range() {
    let moved = Behaviour::Refuses("302 Found\r\nlocation: /elsewhere.gguf");
    let (dir, body) = (TempDir::new().unwrap(), model(300_000));
    let server = Server::start(body.clone(), &[moved, Behaviour::Cut(1000), moved]).await;
    assert_eq!(server.pull(&dir).run(|_| ()).await.unwrap().sha256, sha256(&body));
    assert_eq!(server.requested_ranges(), [None, None, Some(1000), Some(1000)]);

    let dir = TempDir::new().unwrap();
    let server = Server::start(body, &[moved; 30]).await;
    let error = server.pull(&dir).run(|_| ()).await.unwrap_err();
    assert!(error.message().contains("too many redirects"), "{error}");
    assert!(server.requested_ranges().len() <= 10);
}

#[tokio::test]
async fn invalid_options_are_refused_before_any_request() {
    let dir = TempDir::new().unwrap();
    for url in ["ftp://host/m.gguf", "model.gguf", "http://"] {
        let error = Pull::new(url, dir.path().join("m.gguf")).run(|_| ()).await.unwrap_err();
        assert_eq!(error.param(), Some("url"));
    }
    let pull =
        Pull { sha256: Some("12".into()), ..Pull::new("http://127.0.0.1:9/m", dir.path().join("m.gguf")) };
    assert_eq!(pull.run(|_| ()).await.unwrap_err().param(), Some("sha256"));
    let nobody = Pull { retries: 0, ..Pull::new("http://127.0.0.1:9/m", dir.path().join("m.gguf")) };
    assert_eq!(nobody.run(|_| ()).await.unwrap_err().code(), "upstream_unreachable");
}

#[test]
fn a_safe_file_name_is_taken_from_the_url() {
    for (url, name) in [
        ("https://h/a/b/Model-Q4.gguf?download=true#x", Some("Model-Q4.gguf")),
        ("https://h/a/model", Some("model.gguf")),
        ("https://h/..%2F..%2Fetc", Some("-2F..-2Fetc.gguf")),
        ("https://h/.hidden.GGUF", Some("hidden.GGUF")),
        ("https://h/a/", None),
        ("https://h", None),
    ] {
        assert_eq!(file_name(url).as_deref(), name, "{url}");
    }
}

#[tokio::test]
async fn a_configured_proxy_is_used_except_for_excluded_hosts() {
    let (dir, body) = (TempDir::new().unwrap(), model(100_000));
    // A request to a proxy names the whole URL; this server ignores it and sends its file.
    let proxy = Server::start(body.clone(), &[]).await;
    let address = proxy.url.trim_start_matches("http://").trim_end_matches("/m.gguf");
    let nowhere = "http://127.0.0.1:9";
    let proxies = |http: &str, except: &str| Proxies {
        http: Some(http.into()),
        https: Some(nowhere.into()),
        except: Some(except.into()),
    };

    let far = Pull { url: "http://models.invalid/far.gguf".into(), ..proxy.pull(&dir) };
    let far = Pull { retries: 0, proxies: proxies(address, "127.0.0.1"), ..far };
    assert_eq!(far.run(|_| ()).await.unwrap().bytes, body.len() as u64);

    let near = Pull { path: dir.path().join("near.gguf"), retries: 0, ..proxy.pull(&dir) };
    let near = Pull { proxies: proxies(nowhere, "models.invalid,127.0.0.1"), ..near };
    assert_eq!(near.run(|_| ()).await.unwrap().bytes, body.len() as u64);
    let through = Pull { path: dir.path().join("through.gguf"), proxies: proxies(nowhere, ""), ..near };
    assert_eq!(through.run(|_| ()).await.unwrap_err().kind(), ErrorKind::Upstream);

    let wrong = Pull { proxies: proxies("socks5://user:hidden@proxy", ""), ..through };
    let error = wrong.run(|_| ()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(!format!("{error} {error:?} {wrong:?}").contains("hidden"));
}
