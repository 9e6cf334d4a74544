//! Keys that are kept in the data folder: read, or made at the first start. Only their owner can read the files.

use std::path::Path;

use jan_core::{Error, Result, Secret, files, id};

use super::folder;
use jan_server::SigningKey;

/// The file that holds the key which signs tokens.
const SIGNING_KEY: &str = "signing-key.pk8";
/// The file that holds the key which signs links to media.
const LINK_KEY: &str = "link-key";

/// The key that signs tokens.
pub(super) fn signing_key(data_dir: &Path) -> Result<SigningKey> {
    let bytes = kept(data_dir, SIGNING_KEY, || Ok(SigningKey::generate()?.to_pkcs8().to_vec()))?;
    SigningKey::from_pkcs8(bytes).map_err(|e| {
        let path = data_dir.join(SIGNING_KEY);
        Error::invalid("data_dir", format!("{} is no signing key.", path.display())).because(e)
    })
}

/// The key that signs links.
pub(super) fn link_key(data_dir: &Path) -> Result<Secret> {
    let bytes = kept(data_dir, LINK_KEY, || Ok(id::random("link_", 48).into_bytes()))?;
    let text = String::from_utf8(bytes).ok().filter(|text| text.len() >= 32);
    text.map(Into::into).ok_or_else(|| {
        let path = data_dir.join(LINK_KEY);
        Error::invalid("data_dir", format!("{} is no key for links.", path.display()))
    })
}

fn kept(data_dir: &Path, name: &str, make: impl FnOnce() -> Result<Vec<u8>>) -> Result<Vec<u8>> {
    let failed = |what: &str, e: std::io::Error| {
        let message = format!(
            "{what} {} failed: {e}. Set `data_dir` to a folder that can be written.",
            data_dir.display()
        );
        Error::invalid("data_dir", message)
    };
    folder::open(data_dir)?;
    let path = data_dir.join(name);
    match std::fs::read(&path) {
        Ok(bytes) => {
            files::tighten(&path).map_err(|e| failed("Hiding a key from others in", e))?;
            Ok(bytes)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            keep(&path, &make()?).map_err(|e| failed("Keeping a key in", e))?;
            // Another process may have been first: what lies there counts.
            std::fs::read(&path).map_err(|e| failed("Reading a key in", e))
        }
        Err(error) => Err(failed("Reading a key in", error)),
    }
}

/// Writes a file that was not there, whole or not at all.
fn keep(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write;

    let part = path.with_extension(format!("part-{}", std::process::id()));
    let mut file = files::create(&part)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    let linked = std::fs::hard_link(&part, path);
    std::fs::remove_file(&part)?;
    match linked {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}
