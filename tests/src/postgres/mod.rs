//! A real PostgreSQL server for one test. Its folder is removed when the value is dropped.

mod server;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::process::Command;

use crate::supervised::{SupervisedServer, blocking};
use crate::{tool, within};
use server::{Location, start};

/// A PostgreSQL server on a free loopback port, for the user `jan` without a password, with default durability (`fsync`
/// is on). When the value is dropped, or the process ends in any way, the server is stopped and its folder removed.
#[derive(Debug)]
pub struct PrivatePostgres {
    // Dropped first: the server must end before its folder is removed.
    server: Option<SupervisedServer>,
    location: Location,
    databases: AtomicUsize,
}

impl PrivatePostgres {
    /// Starts a server with the empty database `jan`. If PostgreSQL is not installed, prints that and returns `None`:
    /// see [`tool`].
    ///
    /// # Panics
    /// When the server does not start.
    pub async fn start() -> Option<Self> {
        Self::start_with(&[]).await
    }

    /// The same with settings of `postgresql.conf`, for example `("fsync", "off")` for speed.
    ///
    /// # Panics
    /// When the server does not start.
    pub async fn start_with(settings: &[(&str, &str)]) -> Option<Self> {
        let programs = tool("JAN_TEST_POSTGRES")?;
        let settings = settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let (server, location) = blocking(move || {
            let location = Location::new(programs, settings);
            (Some(start(&location)), location)
        })
        .await;
        let postgres = Self { server, location, databases: AtomicUsize::new(0) };
        postgres.sql(&postgres.location.url("postgres"), "create database jan").await;
        Some(postgres)
    }

    /// The URL of the database `jan`.
    pub fn url(&self) -> String {
        self.location.url("jan")
    }

    /// Creates a new database and returns its URL.
    ///
    /// # Panics
    /// When the server does not run.
    pub async fn database(&self) -> String {
        let name = format!("jan_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.sql(&self.url(), &format!("create database {name}")).await;
        self.location.url(&name)
    }

    /// Runs SQL with `psql` in the database at `url` and returns its output: one line for each row.
    ///
    /// # Panics
    /// When it fails.
    pub async fn sql(&self, url: &str, sql: &str) -> String {
        let mut psql = Command::new(self.location.programs.join("psql"));
        psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"]);
        let output = psql.args(["--dbname", url, "--command", sql]).kill_on_drop(true).output();
        let output = within("psql to answer", output).await.expect("psql runs");
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// Kills the server and its child processes with SIGKILL, like a crash, and waits until they have ended.
    pub async fn kill(&mut self) {
        if let Some(server) = self.server.take() {
            blocking(move || server.kill()).await;
        }
    }

    /// Starts the server again, with the same folder and port. If it is running, it is stopped first.
    ///
    /// # Panics
    /// When the server does not start.
    pub async fn restart(&mut self) {
        let (server, location) = (self.server.take(), self.location.clone());
        let start = move || {
            if let Some(server) = server {
                server.stop();
            }
            server::start(&location)
        };
        self.server = Some(blocking(start).await);
    }
}
