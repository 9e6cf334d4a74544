//! A PostgreSQL server of a test's own: no fake, but the real programs on a folder that lives as long as the value does.

mod server;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::process::Command;

use crate::guarded::{Guarded, blocking};
use crate::{tool, within};
use server::{Place, start};

/// A PostgreSQL server on a free port of the loopback, for the user `jan` without a password. It is durable as any is
/// (`fsync` is on). It is stopped and its folder removed when the value is dropped, or when the process ends in any way.
#[derive(Debug)]
pub struct PrivatePostgres {
    // Dropped first: the place cannot go before the server has.
    server: Option<Guarded>,
    place: Place,
    databases: AtomicUsize,
}

impl PrivatePostgres {
    /// A new server with the empty database `jan`. `None`, said aloud, where PostgreSQL is not installed: see [`tool`].
    ///
    /// # Panics
    /// When the server does not start.
    pub async fn start() -> Option<Self> {
        Self::start_with(&[]).await
    }

    /// The same with settings of `postgresql.conf`, for example `("fsync", "off")` where speed is all.
    ///
    /// # Panics
    /// When the server does not start.
    pub async fn start_with(settings: &[(&str, &str)]) -> Option<Self> {
        let programs = tool("JAN_TEST_POSTGRES")?;
        let settings = settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let (server, place) = blocking(move || {
            let place = Place::new(programs, settings);
            (Some(start(&place)), place)
        })
        .await;
        let postgres = Self { server, place, databases: AtomicUsize::new(0) };
        postgres.sql(&postgres.place.url("postgres"), "create database jan").await;
        Some(postgres)
    }

    /// The address of the database `jan`.
    pub fn url(&self) -> String {
        self.place.url("jan")
    }

    /// Makes a database that nobody else uses, and answers its address.
    ///
    /// # Panics
    /// When the server does not run.
    pub async fn database(&self) -> String {
        let name = format!("jan_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.sql(&self.url(), &format!("create database {name}")).await;
        self.place.url(&name)
    }

    /// Runs SQL with `psql` in the database at `url` and answers what it prints: a row a line.
    ///
    /// # Panics
    /// When it fails.
    pub async fn sql(&self, url: &str, sql: &str) -> String {
        let mut psql = Command::new(self.place.programs.join("psql"));
        psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"]);
        let asked = psql.args(["--dbname", url, "--command", sql]).kill_on_drop(true).output();
        let output = within("psql to answer", asked).await.expect("psql runs");
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// Kills the server and its children with SIGKILL, as a crash would, and waits until they are gone.
    pub async fn kill(&mut self) {
        if let Some(server) = self.server.take() {
            blocking(move || server.kill()).await;
        }
    }

    /// Starts the server again, on the same folder and port. One that runs is stopped before, at once.
    ///
    /// # Panics
    /// When the server does not start.
    pub async fn restart(&mut self) {
        let (server, place) = (self.server.take(), self.place.clone());
        let again = move || {
            if let Some(server) = server {
                server.stop();
            }
            start(&place)
        };
        self.server = Some(blocking(again).await);
    }
}
