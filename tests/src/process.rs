//! Programs that a test starts: each is ended with the test, and each wait for one has an end.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::PATIENCE;
use crate::wait::blocking_within;

/// A running program. Dropping it kills it, so that a test which fails leaves nothing behind.
#[derive(Debug)]
pub struct Process {
    child: Child,
    name: String,
}

impl Process {
    /// Starts it.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(command: &mut Command) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command.spawn().unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        Self { child, name }
    }

    /// Where it reads, if `command` said that this is a pipe; at most once.
    pub fn stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// The lines that it writes to its standard output, if that is a pipe; at most once.
    pub fn stdout(&mut self) -> Option<Lines> {
        self.child.stdout.take().map(|pipe| Lines::of(pipe, &self.name))
    }

    /// The lines that it writes to its standard error, if that is a pipe; at most once.
    pub fn stderr(&mut self) -> Option<Lines> {
        self.child.stderr.take().map(|pipe| Lines::of(pipe, &self.name))
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it, as a crash would.
    ///
    /// # Panics
    /// When it does not go.
    pub fn kill(mut self) {
        let _ = self.child.kill();
        self.ended();
    }

    /// Waits for its end. Blocks.
    ///
    /// # Panics
    /// When it does not end within [`PATIENCE`].
    pub fn ended(&mut self) -> ExitStatus {
        self.ended_within(PATIENCE)
    }

    fn ended_within(&mut self, patience: Duration) -> ExitStatus {
        let Self { child, name } = self;
        let look = || child.try_wait().expect("a child can be waited for");
        blocking_within(patience, &format!("{name} to end"), look)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a program writes, line by line. It is read to its end also when nobody asks any more, so that the program never
/// waits for a reader.
#[derive(Debug)]
pub struct Lines {
    lines: Receiver<String>,
    name: String,
}

impl Lines {
    pub(crate) fn of(pipe: impl Read + Send + 'static, name: &str) -> Self {
        let (say, lines) = channel();
        std::thread::spawn(move || {
            BufReader::new(pipe).lines().map_while(Result::ok).for_each(|line| drop(say.send(line)));
        });
        Self { lines, name: name.to_owned() }
    }

    /// The next line with `part` in it. Blocks.
    ///
    /// # Panics
    /// With all lines that came, when none has it until the end, or within [`PATIENCE`].
    pub fn with(&self, part: &str) -> String {
        let (begun, mut seen) = (Instant::now(), Vec::new());
        while let Ok(line) = self.lines.recv_timeout(PATIENCE.saturating_sub(begun.elapsed())) {
            if line.contains(part) {
                return line;
            }
            seen.push(line);
        }
        panic!("{} wrote no line with `{part}`:\n{}", self.name, seen.join("\n"));
    }

    /// The lines up to the end of what it writes. Blocks, and ends with the program.
    pub fn rest(&self) -> Vec<String> {
        self.lines.iter().collect()
    }
}

/// Runs a program to its end and answers what it wrote, as [`Command::output`] does. Blocks.
///
/// # Panics
/// When it cannot be started, or does not end within [`PATIENCE`]; it is killed then.
pub fn output(command: &mut Command) -> Output {
    output_within(PATIENCE, command)
}

/// As [`output`], for a program that has more to do.
///
/// # Panics
/// As [`output`], after `patience`.
pub fn output_within(patience: Duration, command: &mut Command) -> Output {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = Process::start(command);
    let pipes = (process.child.stdout.take(), process.child.stderr.take());
    let (stdout, stderr) = (all(pipes.0), all(pipes.1));
    let status = process.ended_within(patience);
    let bytes = |reading: JoinHandle<Vec<u8>>| reading.join().unwrap_or_default();
    Output { status, stdout: bytes(stdout), stderr: bytes(stderr) }
}

fn all(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
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
    fn what_a_program_writes_and_how_it_ends_is_seen() {
        let mut shell = Command::new("sh");
        let done = output(shell.args(["-c", "echo one; echo two >&2; exit 3"]));
        assert_eq!(
            (done.status.code(), &*done.stdout, &*done.stderr),
            (Some(3), &b"one\n"[..], &b"two\n"[..])
        );

        let mut shell = Command::new("sh");
        let waiting = shell.args(["-c", "echo first; echo ready; read -r line; echo $line"]);
        let mut waiting = Process::start(waiting.stdin(Stdio::piped()).stdout(Stdio::piped()));
        let (said, stdin) = (waiting.stdout().unwrap(), waiting.stdin());
        assert_eq!(said.with("rea"), "ready");
        drop(stdin);
        assert_eq!(said.rest(), [""]);
        assert!(waiting.ended().success());
    }

    #[test]
    fn a_program_that_is_dropped_is_gone() {
        let pid = Process::start(Command::new("sleep").arg("1000")).id();
        // Signal 0 asks whether there is somebody.
        let asked = output(Command::new("kill").args(["-0", &pid.to_string()]));
        assert!(!asked.status.success());
    }
}
