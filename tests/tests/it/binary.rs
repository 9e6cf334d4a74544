//! The binary as a person or a service manager uses it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;

use jan_tests::{PATIENCE, Process, output};
use serde_json::Value;
use tempfile::TempDir;

use crate::app::{binary, client};

/// The binary in a folder of its own, with nothing of the caller's environment.
pub(crate) fn jan(dir: &TempDir) -> Command {
    let mut command = Command::new(binary("jan-server"));
    command.current_dir(dir.path()).env_clear().env("JAN_DATA_DIR", dir.path().join("data"));
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A server started by the binary, and its address read from its log.
pub(crate) struct Serving(Process, pub(crate) String);

impl Serving {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut process = Process::start(command.env("JAN_ADDR", "127.0.0.1:0").stderr(Stdio::piped()));
        let line = process.stderr().unwrap().with("address=");
        let address = line.split("address=").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
        Self(process, format!("http://{address}"))
    }

    /// Ends it as a crash would, without a word.
    pub(crate) fn kill(self) {
        self.0.kill();
    }

    /// The exit code after a SIGTERM.
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
async fn a_token_outlives_a_restart_and_sigterm_ends_in_good_order() {
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

    // With another key the token is worth nothing.
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
fn what_is_wrong_is_said_in_a_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let fails = |done: Output, words: &[&str]| {
        assert!(!done.status.success());
        let said = text(&done.stderr);
        for word in words {
            assert!(said.contains(word), "{said} does not say {word}");
        }
        assert!(!said.contains("panicked"), "{said}");
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

/// Every command whose output goes nowhere says so and ends, without a panic and without success.
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
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {said}");
        assert!(said.contains("No space left") && !said.contains("panicked"), "{args:?}: {said}");
        // And when it cannot even be said.
        let status =
            jan(&dir).env("JAN_ECHO", echo).args(args).stdout(full()).stderr(full()).status().unwrap();
        assert_eq!(status.code(), Some(1), "{args:?}");
    }
}

#[test]
fn variables_of_others_are_named_and_stop_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let others = [("JAN_PORT", "tcp://10.0.0.1:80"), ("JAN_SERVICE_HOST", "10.0.0.1"), ("JAN_ADRR", "x")];
    let output = jan(&dir).envs(others).arg("config").output().unwrap();
    assert!(output.status.success());
    let said = text(&output.stderr);
    for word in ["JAN_PORT", "JAN_SERVICE_HOST", "JAN_ADRR (did you mean JAN_ADDR?)"] {
        assert!(said.contains(word), "{said} does not say {word}");
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
    let said = piped.stdout().unwrap();
    piped.stdin().unwrap().write_all(b"first line\nsecond line\n/quit\nnever said\n").unwrap();
    piped.ended();
    let said = said.rest().join("\n");
    assert!(
        said.contains("first line") && said.contains("second line") && !said.contains("never said"),
        "{said}"
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

/// A proxy that tells what it is asked first, and does nothing.
fn proxy() -> (String, mpsc::Receiver<String>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (tell, asked) = mpsc::channel();
    std::thread::spawn(move || {
        let (tcp, _) = listener.accept().unwrap();
        let request = BufReader::new(tcp).lines().next().unwrap().unwrap();
        tell.send(request).unwrap();
    });
    (url, asked)
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
        // The flag has the last word over the variable, also of who is asked directly: so it is the configuration that
        // counts, and nothing else reads the environment.
        let mut pull = jan(&dir);
        pull.args(["models", "pull", url, "--set", "pull.no_proxy=elsewhere.invalid"]);
        let pull = Process::start(pull.env(variable, &proxy).env("NO_PROXY", "*").stderr(Stdio::null()));
        let asked = asked.recv_timeout(PATIENCE);
        pull.kill();
        assert_eq!(asked.as_deref(), Ok(request), "{variable}");
    }
}
