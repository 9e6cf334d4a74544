//! The log writer: lines go into a bounded buffer, and a thread of its own writes them to standard error. A thread that
//! logs never waits for a full pipe or a slow disk, and never sees an error. A line that does not fit into the buffer
//! or cannot be written is counted, and the count is logged as soon as writing works again.

use parking_lot::{Condvar, Mutex, MutexGuard};
use std::io::{self, ErrorKind, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing_subscriber::fmt::MakeWriter;

/// The size of the buffer, in bytes.
const CAPACITY: usize = 1024 * 1024;
/// The pause after each write. Lines gather in the meantime, so that one write takes many lines and the thread is not
/// woken for each.
const PAUSE: Duration = Duration::from_millis(10);
/// How long [`BoundedWriter::close`] waits for lines that are not written yet.
const LAST_WAIT: Duration = Duration::from_secs(1);
/// How often the report of lost lines is tried again while nothing else is logged.
const RETRY: Duration = Duration::from_secs(1);

/// Makes the line that reports how many lines were lost.
pub(super) type Report = fn(lost: u64) -> String;

/// Takes log lines. Clones share one buffer.
#[derive(Clone)]
pub(super) struct BoundedWriter(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    capacity: usize,
}

/// What the lock protects. The thread moves lines out of it and writes them without the lock, so that logging never
/// waits for a write.
#[derive(Default)]
struct State {
    /// Complete lines that are not written yet.
    waiting: Vec<u8>,
    /// Lines that did not fit or could not be written, and are not reported yet.
    lost: u64,
    /// The thread waits for lines. A line that finds this flag set clears it and wakes the thread; further lines need
    /// not.
    idle: bool,
    /// Set by `close`: the thread ends when the buffer is empty.
    closing: bool,
    /// The thread has ended.
    closed: bool,
}

impl BoundedWriter {
    /// Starts the thread that writes to `sink`.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub(super) fn start(sink: impl Write + Send + 'static, report: Report) -> io::Result<Self> {
        Self::with_capacity(CAPACITY, sink, report)
    }

    fn with_capacity(capacity: usize, sink: impl Write + Send + 'static, report: Report) -> io::Result<Self> {
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new(), capacity });
        let writing = shared.clone();
        let work = move || Writing { shared: &writing, sink, report, partial: false }.run();
        std::thread::Builder::new().name("log".to_owned()).spawn(work)?;
        Ok(Self(shared))
    }

    /// Asks the thread to write the buffer and end, and waits at most [`LAST_WAIT`] for that.
    pub(super) fn close(&self) {
        let mut state = self.0.state();
        state.closing = true;
        self.0.changed.notify_all();
        let end = Instant::now() + LAST_WAIT;
        while !state.closed {
            let remaining = end.saturating_duration_since(Instant::now());
            if remaining.is_zero() {
                return;
            }
            self.0.changed.wait_for(&mut state, remaining);
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

impl<'a> MakeWriter<'a> for BoundedWriter {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Each call writes one line, and no call fails.
impl Write for BoundedWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut state = self.0.state();
        if state.waiting.len().saturating_add(line.len()) > self.0.capacity {
            state.lost += 1;
        } else {
            state.waiting.extend_from_slice(line);
            if std::mem::take(&mut state.idle) {
                self.0.changed.notify_all();
            }
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The state of the writing thread.
struct Writing<'a, W> {
    shared: &'a Shared,
    sink: W,
    report: Report,
    /// The last line was written only in part: the next write begins with a line break.
    partial: bool,
}

impl<W: Write> Writing<'_, W> {
    fn run(mut self) {
        let mut batch = Vec::new();
        loop {
            let (lost, closing) = self.next(&mut batch);
            let lost = lost + self.write(&batch);
            // The report is tried after every batch with losses, also after the last one. If it fails, its count is
            // added to `state.lost`, to which other threads may have added in the meantime.
            let unreported = if lost > 0 { self.report(lost) } else { 0 };
            batch.clear();
            let mut state = self.shared.state();
            state.lost += unreported;
            if closing && state.waiting.is_empty() {
                state.closed = true;
                self.shared.changed.notify_all();
                return;
            }
            drop(state);
            if !closing {
                std::thread::sleep(PAUSE);
            }
        }
    }

    /// Waits for lines and moves them to `batch`. Returns how many lines were lost before them, and whether they are
    /// the last. Also returns, without lines, when a loss has been unreported for [`RETRY`].
    fn next(&self, batch: &mut Vec<u8>) -> (u64, bool) {
        let mut state = self.shared.state();
        let mut waited = false;
        while state.waiting.is_empty() && !state.closing && !(state.lost > 0 && waited) {
            state.idle = true;
            self.shared.changed.wait_for(&mut state, RETRY);
            waited = true;
        }
        state.idle = false;
        std::mem::swap(&mut state.waiting, batch);
        (std::mem::take(&mut state.lost), state.closing)
    }

    /// Writes the report. Returns the number of lines that stay unreported: none, or all if the write failed.
    fn report(&mut self, lost: u64) -> u64 {
        let line = (self.report)(lost);
        if self.write(line.as_bytes()) == 0 { 0 } else { lost }
    }

    /// Writes lines. Returns how many of them could not be written in full.
    fn write(&mut self, lines: &[u8]) -> u64 {
        let mut rest = lines;
        if self.partial && !rest.is_empty() && self.sink.write_all(b"\n").is_ok() {
            self.partial = false;
        }
        while !rest.is_empty() {
            match self.sink.write(rest) {
                Ok(written @ 1..) => rest = rest.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // A pipe that another process has made non-blocking.
                Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(PAUSE),
                Ok(_) | Err(_) => {
                    let written = lines.len() - rest.len();
                    self.partial |= !lines.get(..written).unwrap_or_default().ends_with(b"\n") && written > 0;
                    return rest.iter().filter(|byte| **byte == b'\n').count() as u64;
                }
            }
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    /// A disk that can be full, or a pipe that nobody reads.
    #[derive(Clone, Default)]
    struct Sink {
        written: Arc<Mutex<Vec<u8>>>,
        full: Arc<AtomicBool>,
        stuck: Arc<Mutex<()>>,
    }

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            drop(self.stuck.lock());
            if self.full.load(Ordering::SeqCst) {
                return Err(ErrorKind::StorageFull.into());
            }
            self.written.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Sink {
        fn text(&self) -> String {
            String::from_utf8(self.written.lock().clone()).unwrap()
        }
    }

    fn report(lost: u64) -> String {
        format!("lost {lost}\n")
    }

    /// Waits until the thread has taken all lines.
    fn wait_until_taken(log: &BoundedWriter) {
        let end = Instant::now() + Duration::from_secs(30);
        while !log.0.state().waiting.is_empty() {
            assert!(Instant::now() < end, "the lines were not taken within 30 s");
            std::thread::yield_now();
        }
    }

    #[test]
    fn all_lines_are_written_in_order_before_the_end() {
        let sink = Sink::default();
        let mut log = BoundedWriter::start(sink.clone(), report).unwrap();
        let mut wanted = String::new();
        for n in 0..1000 {
            let line = format!("line {n}\n");
            wanted.push_str(&line);
            log.write_all(line.as_bytes()).unwrap();
        }
        log.close();
        assert_eq!(sink.text(), wanted);
    }

    #[test]
    fn lost_lines_are_counted_and_reported_when_writing_works_again() {
        let sink = Sink::default();
        sink.full.store(true, Ordering::SeqCst);
        let mut log = BoundedWriter::start(sink.clone(), report).unwrap();
        log.write_all(b"a\n").unwrap();
        log.write_all(b"b\n").unwrap();
        wait_until_taken(&log);
        // Another batch fails too.
        log.write_all(b"c\n").unwrap();
        wait_until_taken(&log);
        sink.full.store(false, Ordering::SeqCst);
        log.write_all(b"d\n").unwrap();
        log.close();
        let text = sink.text();
        let lost: u64 = text.lines().filter_map(|line| line.strip_prefix("lost ")?.parse::<u64>().ok()).sum();
        let seen = text.lines().filter(|line| line.len() == 1).count() as u64;
        assert_eq!(lost + seen, 4, "{text}");
        assert!(lost >= 2 && text.contains("d\n"), "{text}");
    }

    #[test]
    fn a_reader_that_does_not_read_loses_lines_but_blocks_no_logging_thread() {
        let sink = Sink::default();
        let stuck = sink.stuck.clone();
        let held = stuck.lock();
        let mut log = BoundedWriter::with_capacity(100, sink.clone(), report).unwrap();
        log.write_all(b"first\n").unwrap();
        wait_until_taken(&log);
        for _ in 0..100 {
            log.write_all(b"123456789\n").unwrap();
        }
        // Times out, because the reader still does not read.
        log.close();
        drop(held);
        let end = Instant::now() + Duration::from_secs(30);
        while !log.0.state().closed {
            assert!(Instant::now() < end, "the thread did not end within 30 s");
            std::thread::yield_now();
        }
        let text = sink.text();
        assert_eq!(text.lines().filter(|line| *line == "123456789").count(), 10, "{text}");
        assert!(text.contains("lost 90\n"), "{text}");
    }
}
