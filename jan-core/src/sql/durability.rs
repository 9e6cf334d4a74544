//! What an acknowledged write survives, chosen when a database is opened.

/// What an acknowledged write survives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Durability {
    /// The death of this process: SQLite's log is written at every commit and brought to the disk now and then. After a
    /// power cut the last moments may be missing; the file is never broken.
    #[default]
    Process,
    /// The death of the machine: every commit waits for the disk. Commits of the same moment share one wait.
    Full,
}
