//! Words that stand for a choice.

use super::{AuthMode, DurabilityMode, LogFormat};

// Read from text, so that a wrong word is answered with the words that are right.
impl TryFrom<String> for AuthMode {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        match word.as_str() {
            "local" => Ok(Self::Local),
            "open" => Ok(Self::Open),
            _ => Err(format!("`{word}` is neither `local` nor `open`")),
        }
    }
}

impl TryFrom<String> for DurabilityMode {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        match word.as_str() {
            "process" => Ok(Self::Process),
            "full" => Ok(Self::Full),
            _ => Err(format!("`{word}` is neither `process` nor `full`")),
        }
    }
}

impl TryFrom<String> for LogFormat {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        match word.as_str() {
            "console" => Ok(Self::Console),
            "json" => Ok(Self::Json),
            _ => Err(format!("`{word}` is neither `console` nor `json`")),
        }
    }
}
