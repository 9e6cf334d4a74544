//! Programs that a test starts: each is killed at the end of the test, and each wait for one has a time limit.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::WAIT_LIMIT;
use crate::wait::blocking_within;

/// A running program. Dropping it kills the program, also when the test fails.
#[derive(Debug)]
pub struct Process {
    child: Child,
    name: String,
}

impl Process {
    /// Starts the program.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(command: &mut Command) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command.spawn().unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        Self { child, name }
    }

    /// Its standard input, if `command` made it a pipe. `None` after the first call.
    pub fn stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// The lines of its standard output, if `command` made it a pipe. `None` after the first call.
    pub fn stdout(&mut self) -> Option<Lines> {
        self.child.stdout.take().map(|pipe| Lines::read(pipe, &self.name))
    }

    /// The lines of its standard error, if `command` made it a pipe. `None` after the first call.
    pub fn stderr(&mut self) -> Option<Lines> {
        self.child.stderr.take().map(|pipe| Lines::read(pipe, &self.name))
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it, as a crash would.
    ///
    /// # Panics
    /// When it does not end within [`WAIT_LIMIT`].
    pub fn kill(mut self) {
        let _ = self.child.kill();
        self.ended();
    }

    /// Waits for its end. Blocks the thread.
    ///
    /// # Panics
    /// When it does not end within [`WAIT_LIMIT`].
    pub fn ended(&mut self) -> ExitStatus {
        self.ended_within(WAIT_LIMIT)
    }

    fn ended_within(&mut self, limit: Duration) -> ExitStatus {
        let Self { child, name } = self;
        let status = || child.try_wait().expect("a child can be waited for");
        blocking_within(limit, &format!("{name} to end"), status)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The output of a program, line by line. A thread reads it to its end, also when the test reads no more lines, so that
/// the program never waits for a reader.
#[derive(Debug)]
pub struct Lines {
    lines: Receiver<String>,
    name: String,
}

impl Lines {
    pub(crate) fn read(pipe: impl Read + Send + 'static, name: &str) -> Self {
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            BufReader::new(pipe).lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
        });
        Self { lines, name: name.to_owned() }
    }

    /// The next line that contains `part`. Blocks the thread.
    ///
    /// # Panics
    /// With all lines so far, when no line contains it until the end of the output, or within [`WAIT_LIMIT`].
    pub fn with(&self, part: &str) -> String {
        let (started, mut seen) = (Instant::now(), Vec::new());
        while let Ok(line) = self.lines.recv_timeout(WAIT_LIMIT.saturating_sub(started.elapsed())) {
            if line.contains(part) {
                return line;
            }
            seen.push(line);
        }
        panic!("{} wrote no line with `{part}`:\n{}", self.name, seen.join("\n"));
    }

    /// The remaining lines up to the end of the output. Blocks the thread until the program ends.
    pub fn rest(&self) -> Vec<String> {
        self.lines.iter().collect()
    }
}

/// Runs a program to its end and returns its output, as [`Command::output`] does. Blocks the thread.
///
/// # Panics
/// When it cannot be started, or does not end within [`WAIT_LIMIT`]; it is killed then.
pub fn output(command: &mut Command) -> Output {
    output_within(WAIT_LIMIT, command)
}

/// As [`output`], with another time limit.
///
/// # Panics
/// As [`output`], but after `limit`.
pub fn output_within(limit: Duration, command: &mut Command) -> Output {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = Process::start(command);
    let pipes = (process.child.stdout.take(), process.child.stderr.take());
    let (stdout, stderr) = (read_all(pipes.0), read_all(pipes.1));
    let status = process.ended_within(limit);
    let bytes = |reading: JoinHandle<Vec<u8>>| reading.join().unwrap_or_default();
    Output { status, stdout: bytes(stdout), stderr: bytes(stderr) }
}

fn read_all(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_end(&mut bytes);
        }
        bytes
    })
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn output_and_exit_status_of_a_program_are_returned() {
        let mut shell = Command::new("sh");
        let done = output(shell.args(["-c", "echo one; echo two >&2; exit 3"]));
        assert_eq!(
            (done.status.code(), &*done.stdout, &*done.stderr),
            (Some(3), &b"one\n"[..], &b"two\n"[..])
        );

        let mut shell = Command::new("sh");
        let waiting = shell.args(["-c", "echo first; echo ready; read -r line; echo $line"]);
        let mut waiting = Process::start(waiting.stdin(Stdio::piped()).stdout(Stdio::piped()));
        let (lines, stdin) = (waiting.stdout().unwrap(), waiting.stdin());
        assert_eq!(lines.with("rea"), "ready");
        drop(stdin);
        assert_eq!(lines.rest(), [""]);
        assert!(waiting.ended().success());
    }

    #[test]
    fn a_dropped_process_is_killed() {
        let pid = Process::start(Command::new("sleep").arg("1000")).id();
        // Signal 0 only checks whether the process exists.
        let check = output(Command::new("kill").args(["-0", &pid.to_string()]));
        assert!(!check.status.success());
    }
}
