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

use crate::supervised::{Program, SupervisedServer, blocking, free_port};
use crate::{tool, within};

/// A part of the log line that shows that the server accepts requests.
const READY: &str = "API: http";

/// An S3 server (MinIO) on a free loopback port, with its own key and path-style buckets. When the value is dropped, or
/// the process ends in any way, the server is stopped and its folder removed.
#[derive(Debug)]
pub struct PrivateMinio {
    // Dropped first: the server must end before its folder is removed.
    server: Option<SupervisedServer>,
    location: Location,
    buckets: AtomicUsize,
}

/// The folder, port and key of the server. They stay the same when it is restarted.
#[derive(Debug, Clone)]
struct Location {
    program: PathBuf,
    folder: Arc<TempDir>,
    port: u16,
    key: String,
}

impl Location {
    fn start(&self) -> SupervisedServer {
        let mut shell = std::process::Command::new("sh");
        shell.current_dir(self.folder.path()).env("HOME", self.folder.path());
        shell.envs([("MINIO_ROOT_USER", PrivateMinio::KEY_ID), ("MINIO_ROOT_PASSWORD", &self.key)]);
        // No web console and no update check.
        shell.envs([("MINIO_BROWSER", "off"), ("MINIO_UPDATE", "off")]);
        let args = ["server", "--address", &format!("127.0.0.1:{}", self.port), "data"];
        let args = args.map(str::to_owned).into();
        // MinIO acknowledges only what is in its files, so SIGKILL loses nothing.
        SupervisedServer::start(shell, Program { path: &self.program, args, ready: READY, stop: "KILL" })
    }
}

impl PrivateMinio {
    /// The access key id.
    pub const KEY_ID: &str = "jan";
    /// MinIO's default region.
    pub const REGION: &str = "us-east-1";

    /// Starts a server without buckets. If MinIO is not installed, prints that and returns `None`: see [`tool`].
    ///
    /// # Panics
    /// When the server does not start.
    pub async fn start() -> Option<Self> {
        let program = tool("JAN_TEST_MINIO")?;
        let (server, location) = blocking(move || {
            let folder = Arc::new(tempfile::tempdir().expect("a temporary folder"));
            let location = Location { program, folder, port: free_port(), key: id::short("key_") };
            (Some(location.start()), location)
        })
        .await;
        Some(Self { server, location, buckets: AtomicUsize::new(0) })
    }

    /// Its URL, without a path.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.location.port)
    }

    /// The secret access key.
    pub fn key(&self) -> &str {
        &self.location.key
    }

    /// Creates a new bucket and returns its name.
    ///
    /// # Panics
    /// When the server does not run.
    pub async fn bucket(&self) -> String {
        let name = format!("bucket-{}", self.buckets.fetch_add(1, Ordering::Relaxed));
        self.request("PUT", &name).await;
        name
    }

    /// The names of the objects in a bucket (at most the first thousand).
    ///
    /// # Panics
    /// When the server does not run.
    pub async fn objects(&self, bucket: &str) -> Vec<String> {
        let list = self.request("GET", &format!("{bucket}?list-type=2")).await;
        let name = |part: &str| part.split_once("</Key>").map(|(name, _)| name.to_owned());
        list.split("<Key>").skip(1).filter_map(name).collect()
    }

    /// Sends a request with `curl`, which can sign requests for S3, and returns the reply's body.
    async fn request(&self, method: &str, path: &str) -> String {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--fail", "--config", "-", "--request", method]);
        curl.arg("--aws-sigv4").arg(format!("aws:amz:{}:s3", Self::REGION));
        curl.arg(format!("{}/{path}", self.endpoint()));
        curl.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut curl = curl.kill_on_drop(true).spawn().expect("curl runs");
        // Not on the command line, which every user of the machine can read.
        let user = format!("user = \"{}:{}\"\n", Self::KEY_ID, self.location.key);
        curl.stdin.take().expect("a pipe").write_all(user.as_bytes()).await.expect("curl reads");
        let output = within("curl to end", curl.wait_with_output()).await.expect("curl ends");
        assert!(output.status.success(), "{method} {path}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Kills the server with SIGKILL, like a crash, and waits until it has ended.
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
            location.start()
        };
        self.server = Some(blocking(start).await);
    }
}
