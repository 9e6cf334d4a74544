//! Reads the values of a GGUF header in file order. A broken file may state any length, so no memory is reserved for a
//! stated length; memory grows only with the bytes that are actually read.

use std::io::{Read, Seek};

/// The longest text that is accepted, in bytes. The longest real texts are chat templates, which are far shorter.
const MAX_TEXT: u64 = 16 << 20;

/// The reason why a header cannot be read, as the end of a sentence that begins with the file's name.
#[derive(Debug)]
pub(super) struct Broken(pub(super) String);

impl From<std::io::Error> for Broken {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::UnexpectedEof => Self("is cut off in its header".into()),
            _ => Self(format!("cannot be read ({error})")),
        }
    }
}

pub(super) struct Reader<R>(pub(super) R);

impl<R: Read> Reader<R> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Broken> {
        let mut bytes = [0; N];
        self.0.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Broken> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Broken> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn text(&mut self) -> Result<String, Broken> {
        let len = self.u64()?;
        let mut bytes = Vec::new();
        if len > MAX_TEXT || (&mut self.0).take(len).read_to_end(&mut bytes)? as u64 != len {
            return Err(Broken("is cut off or broken in its header".into()));
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Reads a single value of the type `kind`; `None` unless it is a whole number of at least 0.
    pub(super) fn number(&mut self, kind: u32) -> Result<Option<u64>, Broken> {
        let size = size(kind)?;
        let mut bytes = [0; 8];
        for byte in bytes.iter_mut().take(size) {
            [*byte] = self.array()?;
        }
        let number = u64::from_le_bytes(bytes);
        // For signed types the sign is the top bit of the value's `size` bytes.
        let negative = matches!(kind, 1 | 3 | 5 | 11) && number >> (size * 8 - 1) & 1 == 1;
        Ok((!matches!(kind, 6 | 12) && !negative).then_some(number))
    }
}

impl<R: Read + Seek> Reader<R> {
    pub(super) fn skip_list(&mut self, kind: u32, items: u64) -> Result<(), Broken> {
        if kind == 8 {
            for _ in 0..items {
                let len = self.u64()?;
                if len > MAX_TEXT {
                    return Err(Broken("is cut off or broken in its header".into()));
                }
                self.skip(len)?;
            }
            return Ok(());
        }
        self.skip(items.saturating_mul(size(kind)? as u64))
    }

    fn skip(&mut self, bytes: u64) -> Result<(), Broken> {
        let skipped = std::io::copy(&mut (&mut self.0).take(bytes), &mut std::io::sink())?;
        if skipped == bytes {
            Ok(())
        } else {
            Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into())
        }
    }
}

/// The size in bytes of a value that is neither a text nor a list, by the number of its type in the format.
fn size(kind: u32) -> Result<usize, Broken> {
    match kind {
        0 | 1 | 7 => Ok(1),
        2 | 3 => Ok(2),
        4..=6 => Ok(4),
        10..=12 => Ok(8),
        other => Err(Broken(format!("has a value of the unknown kind {other} in its header"))),
    }
}
