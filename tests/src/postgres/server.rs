//! The server's processes and where they live: everything here blocks.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Instant;

use tempfile::TempDir;

use crate::PATIENCE;

/// Stands between a test and its server, because a test may end without cleaning up: killed, or with the server in a
/// `static`. It waits for an order. When the pipe closes without one, the server goes, and its folder too. The server
/// has the log for itself, so the log's end is the end of all its processes.
const GUARDIAN: &str = r#"
trap '' INT
"$@" </dev/null &
exec 2>/dev/null
read -r order
if [ "$order" = kill ]; then
  kill -STOP $!
  kill -KILL $! $(cat /proc/$!/task/$!/children || pgrep -P $!)
else
  kill -QUIT $!
fi
wait
[ "$order" ] || rm -rf "$PWD"
"#;

/// What the log says when the server can be asked.
const READY: &str = "database system is ready to accept connections";

/// A folder, a port, and the settings for the servers that run there one after another.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) programs: PathBuf,
    folder: Arc<TempDir>,
    port: u16,
    settings: Vec<String>,
    account: Option<(u32, u32)>,
}

impl Place {
    /// An initialised folder.
    pub(super) fn new(programs: PathBuf, settings: Vec<String>) -> Self {
        let folder = Arc::new(tempfile::tempdir().expect("a temporary folder"));
        let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
        let account = account(folder.path());
        let place = Self { programs, folder, port: free.expect("a free port").port(), settings, account };
        let mut initdb = place.command(&place.programs.join("initdb"));
        initdb.args(["--pgdata=data", "--username=jan", "--auth=trust", "--encoding=UTF8", "--locale=C"]);
        let output = initdb.arg("--no-sync").output().expect("initdb runs");
        assert!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
        place
    }

    pub(super) fn url(&self, database: &str) -> String {
        format!("postgres://jan@127.0.0.1:{}/{database}", self.port)
    }

    /// A command in the folder, as a user whom PostgreSQL accepts.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder.path()).env("LC_ALL", "C");
        if let Some((user, group)) = self.account {
            command.uid(user).gid(group);
        }
        command
    }
}

/// PostgreSQL refuses to run as root: who is root gives the folder to `nobody` and lets him run it.
fn account(folder: &Path) -> Option<(u32, u32)> {
    let root = folder.metadata().expect("the folder is there").uid() == 0;
    root.then(|| {
        let id = |which| {
            let output = Command::new("id").args([which, "nobody"]).output().expect("id runs");
            String::from_utf8_lossy(&output.stdout).trim().parse().expect("a user named nobody")
        };
        let (user, group) = (id("-u"), id("-g"));
        chown(folder, Some(user), Some(group)).expect("root may give a folder away");
        (user, group)
    })
}

/// A running server. Dropping it stops it at once and removes the folder.
#[derive(Debug)]
pub(super) struct Server {
    guardian: Child,
    log: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts a server and waits until it says that it is ready.
    pub(super) fn start(place: &Place) -> Self {
        let mut guardian = place.command(Path::new("sh"));
        guardian.args(["-c", GUARDIAN, "sh"]).arg(place.programs.join("postgres")).args(["-D", "data"]);
        let own = [
            "listen_addresses=127.0.0.1".to_owned(),
            format!("port={}", place.port),
            format!("unix_socket_directories={}", place.folder.path().display()),
            // In the folder, so that nothing outlives it.
            "dynamic_shared_memory_type=mmap".to_owned(),
        ];
        for setting in own.iter().chain(&place.settings) {
            guardian.args(["-c", setting]);
        }
        guardian.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut guardian = guardian.spawn().expect("a shell");

        let log = BufReader::new(guardian.stderr.take().expect("its log is a pipe"));
        let (say, said) = mpsc::channel();
        // The log is read to its end, so that the server never waits for a reader.
        let log = std::thread::spawn(move || {
            log.lines().map_while(Result::ok).for_each(|line| drop(say.send(line)));
        });
        let server = Self { guardian, log: Some(log) };
        let (started, mut lines) = (Instant::now(), Vec::new());
        while let Ok(line) = said.recv_timeout(PATIENCE.saturating_sub(started.elapsed())) {
            if line.contains(READY) {
                return server;
            }
            lines.push(line);
        }
        panic!("PostgreSQL did not start:\n{}", lines.join("\n"));
    }

    /// Kills all its processes.
    pub(super) fn kill(mut self) {
        self.end("kill\n");
    }

    /// Stops it without a checkpoint: PostgreSQL's immediate shutdown.
    pub(super) fn stop(mut self) {
        self.end("stop\n");
    }

    /// Gives an order, at most once, and waits until all processes are gone.
    fn end(&mut self, order: &str) {
        if let Some(mut pipe) = self.guardian.stdin.take() {
            // A guardian that is gone needs no order.
            let _ = pipe.write_all(order.as_bytes());
        }
        let _ = self.guardian.wait();
        if let Some(log) = self.log.take() {
            let _ = log.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end("");
    }
}
