//! Real servers that belong to a test: programs with a guardian, in a folder of their own. Everything here but
//! [`blocking`] blocks.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Instant;

use crate::wait::{PATIENCE, until_blocking};

/// Stands between a test and its server, because a test may end without cleaning up: killed, or with the server in a
/// `static`. It waits for an order. When the pipe closes without one, the server goes, and its folder too. The server
/// has the log for itself, so the log's end is the end of all its processes.
const GUARDIAN: &str = r#"
trap '' INT
signal=$1
shift
"$@" </dev/null &
exec 2>/dev/null
read -r order
if [ "$order" = kill ]; then
  kill -STOP $!
  kill -KILL $! $(cat /proc/$!/task/$!/children || pgrep -P $!)
else
  kill -$signal $!
fi
wait
[ "$order" ] || rm -rf "$PWD"
"#;

/// What is run.
pub(crate) struct Program<'a> {
    pub(crate) path: &'a Path,
    pub(crate) args: Vec<String>,
    /// What the log says when the server can be asked.
    pub(crate) ready: &'a str,
    /// The signal at which it stops at once: `QUIT`.
    pub(crate) stop: &'a str,
}

/// A running server. Dropping it stops it at once and removes the folder.
#[derive(Debug)]
pub(crate) struct Guarded {
    guardian: Child,
    log: Option<JoinHandle<()>>,
}

impl Guarded {
    /// Starts a server and waits until it says that it is ready. `shell` is `sh`, in the server's folder, as the user and
    /// with the environment that the server shall have.
    pub(crate) fn start(mut shell: Command, program: Program<'_>) -> Self {
        shell.args(["-c", GUARDIAN, "sh", program.stop]).arg(program.path).args(program.args);
        shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut guardian = shell.spawn().expect("a shell");

        let log = BufReader::new(guardian.stderr.take().expect("its log is a pipe"));
        let (say, said) = mpsc::channel();
        // The log is read to its end, so that the server never waits for a reader.
        let log = std::thread::spawn(move || {
            log.lines().map_while(Result::ok).for_each(|line| drop(say.send(line)));
        });
        let server = Self { guardian, log: Some(log) };
        let (started, mut lines) = (Instant::now(), Vec::new());
        while let Ok(line) = said.recv_timeout(PATIENCE.saturating_sub(started.elapsed())) {
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

    /// Gives an order, at most once, and waits until all processes are gone.
    fn end(&mut self, order: &str) {
        if let Some(mut pipe) = self.guardian.stdin.take() {
            // A guardian that is gone needs no order.
            let _ = pipe.write_all(order.as_bytes());
        }
        let gone = || self.guardian.try_wait().map_or(Some(()), |status| status.map(drop));
        until_blocking("a server and its guardian to end", gone);
        if let Some(log) = self.log.take() {
            let _ = log.join();
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.end("");
    }
}

/// A port of the loopback that nobody listens on.
pub(crate) fn free_port() -> u16 {
    let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    free.expect("a free port").port()
}

/// Runs what waits for processes where it holds up nobody.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
