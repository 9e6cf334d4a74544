//! Words that stand for a choice.

use super::{AuthMode, DurabilityMode, LogFormat, MediaBackend, MediaForm, PictureForm};

/// Reads a choice from text, so that a wrong word is answered with the words that are right.
macro_rules! words {
    ($choice:ident: $($word:literal $(| $alias:literal)* => $variant:ident),+; $right:literal) => {
        impl TryFrom<String> for $choice {
            type Error = String;

            fn try_from(word: String) -> Result<Self, String> {
                match word.as_str() {
                    $($word $(| $alias)* => Ok(Self::$variant),)+
                    _ => Err(format!(concat!("`{}` is ", $right), word)),
                }
            }
        }
    };
}

words!(AuthMode: "local" => Local, "open" => Open; "neither `local` nor `open`");
words!(DurabilityMode: "process" => Process, "full" => Full; "neither `process` nor `full`");
words!(LogFormat: "console" => Console, "json" => Json; "neither `console` nor `json`");
words!(MediaBackend: "folder" | "local" => Folder, "s3" => S3, "memory" => Memory; "none of `folder`, `s3` and `memory`");
words!(MediaForm: "data_url" => DataUrl, "link" => Link; "neither `data_url` nor `link`");
words!(PictureForm: "url" => Url, "b64_json" => B64Json; "neither `url` nor `b64_json`");
