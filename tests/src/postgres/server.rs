//! How the server is started, and where it lives: everything here blocks.

use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use tempfile::TempDir;

use crate::guarded::{Guarded, Program, free_port};
use crate::output;

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
        let account = account(folder.path());
        let place = Self { programs, folder, port: free_port(), settings, account };
        let mut initdb = place.command(&place.programs.join("initdb"));
        initdb.args(["--pgdata=data", "--username=jan", "--auth=trust", "--encoding=UTF8", "--locale=C"]);
        let done = output(initdb.arg("--no-sync"));
        assert!(done.status.success(), "initdb: {}", String::from_utf8_lossy(&done.stderr));
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
            let done = output(Command::new("id").args([which, "nobody"]));
            String::from_utf8_lossy(&done.stdout).trim().parse().expect("a user named nobody")
        };
        let (user, group) = (id("-u"), id("-g"));
        chown(folder, Some(user), Some(group)).expect("root may give a folder away");
        (user, group)
    })
}

/// Starts a server and waits until it says that it is ready.
pub(super) fn start(place: &Place) -> Guarded {
    let own = [
        "listen_addresses=127.0.0.1".to_owned(),
        format!("port={}", place.port),
        format!("unix_socket_directories={}", place.folder.path().display()),
        // In the folder, so that nothing outlives it.
        "dynamic_shared_memory_type=mmap".to_owned(),
    ];
    let settings = own.iter().chain(&place.settings).flat_map(|setting| ["-c".to_owned(), setting.clone()]);
    let program = Program {
        path: &place.programs.join("postgres"),
        args: ["-D".to_owned(), "data".to_owned()].into_iter().chain(settings).collect(),
        ready: READY,
        // Without a checkpoint: PostgreSQL's immediate shutdown.
        stop: "QUIT",
    };
    Guarded::start(place.command(Path::new("sh")), program)
}
