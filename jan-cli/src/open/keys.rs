//! Keys in the data folder: read, or generated at the first start. Only their owner can read the files.

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
    let bytes = read_or_create(data_dir, SIGNING_KEY, || Ok(SigningKey::generate()?.to_pkcs8().to_vec()))?;
    SigningKey::from_pkcs8(bytes).map_err(|e| {
        let path = data_dir.join(SIGNING_KEY);
        Error::invalid("data_dir", format!("{} is no signing key.", path.display())).because(e)
    })
}

/// The key that signs links.
pub(super) fn link_key(data_dir: &Path) -> Result<Secret> {
    let bytes = read_or_create(data_dir, LINK_KEY, || Ok(id::random("link_", 48).into_bytes()))?;
    let text = String::from_utf8(bytes).ok().filter(|text| text.len() >= 32);
    text.map(Into::into).ok_or_else(|| {
        let path = data_dir.join(LINK_KEY);
        Error::invalid("data_dir", format!("{} is no key for links.", path.display()))
    })
}

fn read_or_create(
    data_dir: &Path,
    name: &str,
    generate: impl FnOnce() -> Result<Vec<u8>>,
) -> Result<Vec<u8>> {
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
            create(&path, &generate()?).map_err(|e| failed("Keeping a key in", e))?;
            // Another process may have created the file in the meantime; its key is the one to use.
            std::fs::read(&path).map_err(|e| failed("Reading a key in", e))
        }
        Err(error) => Err(failed("Reading a key in", error)),
    }
}

/// Creates a file with its whole content, or not at all: the content goes to a temporary file, and a hard link gives it
/// its name. The link fails if the file exists, so that two processes cannot both create it.
fn create(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write;

    let temporary = path.with_extension(format!("part-{}", std::process::id()));
    let mut file = files::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    let linked = std::fs::hard_link(&temporary, path);
    std::fs::remove_file(&temporary)?;
    match linked {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}
