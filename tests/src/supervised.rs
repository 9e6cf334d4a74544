//! Real servers for one test: each runs under a supervisor shell, in its own folder. Everything here except
//! [`blocking`] blocks the thread.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Instant;

use crate::wait::{WAIT_LIMIT, until_blocking};

/// The script of the supervisor shell between a test and its server. A test may end without cleaning up (it was killed,
/// or the server is in a `static`), so the shell waits for a command on its standard input. If the pipe closes without
/// a command, it stops the server and removes the folder. Only the server's processes hold the log's pipe, so when the
/// log ends, they have all ended.
const SUPERVISOR: &str = r#"
trap '' INT
signal=$1
shift
"$@" </dev/null &
exec 2>/dev/null
read -r command
if [ "$command" = kill ]; then
  kill -STOP $!
  kill -KILL $! $(cat /proc/$!/task/$!/children || pgrep -P $!)
else
  kill -$signal $!
fi
wait
[ "$command" ] || rm -rf "$PWD"
"#;

/// The server program and how to start and stop it.
pub(crate) struct Program<'a> {
    pub(crate) path: &'a Path,
    pub(crate) args: Vec<String>,
    /// A part of the log line that shows that the server accepts requests.
    pub(crate) ready: &'a str,
    /// The name of the signal that stops it at once, for example `QUIT`.
    pub(crate) stop: &'a str,
}

/// A running server. Dropping it stops it at once and removes the folder.
#[derive(Debug)]
pub(crate) struct SupervisedServer {
    supervisor: Child,
    log: Option<JoinHandle<()>>,
}

impl SupervisedServer {
    /// Starts a server and waits until its log shows that it is ready. `shell` is `sh`, with the server's folder, user
    /// and environment.
    pub(crate) fn start(mut shell: Command, program: Program<'_>) -> Self {
        shell.args(["-c", SUPERVISOR, "sh", program.stop]).arg(program.path).args(program.args);
        shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut supervisor = shell.spawn().expect("a shell");

        let log = BufReader::new(supervisor.stderr.take().expect("its log is a pipe"));
        let (sender, received) = mpsc::channel();
        // The log is read to its end, so that the server never waits for a reader.
        let log = std::thread::spawn(move || {
            log.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
        });
        let server = Self { supervisor, log: Some(log) };
        let (started, mut lines) = (Instant::now(), Vec::new());
        while let Ok(line) = received.recv_timeout(WAIT_LIMIT.saturating_sub(started.elapsed())) {
            if line.contains(program.ready) {
                return server;
            }
            lines.push(line);
        }
        panic!("{} did not start:\n{}", program.path.display(), lines.join("\n"));
    }

    /// Kills all its processes.
    pub(crate) fn kill(mut self) {
        self.end("kill\n");
    }

    /// Stops it at once.
    pub(crate) fn stop(mut self) {
        self.end("stop\n");
    }

    /// Sends a command, at most once, and waits until all processes have ended.
    fn end(&mut self, command: &str) {
        if let Some(mut pipe) = self.supervisor.stdin.take() {
            // A supervisor that has ended needs no command.
            let _ = pipe.write_all(command.as_bytes());
        }
        let ended = || self.supervisor.try_wait().map_or(Some(()), |status| status.map(drop));
        until_blocking("a server and its supervisor to end", ended);
        if let Some(log) = self.log.take() {
            let _ = log.join();
        }
    }
}

impl Drop for SupervisedServer {
    fn drop(&mut self) {
        self.end("");
    }
}

/// A loopback port on which nothing listens.
pub(crate) fn free_port() -> u16 {
    let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    free.expect("a free port").port()
}

/// Runs blocking work on the runtime's blocking threads.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
