//! Prepares the server's folder and starts the server. Everything here blocks the thread.

use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use tempfile::TempDir;

use crate::output;
use crate::supervised::{Program, SupervisedServer, free_port};

/// A part of the log line that shows that the server accepts connections.
const READY: &str = "database system is ready to accept connections";

/// The folder, port and settings of the server. They stay the same when it is restarted.
#[derive(Debug, Clone)]
pub(super) struct Location {
    pub(super) programs: PathBuf,
    folder: Arc<TempDir>,
    port: u16,
    settings: Vec<String>,
    user: Option<(u32, u32)>,
}

impl Location {
    /// Creates and initialises a folder.
    pub(super) fn new(programs: PathBuf, settings: Vec<String>) -> Self {
        let folder = Arc::new(tempfile::tempdir().expect("a temporary folder"));
        let user = unprivileged_user(folder.path());
        let location = Self { programs, folder, port: free_port(), settings, user };
        let mut initdb = location.command(&location.programs.join("initdb"));
        initdb.args(["--pgdata=data", "--username=jan", "--auth=trust", "--encoding=UTF8", "--locale=C"]);
        let done = output(initdb.arg("--no-sync"));
        assert!(done.status.success(), "initdb: {}", String::from_utf8_lossy(&done.stderr));
        location
    }

    pub(super) fn url(&self, database: &str) -> String {
        format!("postgres://jan@127.0.0.1:{}/{database}", self.port)
    }

    /// A command that runs in the folder, as a user that PostgreSQL accepts.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder.path()).env("LC_ALL", "C");
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }
}

/// PostgreSQL refuses to run as root. As root, this makes `nobody` the owner of the folder and returns its user and
/// group id.
fn unprivileged_user(folder: &Path) -> Option<(u32, u32)> {
    let root = folder.metadata().expect("the folder exists").uid() == 0;
    root.then(|| {
        let id = |which| {
            let done = output(Command::new("id").args([which, "nobody"]));
            String::from_utf8_lossy(&done.stdout).trim().parse().expect("a user named nobody")
        };
        let (user, group) = (id("-u"), id("-g"));
        chown(folder, Some(user), Some(group)).expect("root may change the owner");
        (user, group)
    })
}

/// Starts a server and waits until its log shows that it is ready.
pub(super) fn start(location: &Location) -> SupervisedServer {
    let fixed = [
        "listen_addresses=127.0.0.1".to_owned(),
        format!("port={}", location.port),
        format!("unix_socket_directories={}", location.folder.path().display()),
        // In the folder, so that nothing remains after it is removed.
        "dynamic_shared_memory_type=mmap".to_owned(),
    ];
    let settings =
        fixed.iter().chain(&location.settings).flat_map(|setting| ["-c".to_owned(), setting.clone()]);
    let program = Program {
        path: &location.programs.join("postgres"),
        args: ["-D".to_owned(), "data".to_owned()].into_iter().chain(settings).collect(),
        ready: READY,
        // PostgreSQL's immediate shutdown, without a checkpoint.
        stop: "QUIT",
    };
    SupervisedServer::start(location.command(Path::new("sh")), program)
}
