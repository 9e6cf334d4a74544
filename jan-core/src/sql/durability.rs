//! The durability of writes, chosen when a database is opened.

/// What an acknowledged write survives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Durability {
    /// The death of this process. SQLite writes its log at every commit and flushes it to the disk from time to time.
    /// After a power cut, the last writes may be missing; the file is never corrupt.
    #[default]
    Process,
    /// A crash or power cut of the machine. Every commit waits for the disk; simultaneous commits share one wait.
    Full,
}
