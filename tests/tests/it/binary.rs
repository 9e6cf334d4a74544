//! The binary, as users and service managers run it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;

use jan_tests::{Process, WAIT_LIMIT, output};
use serde_json::Value;
use tempfile::TempDir;

use crate::app::{binary, client};

/// The binary in its own folder, without the environment of the test.
pub(crate) fn jan(dir: &TempDir) -> Command {
    let mut command = Command::new(binary("jan-server"));
    command.current_dir(dir.path()).env_clear().env("JAN_DATA_DIR", dir.path().join("data"));
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A server started by the binary, and its URL, read from its log.
pub(crate) struct Serving(Process, pub(crate) String);

impl Serving {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut process = Process::start(command.env("JAN_ADDR", "127.0.0.1:0").stderr(Stdio::piped()));
        let line = process.stderr().unwrap().with("address=");
        let address = line.split("address=").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
        Self(process, format!("http://{address}"))
    }

    /// Kills it with SIGKILL, like a crash.
    pub(crate) fn kill(self) {
        self.0.kill();
    }

    /// Sends SIGTERM and returns the exit code.
    pub(crate) fn terminate(mut self) -> Option<i32> {
        assert!(output(Command::new("kill").args(["-TERM", &self.0.id().to_string()])).status.success());
        self.0.ended().code()
    }
}

async fn login(url: &str) -> String {
    let reply = client().post(format!("{url}/llm/auth/guest-login")).send().await.unwrap();
    let reply: Value = reply.json().await.unwrap();
    reply["access_token"].as_str().unwrap().to_owned()
}

async fn models_status(url: &str, token: &str) -> u16 {
    let reply = client().get(format!("{url}/v1/models")).bearer_auth(token).send().await.unwrap();
    reply.status().as_u16()
}

#[tokio::test]
async fn a_token_survives_a_restart_and_sigterm_gives_exit_code_0() {
    let dir = tempfile::tempdir().unwrap();
    let first = Serving::start(jan(&dir).env("JAN_ECHO", "1"));
    let token = login(&first.1).await;
    assert_eq!(models_status(&first.1, &token).await, 200);
    assert_eq!(first.terminate(), Some(0));

    let key = dir.path().join("data/signing-key.pk8");
    #[cfg(unix)]
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&key.metadata().unwrap().permissions()) & 0o777,
        0o600
    );
    let second = Serving::start(&mut jan(&dir));
    assert_eq!(models_status(&second.1, &token).await, 200);
    assert_eq!(second.terminate(), Some(0));

    // With another signing key the token is invalid.
    std::fs::remove_file(key).unwrap();
    let third = Serving::start(&mut jan(&dir));
    assert_eq!(models_status(&third.1, &token).await, 401);
    third.terminate();
}

#[test]
fn the_effective_configuration_is_printed_without_secrets() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("jan.toml"), "[limits]\nbody = \"1 MiB\"\nconnections = 7\n").unwrap();
    let upstream =
        [("JAN_UPSTREAM_URL", "http://localhost:1/v1"), ("JAN_UPSTREAM_API_KEY", "sk-very-secret")];
    let mut config = jan(&dir);
    let printed = text(&output(config.args(["config", "--set", "limits.drain=5s"]).envs(upstream)).stdout);
    for part in ["connections = 7", "drain = \"5s\"", "body = \"1.0 MiB\"", "api_key = \"********\""] {
        assert!(printed.contains(part), "{part} is missing in {printed}");
    }
    assert!(!printed.contains("very-secret"));
}

#[test]
fn configuration_errors_name_the_key_and_the_value() {
    let dir = tempfile::tempdir().unwrap();
    let fails = |done: Output, words: &[&str]| {
        assert!(!done.status.success());
        let printed = text(&done.stderr);
        for word in words {
            assert!(printed.contains(word), "{printed} does not contain {word}");
        }
        assert!(!printed.contains("panicked"), "{printed}");
    };
    fails(output(jan(&dir).env("JAN_LOG", "loud")), &["log.level", "loud", "debug"]);
    fails(output(jan(&dir).args(["--config", "."])), &["file . cannot be read"]);
    fails(output(jan(&dir).env("JAN_CONFIG", "gone.toml")), &["gone.toml"]);
    fails(output(jan(&dir).args(["export", "--user", "nobody", "--out", "x"])), &["nobody"]);
    assert!(!dir.path().join("x").exists());
    fails(output(jan(&dir).args(["--addr", "nowhere"])), &["addr", "nowhere"]);
    fails(output(jan(&dir).args(["--config", "gone.toml"])), &["gone.toml"]);
    fails(output(jan(&dir).env("JAN_LOCAL_MODEL", "gone.gguf")), &["gone.gguf"]);
    std::fs::write(dir.path().join("jan.toml"), "[limitz]\n").unwrap();
    fails(output(&mut jan(&dir)), &["limitz", "limits"]);
    std::fs::remove_file(dir.path().join("jan.toml")).unwrap();
    std::fs::write(dir.path().join("file"), "").unwrap();
    fails(output(jan(&dir).args(["--data-dir", "file"])), &["data", "file"]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    fails(output(jan(&dir).args(["--addr", &address])), &[&address, "JAN_ADDR"]);
}

/// Every command that cannot write its output prints an error and fails, without a panic.
#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("account"), "{}\n").unwrap();
    for (args, echo) in [
        (&["config"][..], "0"),
        (&["config", "--sample"], "0"),
        (&["--help"], "0"),
        (&["--version"], "0"),
        (&["models", "list"], "1"),
        (&["models", "list"], "0"),
        (&["chat", "Hello"], "1"),
        (&["serve", "--help"], "0"),
    ] {
        let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = jan(&dir).env("JAN_ECHO", echo).args(args).stdout(full()).output().unwrap();
        let printed = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {printed}");
        assert!(printed.contains("No space left") && !printed.contains("panicked"), "{args:?}: {printed}");
        // Also when the error itself cannot be printed.
        let status =
            jan(&dir).env("JAN_ECHO", echo).args(args).stdout(full()).stderr(full()).status().unwrap();
        assert_eq!(status.code(), Some(1), "{args:?}");
    }
}

#[test]
fn unknown_jan_variables_cause_a_warning_only() {
    let dir = tempfile::tempdir().unwrap();
    let others = [("JAN_PORT", "tcp://10.0.0.1:80"), ("JAN_SERVICE_HOST", "10.0.0.1"), ("JAN_ADRR", "x")];
    let output = jan(&dir).envs(others).arg("config").output().unwrap();
    assert!(output.status.success());
    let printed = text(&output.stderr);
    for word in ["JAN_PORT", "JAN_SERVICE_HOST", "JAN_ADRR (did you mean JAN_ADDR?)"] {
        assert!(printed.contains(word), "{printed} does not contain {word}");
    }
}

#[test]
fn help_names_the_commands_and_the_variables() {
    let dir = tempfile::tempdir().unwrap();
    let help = text(&output(jan(&dir).arg("--help")).stdout);
    for word in
        ["serve", "chat", "models", "config", "export", "import", "JAN_UPSTREAM_URL", "JAN_LOCAL_MODEL"]
    {
        assert!(help.contains(word), "{word}");
    }
}

#[test]
fn the_terminal_chat_can_be_piped() {
    let dir = tempfile::tempdir().unwrap();
    let once = output(jan(&dir).env("JAN_ECHO", "1").args(["chat", "Hello", "there"]));
    assert_eq!(text(&once.stdout).trim(), "Hello there", "{}", text(&once.stderr));

    let mut piped = jan(&dir);
    piped.env("JAN_ECHO", "1").arg("chat").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut piped = Process::start(&mut piped);
    let printed = piped.stdout().unwrap();
    piped.stdin().unwrap().write_all(b"first line\nsecond line\n/quit\nnever printed\n").unwrap();
    piped.ended();
    let printed = printed.rest().join("\n");
    assert!(
        printed.contains("first line")
            && printed.contains("second line")
            && !printed.contains("never printed"),
        "{printed}"
    );

    let nothing = output(jan(&dir).args(["chat", "Hello"]));
    assert!(!nothing.status.success());
    assert!(text(&nothing.stderr).contains("No model is configured"), "{}", text(&nothing.stderr));
}

#[test]
fn models_are_listed_and_files_are_checked() {
    let dir = tempfile::tempdir().unwrap();
    let list = output(jan(&dir).env("JAN_ECHO", "1").args(["models", "list"]));
    assert!(text(&list.stdout).contains("echo"), "{}", text(&list.stderr));
    let file = dir.path().join("no-model.gguf");
    std::fs::write(&file, "this is no model ".repeat(100)).unwrap();
    let check = output(jan(&dir).args(["models", "check"]).arg(&file));
    assert!(!check.status.success());
    assert!(text(&check.stderr).contains("GGUF"), "{}", text(&check.stderr));
}

/// A proxy that sends the first line of the first request to the test, and does nothing else.
fn proxy() -> (String, mpsc::Receiver<String>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, received) = mpsc::channel();
    std::thread::spawn(move || {
        let (tcp, _) = listener.accept().unwrap();
        let request = BufReader::new(tcp).lines().next().unwrap().unwrap();
        sender.send(request).unwrap();
    });
    (url, received)
}

#[test]
fn a_model_is_pulled_through_the_proxy_of_the_environment() {
    let dir = tempfile::tempdir().unwrap();
    for (variable, url, request) in [
        ("HTTP_PROXY", "http://models.invalid/m.gguf", "GET http://models.invalid/m.gguf HTTP/1.1"),
        ("https_proxy", "https://models.invalid/m.gguf", "CONNECT models.invalid:443 HTTP/1.1"),
        ("ALL_PROXY", "https://models.invalid/m.gguf", "CONNECT models.invalid:443 HTTP/1.1"),
    ] {
        let (proxy, asked) = proxy();
        // The flag has priority over the variable NO_PROXY, so the proxy is used. This shows that only the
        // configuration reads the environment.
        let mut pull = jan(&dir);
        pull.args(["models", "pull", url, "--set", "pull.no_proxy=other.invalid"]);
        let pull = Process::start(pull.env(variable, &proxy).env("NO_PROXY", "*").stderr(Stdio::null()));
        let asked = asked.recv_timeout(WAIT_LIMIT);
        pull.kill();
        assert_eq!(asked.as_deref(), Ok(request), "{variable}");
    }
}
