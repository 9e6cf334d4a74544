//! Only the owner can read the files that the binary writes, whatever the umask is and whatever modes they had before.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::binary::{Serving, jan};

/// The binary with another umask, set by a shell, because `Command` cannot set it.
fn with_umask(umask: &str, dir: &TempDir) -> Command {
    let inner = jan(dir);
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("umask {umask}; exec \"$0\" \"$@\"")]).arg(inner.get_program());
    shell.current_dir(dir.path()).env_clear();
    shell.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell
}

/// Files and folders below `folder` that are accessible to other users, with their modes.
fn accessible_to_others(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, meta) = (entry.path(), entry.metadata().unwrap());
        let mode = meta.permissions().mode() & 0o777;
        if mode != if meta.is_dir() { 0o700 } else { 0o600 } {
            found.push(format!("{} {mode:o}", path.display()));
        }
        if meta.is_dir() {
            found.extend(accessible_to_others(&path));
        }
    }
    found
}

fn make_accessible(path: &Path) {
    for entry in fs::read_dir(path).unwrap().map(Result::unwrap) {
        let folder = entry.metadata().unwrap().is_dir();
        fs::set_permissions(entry.path(), Permissions::from_mode(if folder { 0o777 } else { 0o666 }))
            .unwrap();
        if folder {
            make_accessible(&entry.path());
        }
    }
}

#[tokio::test]
async fn only_the_owner_can_read_the_files() {
    for umask in ["000", "022"] {
        let dir = tempfile::tempdir().unwrap();
        let client = reqwest::Client::new();
        let mut command = with_umask(umask, &dir);
        let serving = Serving::start(command.envs([("JAN_ECHO", "1"), ("JAN_RATE_LIMIT", "off")]));
        let login = client.post(format!("{}/llm/auth/guest-login", serving.1)).send().await.unwrap();
        let token = login.json::<Value>().await.unwrap()["access_token"].as_str().unwrap().to_owned();
        let me = client.get(format!("{}/v1/users/me", serving.1)).bearer_auth(&token).send().await.unwrap();
        let me: Value = me.json().await.unwrap();
        let user = me["data"]["id"].as_str().or(me["id"].as_str()).unwrap().to_owned();
        let body = json!({"metadata": {"a": "b"}});
        let kept = client.post(format!("{}/v1/conversations", serving.1)).bearer_auth(&token).json(&body);
        assert!(kept.send().await.unwrap().status().is_success());
        let picture = "data:image/gif;base64,R0lGODlhAQABAIAAAP///wAAACwAAAAAAQABAAACAkQBADs=";
        let body = json!({"source": {"type": "data_url", "data_url": picture}});
        let upload = client
            .post(format!("{}/v1/media", serving.1))
            .bearer_auth(&token)
            .json(&body)
            .send()
            .await
            .unwrap();
        assert!(upload.status().is_success(), "{}", upload.text().await.unwrap());
        let (open, data) = (accessible_to_others(dir.path()), dir.path().join("data"));
        assert!(open.is_empty(), "umask {umask}: {open:?}");
        assert!(
            data.join("jan.db-wal").exists() && fs::read_dir(data.join("media")).unwrap().next().is_some()
        );
        // After a crash, with the modes that an older version used.
        serving.kill();
        make_accessible(dir.path());
        let export = with_umask(umask, &dir)
            .args(["export", "--user", &user, "--out", "export.jsonl"])
            .output()
            .unwrap();
        assert!(export.status.success(), "{}", String::from_utf8_lossy(&export.stderr));
        assert_eq!(
            fs::metadata(dir.path().join("export.jsonl")).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let again = Serving::start(with_umask(umask, &dir).env("JAN_ECHO", "1"));
        let open = accessible_to_others(dir.path());
        assert!(open.is_empty(), "umask {umask}, after a restart: {open:?}");
        assert_eq!(again.terminate(), Some(0));
    }
}
