//! An S3 server of a test's own: no fake, but MinIO on a folder that lives as long as the value does.

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jan_core::id;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::guarded::{Guarded, Program, blocking, free_port};
use crate::{tool, within};

/// What the log says when the server can be asked.
const READY: &str = "API: http";

/// An S3 server (MinIO) on a free port of the loopback, with a key of its own. Buckets stand in the path. It is stopped
/// and its folder removed when the value is dropped, or when the process ends in any way.
#[derive(Debug)]
pub struct PrivateMinio {
    // Dropped first: the place cannot go before the server has.
    server: Option<Guarded>,
    place: Place,
    buckets: AtomicUsize,
}

/// A folder, a port and a key for the servers that run there one after another.
#[derive(Debug, Clone)]
struct Place {
    program: PathBuf,
    folder: Arc<TempDir>,
    port: u16,
    key: String,
}

impl Place {
    fn start(&self) -> Guarded {
        let mut shell = std::process::Command::new("sh");
        shell.current_dir(self.folder.path()).env("HOME", self.folder.path());
        shell.envs([("MINIO_ROOT_USER", PrivateMinio::KEY_ID), ("MINIO_ROOT_PASSWORD", &self.key)]);
        // No console, and no question to its makers.
        shell.envs([("MINIO_BROWSER", "off"), ("MINIO_UPDATE", "off")]);
        let args = ["server", "--address", &format!("127.0.0.1:{}", self.port), "data"];
        let args = args.map(str::to_owned).into();
        // What it acknowledged is in its files: being killed loses nothing.
        Guarded::start(shell, Program { path: &self.program, args, ready: READY, stop: "KILL" })
    }
}

impl PrivateMinio {
    /// The id of the key.
    pub const KEY_ID: &str = "jan";
    /// What MinIO calls its region.
    pub const REGION: &str = "us-east-1";

    /// A new server without buckets. `None`, said aloud, where MinIO is not there: see [`tool`].
    ///
    /// # Panics
    /// When the server does not start.
    pub async fn start() -> Option<Self> {
        let program = tool("JAN_TEST_MINIO")?;
        let (server, place) = blocking(move || {
            let folder = Arc::new(tempfile::tempdir().expect("a temporary folder"));
            let place = Place { program, folder, port: free_port(), key: id::short("key_") };
            (Some(place.start()), place)
        })
        .await;
        Some(Self { server, place, buckets: AtomicUsize::new(0) })
    }

    /// Its address.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.place.port)
    }

    /// The key.
    pub fn key(&self) -> &str {
        &self.place.key
    }

    /// Makes a bucket that nobody else uses, and answers its name.
    ///
    /// # Panics
    /// When the server does not run.
    pub async fn bucket(&self) -> String {
        let name = format!("bucket-{}", self.buckets.fetch_add(1, Ordering::Relaxed));
        self.ask("PUT", &name).await;
        name
    }

    /// The names of what is in a bucket, of the first thousand.
    ///
    /// # Panics
    /// When the server does not run.
    pub async fn objects(&self, bucket: &str) -> Vec<String> {
        let list = self.ask("GET", &format!("{bucket}?list-type=2")).await;
        let name = |part: &str| part.split_once("</Key>").map(|(name, _)| name.to_owned());
        list.split("<Key>").skip(1).filter_map(name).collect()
    }

    /// Asks the server with `curl`, which signs as S3 wants it.
    async fn ask(&self, method: &str, what: &str) -> String {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--fail", "--config", "-", "--request", method]);
        curl.arg("--aws-sigv4").arg(format!("aws:amz:{}:s3", Self::REGION));
        curl.arg(format!("{}/{what}", self.endpoint()));
        curl.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut curl = curl.kill_on_drop(true).spawn().expect("curl runs");
        // Not on its command line, which everybody on the machine can read.
        let user = format!("user = \"{}:{}\"\n", Self::KEY_ID, self.place.key);
        curl.stdin.take().expect("a pipe").write_all(user.as_bytes()).await.expect("curl reads");
        let output = within("curl to end", curl.wait_with_output()).await.expect("curl ends");
        assert!(output.status.success(), "{method} {what}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Kills the server with SIGKILL, as a crash would, and waits until it is gone.
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
            place.start()
        };
        self.server = Some(blocking(again).await);
    }
}
