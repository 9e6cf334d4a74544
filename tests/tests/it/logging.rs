//! The log of the binary, and requests while the log cannot be written.

use std::fs::{File, OpenOptions};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use jan_tests::{Upstream, WAIT_LIMIT};
use serde_json::Value;
use tempfile::TempDir;

use crate::binary::jan;

/// A running server whose log is not read by the test. Its port was free just before the start.
struct Running {
    child: Child,
    url: String,
}

impl Running {
    async fn start(command: &mut Command) -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let child = command.env("JAN_ADDR", free.to_string()).stdout(Stdio::null()).spawn().unwrap();
        let running = Self { child, url: format!("http://{free}") };
        let end = Instant::now() + WAIT_LIMIT;
        while reqwest::get(format!("{}/healthz", running.url)).await.is_err() {
            assert!(Instant::now() < end, "the server does not answer");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        running
    }

    /// Sends SIGTERM and returns the exit code.
    fn terminate(&mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let end = Instant::now() + WAIT_LIMIT;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < end, "the server does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    async fn chat(&self, model: &str, stream: bool) -> (u16, String) {
        let body = serde_json::json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": "Hello!"}]});
        let request = reqwest::Client::new().post(format!("{}/v1/chat/completions", self.url));
        let reply = request.timeout(WAIT_LIMIT).json(&body).send().await.expect("a reply");
        (reply.status().as_u16(), reply.text().await.expect("a whole reply"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server whose upstream does not exist: every request to it fails and is logged.
fn failing(dir: &TempDir) -> Command {
    let mut command = jan(dir);
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    command.envs([("JAN_ECHO", "1"), ("JAN_AUTH", "open"), ("JAN_RATE_LIMIT", "off"), ("JAN_LOG", "debug")]);
    command.env("JAN_UPSTREAM_URL", format!("http://{unused}/v1"));
    command
}

/// Requests are answered, also failing ones, which are logged, and SIGTERM stops the server in order.
async fn serves_and_ends(mut running: Running) {
    for _ in 0..5 {
        let (status, body) = running.chat("other", false).await;
        assert_eq!(status, 502, "{body}");
        assert!(serde_json::from_str::<Value>(&body).unwrap()["error"]["message"].is_string());
        let (status, body) = running.chat("echo", true).await;
        assert!(status == 200 && body.trim_end().ends_with("data: [DONE]"), "{body}");
    }
    assert_eq!(running.terminate(), Some(0));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn requests_work_when_the_logs_disk_is_full() {
    let dir = tempfile::tempdir().unwrap();
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    serves_and_ends(Running::start(failing(&dir).stderr(full)).await).await;
}

#[tokio::test]
async fn requests_work_when_the_logs_reader_has_ended() {
    let dir = tempfile::tempdir().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    serves_and_ends(Running::start(failing(&dir).stderr(writer)).await).await;
}

#[tokio::test]
async fn requests_work_with_a_closed_standard_error() {
    let dir = tempfile::tempdir().unwrap();
    let inner = failing(&dir);
    // A shell closes standard error, because `Command` cannot.
    let mut shell = Command::new("sh");
    shell.args(["-c", "exec \"$0\" 2>&-"]).arg(inner.get_program()).current_dir(dir.path()).env_clear();
    shell.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    serves_and_ends(Running::start(shell.stderr(Stdio::null())).await).await;
}

#[tokio::test]
async fn requests_do_not_wait_for_a_log_that_is_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let (reader, mut writer) = std::io::pipe().unwrap();
    // The pipe is full before the server writes its first line; its reader exists and reads nothing.
    let filling = writer.try_clone().unwrap();
    std::thread::spawn(move || {
        use std::io::Write;
        let _ = (&filling).write_all(&vec![b'\n'; 1 << 20]);
    });
    let mut running = Running::start(failing(&dir).stderr(writer.try_clone().unwrap())).await;
    std::io::Write::flush(&mut writer).unwrap();
    for _ in 0..5 {
        assert_eq!(running.chat("other", false).await.0, 502);
        assert_eq!(running.chat("echo", true).await.0, 200);
    }
    assert_eq!(running.terminate(), Some(0));
    drop(reader);
}

/// The log lines of a server, as JSON.
fn lines(dir: &TempDir) -> Vec<Value> {
    let text = std::fs::read_to_string(dir.path().join("log")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

#[tokio::test]
async fn a_request_is_one_line_with_its_cost_and_without_secrets() {
    let dir = tempfile::tempdir().unwrap();
    let upstream = Upstream::start().await;
    let mut command = jan(&dir);
    command.envs([
        ("JAN_ECHO", "1"),
        ("JAN_AUTH", "open"),
        ("LOG_FORMAT", "json"),
        ("JAN_UPSTREAM_API_KEY", "sk-secret"),
    ]);
    command.env("JAN_UPSTREAM_URL", upstream.url());
    let mut running = Running::start(command.stderr(File::create(dir.path().join("log")).unwrap())).await;
    assert_eq!(running.chat("echo", false).await.0, 200);
    assert_eq!(running.chat("echo", true).await.0, 200);
    let gone = reqwest::Client::new().get(format!("{}/v1/conversations/conv_x?key=sk-secret", running.url));
    let gone = gone.header("x-request-id", "my-own-id").bearer_auth("sk-secret").send().await.unwrap();
    let refused = gone.status().as_u16();
    assert!((400..500).contains(&refused));
    assert_eq!(running.terminate(), Some(0));

    let all = lines(&dir);
    let requests: Vec<_> = all
        .iter()
        .filter(|line| line["target"] == "jan_server::request")
        .map(|line| &line["fields"])
        .collect();
    let chats: Vec<_> = requests.iter().filter(|line| line["route"] == "/v1/chat/completions").collect();
    assert_eq!(chats.len(), 2, "{all:?}");
    for chat in &chats {
        assert_eq!(
            (&chat["method"], &chat["status"], &chat["model"]),
            (&"POST".into(), &200.into(), &"echo".into())
        );
        assert!(
            chat["prompt_tokens"].as_u64() > Some(0) && chat["completion_tokens"].as_u64() > Some(0),
            "{chat}"
        );
        assert!(
            chat["duration_ms"].is_f64() && chat["user"].is_string() && chat["request_id"].is_string(),
            "{chat}"
        );
        assert!(chat["client_left"].is_null(), "{chat}");
    }
    assert!(chats[0]["first_byte_ms"].is_null() && chats[1]["first_byte_ms"].is_f64(), "{chats:?}");
    let gone = requests.iter().find(|line| line["route"] == "/v1/conversations/{id}").unwrap();
    assert_eq!((&gone["status"], &gone["request_id"]), (&refused.into(), &"my-own-id".into()));
    let text = std::fs::read_to_string(dir.path().join("log")).unwrap();
    assert!(!text.contains("Hello!") && !text.contains("sk-secret"), "{text}");
}

#[tokio::test]
async fn the_request_lines_are_switched_off_by_a_key() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = jan(&dir);
    command.envs([
        ("JAN_ECHO", "1"),
        ("JAN_AUTH", "open"),
        ("LOG_FORMAT", "json"),
        ("JAN__LOG__REQUESTS", "false"),
    ]);
    let mut running = Running::start(command.stderr(File::create(dir.path().join("log")).unwrap())).await;
    assert_eq!(running.chat("echo", false).await.0, 200);
    assert_eq!(running.terminate(), Some(0));
    let lines = lines(&dir);
    assert!(lines.len() > 1 && lines.iter().all(|line| line["target"] != "jan_server::request"), "{lines:?}");
}

#[tokio::test]
async fn a_failure_is_logged_as_a_sentence_with_its_causes() {
    let dir = tempfile::tempdir().unwrap();
    let mut running = Running::start(
        failing(&dir).env("JAN_LOG", "info").stderr(File::create(dir.path().join("log")).unwrap()),
    )
    .await;
    assert_eq!(running.chat("other", false).await.0, 502);
    assert_eq!(running.terminate(), Some(0));
    let text = std::fs::read_to_string(dir.path().join("log")).unwrap();
    let failed = text.lines().find(|line| line.contains("request failed")).expect("the failure is logged");
    assert!(
        failed.contains("refused") && !failed.contains("Error {") && !failed.contains("Inner"),
        "{failed}"
    );
}
