//! Configuration values that are one of a few words.

use super::{AuthMode, DurabilityMode, LogFormat, MediaBackend, MediaForm, PictureForm};

/// Parses a choice from text. The error for another word lists the accepted words.
macro_rules! choice {
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

choice!(AuthMode: "local" => Local, "open" => Open; "neither `local` nor `open`");
choice!(DurabilityMode: "process" => Process, "full" => Full; "neither `process` nor `full`");
choice!(LogFormat: "console" => Console, "json" => Json; "neither `console` nor `json`");
choice!(MediaBackend: "folder" | "local" => Folder, "s3" => S3, "memory" => Memory; "none of `folder`, `s3` and `memory`");
choice!(MediaForm: "data_url" => DataUrl, "link" => Link; "neither `data_url` nor `link`");
choice!(PictureForm: "url" => Url, "b64_json" => B64Json; "neither `url` nor `b64_json`");
