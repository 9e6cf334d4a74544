//! Parses a line: a message to send, or one of a few commands. Without side effects.

/// The text of `/help`.
pub(super) const HELP: &str = "\
/new          forget everything said so far
/model        list the models
/model NAME   talk to another model, which is told everything said so far
/quit         leave; so does Ctrl-D
Ctrl-C stops an answer. A line that starts with a space is said as it is, also with a slash.";

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command<'a> {
    Nothing,
    Send(&'a str),
    New,
    Model(Option<&'a str>),
    Help,
    Quit,
    Unknown(&'a str),
}

impl<'a> Command<'a> {
    pub(super) fn parse(line: &'a str) -> Self {
        let text = line.trim();
        if text.is_empty() {
            return Self::Nothing;
        }
        // Several lines were pasted, and are a message.
        if !line.starts_with('/') || text.contains('\n') {
            return Self::Send(text);
        }
        let (name, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        match (name, rest.trim()) {
            ("/new", "") => Self::New,
            ("/model", "") => Self::Model(None),
            ("/model", name) => Self::Model(Some(name)),
            ("/help" | "/?", _) => Self::Help,
            ("/quit" | "/exit" | "/bye", _) => Self::Quit,
            _ => Self::Unknown(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_and_commands_are_told_apart() {
        for (line, command) in [
            ("", Command::Nothing),
            ("  \t", Command::Nothing),
            ("hello /new", Command::Send("hello /new")),
            (" /etc/hosts is what?", Command::Send("/etc/hosts is what?")),
            ("/usr/bin\nlists programs", Command::Send("/usr/bin\nlists programs")),
            ("/new", Command::New),
            ("/model", Command::Model(None)),
            ("/model  a/b ", Command::Model(Some("a/b"))),
            ("/help", Command::Help),
            ("/quit", Command::Quit),
            ("/neww", Command::Unknown("/neww")),
            ("/new talk", Command::Unknown("/new")),
        ] {
            assert_eq!(Command::parse(line), command, "{line:?}");
        }
    }
}
